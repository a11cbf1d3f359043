"""Compiling without graph breaks, and one exported program for every size, per rank."""

from __future__ import annotations

import pytest
import torch
from tiny_models import tiny
from torch import Tensor, nn

from swinkit.backbone import Convolutions
from swinkit.models import Model, prepare_training


class Features(nn.Module):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, grid: Tensor) -> list[Tensor]:
        return self.model.features(grid)


TRACED = {1: (56,), 2: (24, 20), 3: (12, 8, 10)}
CALLED = {
    1: [(n,) for n in (6, 7, 8, 9, 13, 15, 16, 17, 23, 31, 32, 33, 47, 63, 64, 65, 99, 100, 127, 501)],
    2: [(6, 6), (7, 9), (8, 8), (9, 31), (13, 6), (16, 16), (17, 17), (20, 24), (23, 40), (25, 25), (31, 100), (32, 32),
        (33, 64), (48, 7), (50, 51), (63, 65), (64, 64), (97, 33), (10, 200), (101, 100)],
    3: [(6, 6, 6), (7, 6, 9), (8, 8, 8), (9, 10, 11), (12, 12, 12), (13, 7, 6), (16, 6, 8), (16, 16, 16), (17, 9, 7),
        (6, 20, 6), (10, 10, 10), (11, 12, 13), (15, 15, 15), (14, 8, 22), (7, 7, 7), (9, 9, 16), (12, 17, 6), (8, 24,
        8),
        (10, 6, 30), (6, 7, 8)],
}  # fmt: skip


V1_RULES, V2_RULES = ("shrink", "mask", "v1"), ("pad", "attend", "v2")
UNPROVEN = pytest.mark.xfail(strict=True, reason="torch cannot prove n * n >= n for n blocks of a sequence")
EXPORTS = [
    *[(rank, "shifted", *rules) for rank, rules in ((1, V1_RULES), (2, V1_RULES), (2, V2_RULES), (3, V1_RULES))],
    *[pytest.param(rank, "cross_block", *V1_RULES, marks=UNPROVEN if rank == 1 else ()) for rank in (1, 2)],
    *[
        pytest.param(rank, "cross_block", *rules, marks=pytest.mark.slow)
        for rank, rules in ((3, V1_RULES), (2, V2_RULES), (3, V2_RULES))
    ],
    *[pytest.param(rank, "shifted", *V2_RULES, marks=pytest.mark.slow) for rank in (1, 3)],
]  # fmt: skip


@pytest.mark.parametrize("rank, mixing, small_map, pad_tokens, version", EXPORTS)
def test_one_exported_program_takes_twenty_other_sizes(rank, mixing, small_map, pad_tokens, version):
    takes_twenty_other_sizes(tiny(rank, version, patch=2, mixing=mixing, small_map=small_map, pad_tokens=pad_tokens))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_one_exported_program_of_our_small_models_takes_twenty_other_sizes(rank):
    stem = Convolutions(size=(2,) * rank, channels=2)
    takes_twenty_other_sizes(tiny(rank, stem=stem, conditional_position=True))


def takes_twenty_other_sizes(network: Model) -> None:
    model, rank = Features(network), network.config.rank
    dims = {0: torch.export.Dim("batch", min=1, max=64)}
    # torch's own guards on contiguity ask for two tokens an axis in the last stage
    dims |= {axis + 2: torch.export.Dim(f"size{axis}", min=5, max=1024) for axis in range(rank)}
    program = torch.export.export(model, (torch.randn(2, 2, *TRACED[rank]),), dynamic_shapes=(dims,), strict=False)
    run = program.module()
    assert len(CALLED[rank]) == 20
    for size in CALLED[rank]:
        grid = torch.randn(3, 2, *size)
        for ours, exported in zip(model(grid), run(grid), strict=True):
            torch.testing.assert_close(exported, ours, rtol=1e-4, atol=5e-5)


@pytest.mark.parametrize(
    "version, mixing",
    [
        ("v1", "shifted"),
        pytest.param("v2", "shifted", marks=pytest.mark.slow),
        ("v1", "cross_block"),
        pytest.param("v2", "cross_block", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_compiles_whole_and_trains(rank, version, mixing):
    model = tiny(rank, version, mixing=mixing, conditional_position=version == "v1").train()
    grid = torch.randn(2, 2, *(9,) * rank)
    torch.compiler.reset()
    whole = torch.compile(model.features, backend="aot_eager", fullgraph=True)
    ours, compiled = model.features(grid), whole(grid)
    for a, b in zip(ours, compiled, strict=True):
        torch.testing.assert_close(a, b)
    wanted = torch.autograd.grad(sum(f.square().sum() for f in ours), list(model.parameters()))
    got = torch.autograd.grad(sum(f.square().sum() for f in compiled), list(model.parameters()))
    for a, b in zip(wanted, got, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_compiles_with_inductor(rank):
    model = tiny(rank)
    grid = torch.randn(2, 2, *(9,) * rank)
    torch.compiler.reset()
    with torch.no_grad():
        compiled = torch.compile(model.features, fullgraph=True)(grid)
        for a, b in zip(model.features(grid), compiled, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_recomputed_blocks_give_the_same_gradients(rank):
    """Non-reentrant checkpointing from outside, stochastic depth included."""
    grid = torch.randn(2, 2, *(9,) * rank)
    results = []
    for recompute in (False, True):
        model = prepare_training(tiny(rank, drop_path=0.5).train(), recompute=recompute)
        torch.manual_seed(3)
        loss = sum(f.square().sum() for f in model.features(grid))
        results.append((loss, torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)))
    (a, grads_a), (b, grads_b) = results
    assert a.equal(b)
    assert all(x.equal(y) for x, y in zip(grads_a, grads_b, strict=True) if x is not None)


def test_regional_compile_compiles_blocks_only():
    model = prepare_training(tiny(2), compile=True)
    compiled = [name for name, module in model.named_modules() if module._compiled_call_impl is not None]
    assert len(compiled) == 4 and all(".blocks." in name for name in compiled)
