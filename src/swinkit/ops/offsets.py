"""Relative offsets between the tokens of a window, and the bias tables that are indexed by them."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from swinkit.types import Window


def offset_index(window: Window) -> Int[Tensor, "tokens tokens"]:
    """Row of the [prod(2w-1), heads] table that holds the offset from token j to token i (first axis slowest)."""
    coordinates = torch.cartesian_prod(*(torch.arange(w) for w in window)).reshape(-1, len(window))
    offsets = coordinates[:, None] - coordinates[None]
    index = torch.zeros(offsets.shape[:2], dtype=torch.int64)
    for axis, w in enumerate(window):
        index = index * (2 * w - 1) + offsets[..., axis] + (w - 1)
    return index


def log_offsets(window: Window, bias_window: Window) -> Float[Tensor, "offsets rank"]:
    """The inputs of Swin V2's continuous position bias, one row an offset (Liu et al. 2022, section 3.3).

    Offsets are divided by those of `bias_window`, the window of the weights' training, never by the input's size; a
    window of
    one token has one offset, zero.
    """
    axes = [
        torch.arange(-(w - 1), w, dtype=torch.float32) / max(b - 1, 1) * 8
        for w, b in zip(window, bias_window, strict=True)
    ]
    table = torch.cartesian_prod(*axes).reshape(-1, len(window))
    return torch.sign(table) * torch.log2(table.abs() + 1) / math.log2(8)


def gather_bias(
    table: Float[Tensor, "offsets heads"], index: Int[Tensor, "tokens tokens"], window: Window
) -> Float[Tensor, "heads tokens tokens"]:
    """The bias of every pair. Its gradient is summed in a fixed order, so that training repeats bit for bit."""
    tokens = index.shape[0]
    if table.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_exporting():
        bias = _Gather.apply(table, index.reshape(-1), window)
    else:
        bias = table.index_select(0, index.reshape(-1))
    return bias.view(tokens, tokens, -1).permute(2, 0, 1)


class _Gather(torch.autograd.Function):
    """Rows of a table. torch's own backward on the CPU adds from several threads in any order; matrix products do
    not."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor, window: Window) -> Tensor:
        ctx.window = window
        return table.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        window: Window = ctx.window
        heads, rank = grad.shape[-1], len(window)
        pairs = [axis for a in range(rank) for axis in (a, rank + a)]
        total = grad.view(*window, *window, heads).permute(2 * rank, *pairs).contiguous()
        total = total.view(heads, *(w * w for w in window))
        for axis, w in enumerate(window):  # (query, key) of one axis -> offset along it
            place = torch.arange(w, device=grad.device)
            offset = (place[:, None] - place[None] + w - 1).reshape(-1)
            fold = torch.nn.functional.one_hot(offset, 2 * w - 1).to(grad.dtype)
            total = torch.movedim(torch.movedim(total, axis + 1, -1) @ fold, -1, axis + 1)
        return total.reshape(heads, -1).t().contiguous(), None, None
