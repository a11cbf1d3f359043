"""The Triton backend where there is no card: its kernels interpreted, built for cards, and its operator on the
processor. What it computes is in test_attention.py, which runs here with Triton's interpreter."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import get_args

import pytest
import torch

from swinkit.ops.attention import Inputs, fused, reference
from swinkit.ops.windows import Cut, SmallMap, group, plan

needs_triton = pytest.mark.skipif(not fused.TRITON, reason="triton is not installed")


@pytest.mark.parametrize("small_map", get_args(SmallMap))
@pytest.mark.parametrize("pad_tokens", ["mask", "attend"])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("window", [(4,), (3, 4), (2, 4, 3)], ids=str)
def test_every_window_finds_its_mask_among_the_kinds(window, shifted, pad_tokens, small_map):
    cut = Cut(window=window, shift=tuple(w // 2 * shifted for w in window), small_map=small_map, pad_tokens=pad_tokens)
    for space in itertools.product(*({w, w - 1, 2 * w, 2 * w + 1, 5 * w, 5 * w - 2} for w in window)):
        for p in (plan(space, cut, torch.device("cpu")), group(plan(space, cut, torch.device("cpu")))):
            masks, kinds = fused.kinds_of(p)
            wanted = p.mask if p.mask is not None else torch.zeros(1, 1, 1)
            if p.kinds:
                wanted = wanted.repeat_interleave(torch.tensor(p.kinds), 0)
            assert len(masks) <= 3 ** len(window) and kinds.dtype == torch.int32
            assert torch.equal(masks[kinds.long()], wanted.expand(len(kinds), *masks.shape[1:]))


@needs_triton
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_kernels_agree_with_the_reference_in_the_interpreter():
    """Forward and all gradients over the whole matrix of test_attention.py, in a process of its own: Triton decides at
    import whether it interprets."""
    found = _interpreted("fused")
    passed = re.search(r"(\d+) passed", found.stdout)
    assert found.returncode == 0 and passed and int(passed[1]) >= 100, found.stdout[-3000:]


@needs_triton
def test_a_kernel_agrees_with_the_reference_in_the_interpreter():
    """The hardest case of each rank; all of them are in `make test-all`."""
    found = _interpreted("fused and attend and valid and ((11 and 8 and 4) or (9 and 7 and 2 and 1)) and dot")
    assert found.returncode == 0 and "passed" in found.stdout, found.stdout[-3000:]


def _interpreted(which: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--show-capture=no", "-k", which]
    return subprocess.run(
        [*command, str(Path(__file__).with_name("test_attention.py"))],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


LIMITS = {("forward", 90): 128, ("backward", 90): 255, ("forward", 80): 128, ("backward", 80): 255}
"""Registers a thread, with 8 warps backward; more than 64 bytes of stack would be spills."""


@needs_triton
@pytest.mark.parametrize("tokens, attends, valid", [(49, False, False), (64, False, False), (49, True, True)])
@pytest.mark.parametrize("architecture", [80, 90])
@pytest.mark.parametrize("name", ["forward", "backward"])
def test_kernels_build_for_cards_without_spills(name, architecture, tokens, attends, valid):
    registers, stack, shared, code = _built(name, architecture, tokens, attends, valid)
    assert registers <= LIMITS[name, architecture] and stack <= 64 and shared <= 64 << 10
    assert ("wgmma.mma_async" in code) == (architecture == 90) and ("mma" in code)


def _built(name: str, architecture: int, tokens: int, attends: bool, valid: bool) -> tuple[int, int, int, str]:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from swinkit.ops.attention import fused_kernels, fused_op

    kernel = getattr(fused_kernels, name)
    values = fused_op.constants(tokens, 3, 32, torch.bfloat16) | {"WINDOWS": 4, "ATTEND": attends, "VALID": valid}
    wide = dict.fromkeys(("bias", "dbias", "dpad"), "*fp32") | {"order": "*i32", "kinds": "*i32", "valid": "*i8"}
    half = dict.fromkeys(("q", "k", "v", "out", "grad", "dq", "dk", "dv", "pad_k", "pad_v"), "*bf16")
    kinds = {each: "constexpr" if each in values else (wide | half).get(each, "i32") for each in kernel.arg_names}
    places = {each: place for place, each in enumerate(kernel.arg_names)}
    aligned = [each for each, kind in kinds.items() if kind[0] == "*" or each.startswith("s_")]
    source = ASTSource(
        fn=kernel, signature=kinds, constexprs={(places[each],): value for each, value in values.items()},
        attrs={(places[each],): [["tt.divisibility", 16]] for each in aligned},
    )  # fmt: skip
    options = fused_op.CONFIGURATIONS[name == "backward", values["P"]]
    built = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(built.asm["cubin"])
        file.flush()
        told = subprocess.run([tool, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True)
    registers, stack = (int(re.search(rf"{word}:(\d+)", told.stdout)[1]) for word in ("REG", "STACK"))
    return registers, stack, built.metadata.shared, built.asm["ptx"]


def arguments(shift: int = 2, *, grad: bool = False, valid: bool = True) -> tuple:
    torch.manual_seed(0)
    p = plan((9, 7), Cut(window=(4, 4), shift=(shift, shift), pad_tokens="attend"), torch.device("cpu"))
    q, k, v = (torch.randn(2, 63, 3, 8) for _ in range(3))
    bias, pads = torch.randn(3, 16, 16), torch.randn(2, 3, 8)
    masks, kinds = fused.kinds_of(p)
    there = (torch.rand(2, 63) > 0.3).to(torch.int8) if valid else None
    tensors = [q, k, v, bias, masks, fused.order_of(p), kinds, pads[0], pads[1]]
    for place in (0, 1, 2, 3, 7, 8):
        tensors[place].requires_grad_(grad)
    return (*tensors, there, True)


@needs_triton
@pytest.mark.parametrize("valid", [False, True])
def test_the_operator_keeps_torchs_rules(valid):
    from swinkit.ops.attention import fused_op

    torch.library.opcheck(
        fused_op.attend, arguments(grad=True, valid=valid),
        test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
    )  # fmt: skip


@needs_triton
def test_the_operator_runs_on_the_processor_where_a_program_was_exported_with_it():
    from swinkit.ops.attention import fused_op

    q, k, v, bias, _, _, _, pad_k, pad_v, there, _ = given = arguments(grad=True)
    p = plan((9, 7), Cut(window=(4, 4), shift=(2, 2), pad_tokens="attend"), torch.device("cpu"))
    x = Inputs(q=q, k=k, v=v, bias=bias, plan=p, pad_key=pad_k, pad_value=pad_v, valid=there.bool())
    leaves = [q, k, v, bias, pad_k, pad_v]
    ours, oracle = fused_op.attend(*given), reference.BACKEND.run(x)
    torch.testing.assert_close(ours, oracle)
    seed = torch.randn_like(ours)
    for got, wanted in zip(
        torch.autograd.grad(ours, leaves, seed), torch.autograd.grad(oracle, leaves, seed), strict=True
    ):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)
