"""The oracle: window attention written out, scores and softmax in float32 at least. Every other backend is held to
it."""

from __future__ import annotations

import torch
from torch import Tensor

from swinkit.ops.attention.select import Backend, Call, Inputs
from swinkit.ops.partition import from_windows, into_windows
from swinkit.ops.windows import REFUSED, Plan


def windows(x: Tensor, plan: Plan, pad: Tensor | None) -> Tensor:
    """[b cells heads d] -> [b windows heads tokens d]; slots of padding hold `pad` [heads d], or zeros."""
    b, _, heads, d = x.shape
    x = into_windows(x.flatten(2), plan)
    if pad is not None and plan.attends:
        x = torch.where(plan.real[:, None], x, pad.reshape(-1).to(x.dtype))
    return x.view(b, -1, plan.cut.tokens, heads, d).transpose(2, 3)


def grid(x: Tensor, plan: Plan) -> Tensor:
    """[b windows heads tokens d] -> [b cells heads d]: the inverse of `windows`."""
    b, _, heads, _, d = x.shape
    return from_windows(x.transpose(2, 3).reshape(b, -1, heads * d), plan).unflatten(2, (heads, d))


def valid_mask(valid: Tensor, plan: Plan) -> Tensor:
    """[b cells] -> [b windows 1 1 tokens] to add to the scores: tokens that a sample does not have are no keys."""
    slots = valid.index_select(1, plan.order) | ~plan.real  # padding has its own mask
    return torch.where(slots, 0.0, REFUSED).view(valid.shape[0], -1, 1, 1, plan.cut.tokens)


def _run(x: Inputs) -> Tensor:
    plan, wide = x.plan, torch.promote_types(x.v.dtype, torch.float32)
    q, k, v = windows(x.q, plan, None), windows(x.k, plan, x.pad_key), windows(x.v, plan, x.pad_value)
    scores = q.to(wide) @ k.to(wide).transpose(-1, -2) + x.bias
    if plan.mask is not None:
        mask = plan.mask
        if plan.kinds:
            mask = mask.repeat_interleave(torch.tensor(plan.kinds, device=mask.device), 0)
        scores = scores + mask[:, None]
    if x.valid is not None:
        scores = scores + valid_mask(x.valid, plan)
    return grid(scores.softmax(-1).to(v.dtype) @ v, plan)


def _refuses(call: Call) -> list[str]:
    del call
    return []


BACKEND = Backend(
    name="reference",
    run=_run,
    refuses=_refuses,
    tolerance={torch.float64: 0.0, torch.float32: 0.0, torch.bfloat16: 0.0, torch.float16: 0.0},
)
