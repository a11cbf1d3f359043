"""Tokens from raster order into window order and back, by a plan."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from swinkit.ops.windows import Plan


def into_windows(x: Float[Tensor, "b cells c"], plan: Plan) -> Float[Tensor, "b slots c"]:
    """Tokens in window order; slots of padding hold zeros."""
    if plan.arranged:
        return x
    return _take(x, plan.order, plan.back, plan.real if plan.padded else None)


def from_windows(x: Float[Tensor, "b slots c"], plan: Plan) -> Float[Tensor, "b cells c"]:
    """The inverse: tokens in raster order; what stood in slots of padding is dropped."""
    if plan.arranged:
        return x
    if not _differentiable(x):
        return x.index_select(1, plan.back)
    return _FromWindows.apply(x, plan.back, plan.order, plan.real if plan.padded else None)


def _take(x: Tensor, order: Tensor, back: Tensor, real: Tensor | None) -> Tensor:
    if _differentiable(x):
        return _IntoWindows.apply(x, order, back, real)
    x = x.index_select(1, order)
    return x if real is None else torch.where(real[:, None], x, 0.0)


class _IntoWindows(torch.autograd.Function):
    """A selection whose backward is a selection too: every token stands in exactly one slot, so nothing is summed."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, back: Tensor, real: Tensor | None) -> Tensor:
        ctx.save_for_backward(back)
        x = x.index_select(1, order)
        return x if real is None else torch.where(real[:, None], x, 0.0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        (back,) = ctx.saved_tensors
        return grad.index_select(1, back), None, None, None


class _FromWindows(torch.autograd.Function):
    """The transpose of `_IntoWindows`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, back: Tensor, order: Tensor, real: Tensor | None) -> Tensor:
        ctx.save_for_backward(order, *([] if real is None else [real]))
        return x.index_select(1, back)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        order, *real = ctx.saved_tensors
        grad = grad.index_select(1, order)
        return torch.where(real[0][:, None], grad, 0.0) if real else grad, None, None, None


def _differentiable(x: Tensor) -> bool:
    return x.requires_grad and torch.is_grad_enabled() and not torch.compiler.is_exporting()
