"""One matrix over every backend: each agrees with the reference, gradients included, or says why it refuses."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import get_args

import pytest
import torch

from swinkit.ops.attention import BACKENDS, Backend, Call, Inputs, select, window_attention
from swinkit.ops.windows import Cut, SmallMap, plan

REFERENCE = next(b for b in BACKENDS if b.name == "reference")


@dataclass(frozen=True)
class Case:
    space: tuple[int, ...]
    cut: Cut
    score: str = "dot"
    valid: bool = False
    dtype: torch.dtype = torch.float32

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
    for dtype in (torch.float64, torch.bfloat16, torch.float16):
        for score in ("dot", "cosine"):
            yield Case((9, 7), Cut(window=(4, 4), shift=(2, 2), pad_tokens="attend"), score, True, dtype)
    yield Case((20, 20), Cut(window=(12, 12), shift=(6, 6), small_map="pad"))
    yield Case((2, 2), Cut(window=(7, 7), shift=(3, 3)))
    for small, score in itertools.product(get_args(SmallMap), ("dot", "cosine")):
        for space in ((2, 2), (3, 12), (11, 5)):
            yield Case(space, Cut(window=(7, 7), shift=(3, 3), small_map=small, pad_tokens="attend"), score, True)


def inputs_of(case: Case) -> Inputs:
    torch.manual_seed(0)
    heads, d = 3, 8
    cells, tokens = torch.Size(case.space).numel(), case.cut.tokens
    wide = torch.promote_types(case.dtype, torch.float32)
    narrow = wide if case.score == "cosine" else case.dtype
    q, k = (torch.randn(2, cells, heads, d, dtype=narrow).requires_grad_() for _ in range(2))
    v = torch.randn(2, cells, heads, d, dtype=case.dtype).requires_grad_()
    bias = torch.randn(heads, tokens, tokens, dtype=wide).requires_grad_()
    pads = [torch.randn(heads, d, dtype=t).requires_grad_() for t in (narrow, case.dtype)]
    valid = torch.rand(2, cells) > 0.3 if case.valid else None
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


@pytest.mark.parametrize("case", list(cases()), ids=str)
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
