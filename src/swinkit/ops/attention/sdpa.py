"""Window attention through torch's scaled_dot_product_attention, bias and masks merged into its one additive mask."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from swinkit.ops.attention.reference import grid, valid_mask, windows
from swinkit.ops.attention.select import Backend, Call, Inputs


def _run(x: Inputs) -> Tensor:
    plan = x.plan
    q, k, v = windows(x.q, plan, None), windows(x.k, plan, x.pad_key), windows(x.v, plan, x.pad_value)
    values = v.dtype
    if q.dtype != v.dtype:  # cosine scores stay in float32
        v = v.to(q.dtype)
    if plan.kinds:
        out = _by_kind(q, k, v, x)
    else:
        out = _attend(q, k, v, _added(x, plan.mask, slice(None)), arranged=plan.arranged)
    return grid(out.to(values), plan)


def _added(x: Inputs, mask: Tensor | None, rows: slice) -> Tensor:
    """What is added to the scores of some windows, [b or 1, windows or 1, heads, tokens, tokens]."""
    total = x.bias[None, None]
    if mask is not None:
        total = total + mask[:, None]
    if x.valid is not None:
        total = total + valid_mask(x.valid, x.plan)[:, rows]
    return total


def _attend(q: Tensor, k: Tensor, v: Tensor, added: Tensor, *, arranged: bool) -> Tensor:
    """[b windows heads tokens d], each window with its own mask or all with one."""
    b, count, heads, tokens, d = q.shape
    alike = added.shape[:2] == (1, 1)
    if arranged and b > 1 and not (alike and q.stride(0) == count * q.stride(1)):  # moving one result costs least
        samples = [
            _attend(*each, arranged=True)
            for each in zip(*(y.split(1) for y in (q, k, v)), _each(added, b), strict=True)
        ]
        return torch.cat(samples)
    if alike or arranged:  # fold windows into the batch
        q, k, v = (y.reshape(b * count, heads, tokens, d) for y in (q, k, v))
        added = added[0]
    else:  # fold them into the heads, so that the mask is shared by the batch
        q, k, v = (y.reshape(b, count * heads, tokens, d) for y in (q, k, v))
        added = added.reshape(added.shape[0], count * heads, tokens, tokens)
    if q.dtype == torch.float16:  # -1e9 would be -inf, and a row of it NaN
        added = added.clamp(min=-3e4)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=added.to(q.dtype), scale=1.0)
    return out.view(b, count, heads, tokens, d)


def _each(added: Tensor, samples: int) -> Sequence[Tensor]:
    return added.split(1) if len(added) == samples else [added] * samples


def _by_kind(q: Tensor, k: Tensor, v: Tensor, x: Inputs) -> Tensor:
    """Windows that are masked alike stand together in a prepared plan: one mask a kind, never one a window."""
    parts, first = [], 0
    for number, kind in enumerate(x.plan.kinds):
        rows = slice(first, first + kind)
        mask = None if x.plan.mask is None else x.plan.mask[number : number + 1]
        added = _added(x, mask, rows)
        parts.append(_attend(q[:, rows], k[:, rows], v[:, rows], added, arranged=x.plan.arranged))
        first += kind
    return torch.cat(parts, 1)


def _refuses(call: Call) -> list[str]:
    why: list[str] = []
    if call.dtype == torch.float16 and call.device == "cpu":
        why.append("float16 on the CPU sums in float16")
    if call.grad and call.device == "cpu":
        why.append("with a bias that learns, torch takes its slower plain path here")
    return why


BACKEND = Backend(
    name="sdpa",
    run=_run,
    refuses=_refuses,
    tolerance={torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 2e-2, torch.float16: 4e-3},
)
