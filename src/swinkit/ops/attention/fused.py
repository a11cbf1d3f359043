"""Window attention in Triton kernels: shift, padding, partition and masks are tables that they read."""

from __future__ import annotations

import os
from importlib import util
from typing import Any

import torch
from torch import Tensor

from swinkit.ops.attention.select import Backend, Call, Inputs
from swinkit.ops.windows import Plan

TRITON = util.find_spec("triton") is not None
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICES = ("cuda",)
"""Where calls are taken. The operator runs on a processor too, but as slowly as the reference."""
MOST_TOKENS = 576
"""24 x 24, the largest window of published pictures; larger ones were never tried."""
MOST_WIDTH = 128
MOST_WIDTH_FLOAT32 = 64
"""Of queries and keys, which are float32 for the cosine score, too: tiles twice as wide do not fit the
shared memory of all cards."""


def _run(x: Inputs) -> Tensor:
    from swinkit.ops.attention import fused_op

    return fused_op.attend(*arguments_of(x))


def arguments_of(x: Inputs) -> tuple[Any, ...]:
    """What the operator is called with."""
    masks, kinds = kinds_of(x.plan)
    valid = None if x.valid is None else x.valid.to(torch.int8)
    q, k, v = (y if y.stride(-1) == 1 else y.contiguous() for y in (x.q, x.k, x.v))
    return (
        q, k, v, x.bias.float(), masks, order_of(x.plan), kinds, x.pad_key, x.pad_value, valid, x.plan.attends
    )  # fmt: skip


def order_of(plan: Plan) -> Tensor:
    """[windows tokens] int32: the token in each slot, -1 for padding."""
    return torch.where(plan.real, plan.order, -1).to(torch.int32).view(-1, plan.cut.tokens)


def kinds_of(plan: Plan) -> tuple[Tensor, Tensor]:
    """[kinds tokens tokens] masks and [windows] int32 which of them each window has, at most 3^rank (exported: 4^rank).

    Shift and padding reach the last two windows of an axis and no other, so that a window's place along each axis -
    last, last but one, before - says all.
    """
    device, tokens = plan.order.device, plan.cut.tokens
    if plan.mask is None:
        windows = plan.order.numel() // tokens
        return torch.zeros(1, tokens, tokens, device=device), torch.zeros(windows, dtype=torch.int32, device=device)
    if plan.kinds:
        runs = [torch.full((n,), kind, dtype=torch.int32, device=device) for kind, n in enumerate(plan.kinds)]
        return plan.mask, torch.cat(runs)  # no wait for the device, so that a CUDA graph can record it
    rank = len(plan.counts)
    places = 4 if torch.compiler.is_exporting() else 3  # an exported plan ends with a window of padding along each axis
    numbers = torch.arange(places, dtype=torch.int32, device=device)
    kinds, shown = (torch.zeros((), dtype=torch.int32, device=device) for _ in range(2))
    for axis, count in enumerate(plan.counts):
        along = [-1 if i == axis else 1 for i in range(rank)]
        place = torch.arange(count, dtype=torch.int32, device=device) - count + places
        kinds = kinds * places + place.clamp(min=0).view(along)
        window = torch.where(numbers > 0, (numbers + count - places).clamp(min=0), 0)  # one of each; where none is, any
        shown = shown * count + window.view(along)
    return plan.mask[shown.reshape(-1)], kinds.reshape(-1)


def _refuses(call: Call) -> list[str]:
    why: list[str] = []
    if not TRITON:
        return ["triton is not installed"]
    if call.device not in DEVICES and not INTERPRETED:
        why.append(f"kernels run on CUDA, not on {call.device}")
    if call.tokens > MOST_TOKENS:
        why.append(f"windows of {call.tokens} tokens are larger than {MOST_TOKENS}")
    wide = call.dtype == torch.float32 or call.score == "cosine"
    widest = MOST_WIDTH_FLOAT32 if wide else MOST_WIDTH
    if call.head_width > widest:
        why.append(f"heads of {call.head_width} channels are wider than {widest}")
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
