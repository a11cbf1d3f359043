"""One matrix over every backend: each agrees with the reference, gradients included, or says why it refuses."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import get_args

import pytest
import torch

from swinkit.ops.attention import BACKENDS, Backend, Call, Inputs, fused, select, window_attention
from swinkit.ops.windows import Cut, SmallMap, plan

REFERENCE = next(b for b in BACKENDS if b.name == "reference")


@dataclass(frozen=True)
class Case:
    space: tuple[int, ...]
    cut: Cut
    score: str = "dot"
    valid: bool = False
    dtype: torch.dtype = torch.float32
    samples: int = 2
    heads: int = 3

    def __str__(self) -> str:
        c = self.cut
        parts = [self.space, c.window, c.shift, c.small_map, c.pad_tokens, self.score, "valid" * self.valid, self.dtype]
        return " ".join(str(p) for p in parts if p)


def cases():
    grids = [
        ((16,), (8,)),
        ((11,), (8,)),
        ((8, 12), (4, 4)),
        ((9, 7), (4, 3)),
        ((4, 6, 8), (2, 3, 4)),
        ((5, 4, 6), (4, 4, 4)),
    ]
    for space, window in grids:
        for shift in ((0,) * len(window), tuple(w // 2 for w in window)):
            for score in ("dot", "cosine"):
                for pad in ("mask", "attend"):
                    for valid in (False, True):
                        yield Case(space, Cut(window=window, shift=shift, pad_tokens=pad), score, valid)


def few_cases():
    """Other types, and maps smaller than the window."""
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        for score in ("dot", "cosine"):
            yield Case((9, 7), Cut(window=(4, 4), shift=(2, 2), pad_tokens="attend"), score, True, dtype)
    yield Case((2, 2), Cut(window=(7, 7), shift=(3, 3)))
    for small, score in itertools.product(get_args(SmallMap), ("dot", "cosine")):
        for space in ((2, 2), (3, 12), (11, 5)):
            yield Case(space, Cut(window=(7, 7), shift=(3, 3), small_map=small, pad_tokens="attend"), score, True)


def wide_cases():
    """Windows of more than 64 tokens: 96, 144, 256, 392, 576."""
    shifted = Cut(window=(8, 12), shift=(4, 6), pad_tokens="attend", small_map="pad")
    for score, valid in itertools.product(("dot", "cosine"), (False, True)):
        yield Case((9, 13), shifted, score, valid)
    yield Case((16, 12), replace(shifted, shift=(0, 0)))
    yield Case((9, 13), replace(shifted, pad_tokens="mask"), "dot", True)
    yield Case((9, 13), shifted, "dot", True, torch.float16)
    yield Case((9, 13), shifted, "cosine", True, torch.float16)
    yield Case((20, 20), Cut(window=(12, 12), shift=(6, 6), small_map="pad"))
    yield Case((12, 14), Cut(window=(12, 12), shift=(6, 6), pad_tokens="attend"), "dot", True)
    yield Case((16, 17), Cut(window=(16, 16), shift=(8, 8)), "cosine")
    yield Case((4, 7, 9), Cut(window=(8, 7, 7), shift=(4, 3, 3), pad_tokens="attend"), "dot", True)
    yield Case((24, 24), Cut(window=(24, 24), shift=(12, 12)))


def inputs_of(case: Case) -> Inputs:
    torch.manual_seed(0)
    heads, d = case.heads, 8
    cells, tokens = torch.Size(case.space).numel(), case.cut.tokens
    wide = torch.promote_types(case.dtype, torch.float32)
    narrow = wide if case.score == "cosine" else case.dtype
    q, k = (torch.randn(case.samples, cells, heads, d, dtype=narrow).requires_grad_() for _ in range(2))
    v = torch.randn(case.samples, cells, heads, d, dtype=case.dtype).requires_grad_()
    bias = torch.randn(heads, tokens, tokens, dtype=wide).requires_grad_()
    pads = [torch.randn(heads, d, dtype=t).requires_grad_() for t in (narrow, case.dtype)]
    valid = torch.rand(case.samples, cells) > 0.3 if case.valid else None
    p = plan(case.space, case.cut, torch.device("cpu"))
    return Inputs(q=q, k=k, v=v, bias=bias, plan=p, pad_key=pads[0], pad_value=pads[1], valid=valid)


def call_of(case: Case, inputs: Inputs) -> Call:
    return Call(score=case.score, rank=len(case.space), tokens=case.cut.tokens, head_width=8, dtype=case.dtype,
                device="cpu", grad=True, valid=case.valid, attends=inputs.plan.attends)  # fmt: skip


def run_and_grad(backend: Backend, case: Case) -> dict[str, torch.Tensor]:
    x = inputs_of(case)
    out = backend.run(x)
    torch.manual_seed(1)
    leaves = {"q": x.q, "k": x.k, "v": x.v, "bias": x.bias}
    if x.plan.attends:
        leaves |= {"pad_key": x.pad_key, "pad_value": x.pad_value}
    grads = torch.autograd.grad(out, list(leaves.values()), torch.randn_like(out))
    return {"out": out.detach(), **dict(zip(leaves, grads, strict=True))}


CASES = [*cases(), *few_cases(), *(replace(c, samples=1, heads=2 if c.cut.tokens < 200 else 1) for c in wide_cases())]


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda b: b.name)
def test_backend_agrees_with_the_reference(backend, case):
    # a backend may leave gradients to another one that is faster here, but not because its own would be wrong
    why = backend.refuses(replace(call_of(case, inputs_of(case)), grad=False))
    if why:
        assert all(isinstance(reason, str) and reason for reason in why)
        pytest.skip("; ".join(why))
    ours, oracle = run_and_grad(backend, case), run_and_grad(REFERENCE, case)
    tolerance = max(backend.tolerance[case.dtype], 0.0)
    for name, value in ours.items():
        scale = oracle[name].abs().max().clamp(min=1e-3).double()
        error = (value.double() - oracle[name].double()).abs().max() / scale
        assert error <= 4 * tolerance, f"{name}: {error:.1e}, allowed {4 * tolerance:.1e}"


@pytest.mark.parametrize("window", [(4, 3), (8, 9)], ids=str)
def test_a_fused_program_sums_over_many_windows(window, monkeypatch):
    """As it does on a card, where there are more windows than programs; test_fused.py starts the process for it."""
    if not fused.INTERPRETED:
        pytest.skip("needs TRITON_INTERPRET=1")
    from swinkit.ops.attention import fused_op

    monkeypatch.setattr(fused_op, "PROGRAMS", 4)
    shift = tuple(w // 2 for w in window)
    case = Case((9, 10), Cut(window=window, shift=shift, pad_tokens="attend"), samples=1, heads=1)
    test_backend_agrees_with_the_reference(fused.BACKEND, case)


@pytest.mark.skipif(not fused.TRITON, reason="triton is not installed")
def test_the_fused_backend_refuses_what_its_kernels_were_not_built_for():
    case = Case((4,), Cut(window=(4,), shift=(0,)))
    call = replace(call_of(case, inputs_of(case)), device="cuda", tokens=576, head_width=64)
    assert not fused.BACKEND.refuses(call)
    for changes, why in (({"tokens": 577}, "577 tokens"), ({"head_width": 65}, "65 channels are wider than 64"),
                         ({"head_width": 129, "dtype": torch.float16}, "129 channels are wider than 128"),
                         ({"dtype": torch.float64}, "float32"), ({"device": "mps"}, "not on mps")):  # fmt: skip
        if not (fused.INTERPRETED and "device" in changes):
            assert why in "; ".join(fused.BACKEND.refuses(replace(call, **changes)))


def test_reference_is_the_definition():
    """One window, no padding: softmax(q k + bias) v per head."""
    case = Case((2, 3), Cut(window=(2, 3), shift=(0, 0)), dtype=torch.float64)
    x = inputs_of(case)
    for head in range(3):
        weights = (x.q[0, :, head] @ x.k[0, :, head].T + x.bias[head]).softmax(-1)
        torch.testing.assert_close(REFERENCE.run(x)[0, :, head], weights @ x.v[0, :, head])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("backend", BACKENDS, ids=lambda b: b.name)
def test_rows_without_any_key_are_finite_both_ways(backend, dtype):
    case = Case((6, 6), Cut(window=(4, 4), shift=(2, 2)), valid=True, dtype=dtype)
    x = inputs_of(case)
    x = Inputs(q=x.q, k=x.k, v=x.v, bias=x.bias, plan=x.plan, pad_key=x.pad_key, pad_value=x.pad_value,
               valid=torch.zeros(2, 36, dtype=torch.bool))  # fmt: skip
    if backend.refuses(replace(call_of(case, x), grad=False)):
        pytest.skip("refused")
    out = backend.run(x)
    grads = torch.autograd.grad(out.float().sum(), [x.q, x.k, x.v, x.bias])
    assert all(t.isfinite().all() for t in (out, *grads))


def test_an_unknown_backend_is_named_and_a_refusal_gives_every_reason():
    case = Case((4,), Cut(window=(4,), shift=(0,)))
    names = ", ".join(backend.name for backend in BACKENDS)
    with pytest.raises(ValueError, match=f"no attention backend 'none': there are {names}"):
        window_attention(inputs_of(case), score="dot", backend="none")
    picky = Backend(name="picky", run=REFERENCE.run, refuses=lambda call: ["it is Sunday", "no"], tolerance={})
    with pytest.raises(ValueError, match="picky: it is Sunday; no"):
        select(call_of(case, inputs_of(case)), (picky,))


def test_autocast_does_not_narrow_scores():
    case = Case((9, 7), Cut(window=(4, 4), shift=(2, 2)), "cosine")
    plain = window_attention(inputs_of(case), score="cosine")
    with torch.autocast("cpu", torch.bfloat16):
        cast = window_attention(inputs_of(case), score="cosine")
    assert cast.equal(plain)
