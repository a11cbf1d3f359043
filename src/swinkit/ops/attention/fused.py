"""Window attention in one Triton kernel: shift, padding, partition and masks are a table that it reads."""

from __future__ import annotations

import os
from importlib import util
from itertools import product

import torch
from torch import Tensor

from swinkit.ops.attention.select import Backend, Call, Inputs
from swinkit.ops.windows import Plan

TRITON = util.find_spec("triton") is not None
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
MOST_TOKENS = 64
MOST_WIDTH = 128


def _run(x: Inputs) -> Tensor:
    from swinkit.ops.attention import fused_op

    masks, kinds = kinds_of(x.plan)
    valid = None if x.valid is None else x.valid.to(torch.int8)
    q, k, v = (y if y.stride(-1) == 1 else y.contiguous() for y in (x.q, x.k, x.v))
    return fused_op.attend(
        q, k, v, x.bias.float(), masks, order_of(x.plan), kinds, x.pad_key, x.pad_value, valid, x.plan.attends
    )


def order_of(plan: Plan) -> Tensor:
    """[windows tokens] int32: the token in each slot, -1 for padding."""
    return torch.where(plan.real, plan.order, -1).to(torch.int32).view(-1, plan.cut.tokens)


def kinds_of(plan: Plan) -> tuple[Tensor, Tensor]:
    """[kinds tokens tokens] masks and [windows] int32 which of them each window has, at most 3^rank.

    Shift and padding reach the last two windows of an axis and no other, so that a window's place along each axis -
    last, last but one, before - says all.
    """
    device, tokens = plan.order.device, plan.cut.tokens
    if plan.mask is None:
        windows = plan.order.numel() // tokens
        return torch.zeros(1, tokens, tokens, device=device), torch.zeros(windows, dtype=torch.int32, device=device)
    if plan.kinds:
        counts = torch.tensor(plan.kinds, device=device)
        return plan.mask, torch.arange(len(plan.kinds), dtype=torch.int32, device=device).repeat_interleave(counts)
    rank = len(plan.counts)
    kinds = torch.zeros((), dtype=torch.int32, device=device)
    for axis, count in enumerate(plan.counts):
        place = torch.arange(count, dtype=torch.int32, device=device) - count + 3
        kinds = kinds * 3 + place.clamp(min=0).view([-1 if i == axis else 1 for i in range(rank)])
    shown = []  # a window of each kind; where there is none, any
    for places in product(range(3), repeat=rank):
        number = 0
        for place, count in zip(places, plan.counts, strict=True):
            number = number * count + (max(count - 3 + place, 0) if place else 0)
        shown.append(number)
    return plan.mask[torch.tensor(shown, device=device)], kinds.reshape(-1)


def _refuses(call: Call) -> list[str]:
    why: list[str] = []
    if not TRITON:
        return ["triton is not installed"]
    if call.device != "cuda" and not INTERPRETED:
        why.append(f"kernels run on CUDA, not on {call.device}")
    if call.tokens > MOST_TOKENS:
        why.append(f"windows of {call.tokens} tokens do not fit one tile of {MOST_TOKENS}")
    if call.head_width > MOST_WIDTH:
        why.append(f"heads of {call.head_width} channels are wider than {MOST_WIDTH}")
    if INTERPRETED and call.dtype == torch.bfloat16:
        why.append("Triton's interpreter multiplies the bits of bfloat16")
    if call.dtype == torch.float64:
        why.append("sums are in float32")
    return why


BACKEND = Backend(
    name="fused",
    run=_run,
    refuses=_refuses,
    tolerance={torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3},
)
