"""Stochastic depth over a fixed share of a batch: unbiased, never computed for the others."""

from __future__ import annotations

import pytest
import torch
from tiny_models import tiny

from swinkit.layers.residual import DropPath
from swinkit.models import prepare_training


def test_a_fixed_share_is_kept_and_every_sample_equally_often():
    drop, x = DropPath(0.25).train(), torch.zeros(8, 2)
    torch.manual_seed(0)
    draws = [drop.kept(x) for _ in range(2000)]
    assert all(len(kept) == 6 and kept.equal(kept.unique()) for kept in draws)
    often = torch.bincount(torch.cat(draws), minlength=8) / 2000
    torch.testing.assert_close(often, torch.full((8,), 0.75), rtol=0, atol=0.04)


def test_nothing_is_left_out_outside_training_or_of_a_share_below_half_a_sample():
    x = torch.zeros(4, 2)
    assert DropPath(0.5).eval().kept(x) is None and DropPath(0.1).train().kept(x) is None
    assert len(DropPath(0.9).train().kept(x)) == 1


@pytest.mark.parametrize("mixing", ["shifted", "cross_block"])
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_sample_that_keeps_nothing_passes_and_others_are_scaled(rank, version, mixing):
    model = prepare_training(tiny(rank, version, mixing=mixing, stages=1, small_map="pad").train(), subset=True)
    block = model.backbone.stages[0].blocks[0]
    block.drop_path.rate = 0.5
    seen = []
    block.mlp.register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
    plan = model.backbone.stages[0].plans((8,) * rank, torch.device("cpu"))[0]
    cells = 8**rank
    x = torch.randn(4, cells, 8) if mixing == "shifted" else torch.randn(4, 2**rank, 4**rank + 1, 8)
    valid = torch.ones(4, cells, dtype=torch.bool)
    valid[:, cells // 2 :] = False
    leaf = x.clone().requires_grad_()
    torch.manual_seed(3)
    first, second = (torch.randperm(4)[:2].sort().values for _ in range(2))
    torch.manual_seed(3)
    got = block(leaf, plan, valid)
    assert seen == [2]
    wanted = x.clone()
    with torch.no_grad():

        def branch(y):
            return block.attention(y, plan, valid[: len(y)])

        wanted[first] += 2 * block.residual(x[first], block.norm1, branch)
        wanted[second] += 2 * block.residual(wanted[second], block.norm2, block.mlp)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)
    got.square().sum().backward()
    assert leaf.grad.abs().sum((1, 2) if mixing == "shifted" else (1, 2, 3)).all()


def test_without_it_numbers_are_those_of_before():
    model, grid = tiny(2, drop_path=0.5).train(), torch.randn(3, 2, 16, 16)
    torch.manual_seed(1)
    wanted = model.features(grid)[-1]
    torch.manual_seed(1)
    assert prepare_training(model).features(grid)[-1].equal(wanted)
    torch.manual_seed(1)
    assert not prepare_training(model, subset=True).features(grid)[-1].equal(wanted)
