"""A linear layer, by the fastest product at hand."""

from __future__ import annotations

import itertools
from typing import Any
from weakref import WeakValueDictionary

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.utils import _python_dispatch

ONEDNN = torch.backends.mkldnn.is_available()
NARROW = ONEDNN and torch.ops.mkldnn._is_mkldnn_bf16_supported()
MULTIPLIED = (torch.float32,) * ONEDNN + (torch.bfloat16,) * NARROW
"""What oneDNN multiplies on this machine."""

FEW_ROWS = 512
"""Up to as many tokens oneDNN's gradient of a weight is the faster one (measured: its operands lie across)."""


def linear(
    x: Float[Tensor, "... c"],
    weight: Float[Tensor, "d c"],
    bias: Float[Tensor, " d"] | None,
    *,
    gelu: bool = False,
    packed: Packed | None = None,
) -> Float[Tensor, "... d"]:
    """`x @ weight.T + bias`, then the exact GELU where asked for; `packed` is the same weight as `packed()` gives it.

    Predicting on a CPU, oneDNN computes both in one pass over the result; torch itself takes it for bfloat16 only and
    passes twice.
    """
    if not predicts_on_cpu(x, weight, bias):
        y = _Learned.apply(x, weight, bias) if _learns_on_cpu(x, weight, bias) else F.linear(x, weight, bias)
        return F.gelu(y) if gelu else y
    number = 0 if packed is None else packed.number
    if torch.compiler.is_compiling():  # Inductor knows oneDNN's product with frozen weights only
        return _opaque(x, weight, bias, gelu, number)
    return _in_graph(x, weight, bias, gelu, number)


class Packed:
    """A weight in the order of memory in which oneDNN multiplies it fastest.

    Compiled graphs cannot hold such a tensor: they hold its number, and `PACKED` finds it for as long as it is kept.
    """

    def __init__(self, weight: Float[Tensor, "d c"]) -> None:
        self.tensor: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
        self.number = next(NUMBERS)
        PACKED[self.number] = self


PACKED: WeakValueDictionary[int, Packed] = WeakValueDictionary()
NUMBERS = itertools.count(1)


def packed(weight: Float[Tensor, "d c"]) -> Packed | None:
    """The weight packed; None where it is not for oneDNN."""
    with torch.no_grad():
        return Packed(weight) if predicts_on_cpu(weight, weight) else None


def predicts_on_cpu(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    """Whether this is a plain product on a CPU that oneDNN may take: nothing is differentiated, exported, counted or
    cast."""
    return _suits_onednn(x, weight) and not _differentiated(x, weight, bias)


def _learns_on_cpu(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    return (
        x.dtype == torch.float32
        and _differentiated(x, weight, bias)
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()  # pyright: ignore[reportPrivateUsage]
        and _suits_onednn(x, weight)
    )


def _differentiated(*operands: Tensor | None) -> bool:
    return torch.is_grad_enabled() and any(each is not None and each.requires_grad for each in operands)


def _suits_onednn(x: Tensor, weight: Tensor) -> bool:
    if torch.compiler.is_exporting() or x.device.type != "cpu" or x.dtype not in MULTIPLIED or x.dtype != weight.dtype:
        return False
    if torch.is_autocast_enabled("cpu") or x.numel() == 0:
        return False
    return torch.compiler.is_compiling() or (
        torch.backends.mkldnn.enabled
        and forward_ad._current_level < 0  # pyright: ignore[reportPrivateUsage]
        and not _python_dispatch.is_in_torch_dispatch_mode()
    )


class _Learned(torch.autograd.Function):
    """`F.linear` whose products are oneDNN's, but for the weight's gradient over many rows, where torch's own is
    faster."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.biased = bias is not None
        return _onednn(x, weight, bias, gelu=False)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight = ctx.saved_tensors
        again = torch.is_grad_enabled()  # a gradient of this gradient is wanted
        to_x = to_weight = to_bias = None
        rows, sources = grad.flatten(0, -2), x.flatten(0, -2)
        if ctx.needs_input_grad[0]:
            to_x = grad @ weight if again else _onednn(grad, weight.t(), None, gelu=False)
        if ctx.needs_input_grad[1]:
            few = not again and len(rows) <= FEW_ROWS
            to_weight = _onednn(rows.t(), sources.t(), None, gelu=False) if few else rows.t() @ sources
        if ctx.biased and ctx.needs_input_grad[2]:
            to_bias = rows.sum(0)
        return to_x, to_weight, to_bias


def _onednn(x: Tensor, weight: Tensor, bias: Tensor | None, gelu: bool) -> Tensor:
    words = ("gelu", [], "none") if gelu else ("none", [], "")
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, *words)


def _in_graph(x: Tensor, weight: Tensor, bias: Tensor | None, gelu: bool, number: int) -> Tensor:
    """What a compiled graph calls: with the packed weight of that number, or without where there is none such."""
    found = PACKED.get(number)
    return _onednn(x, weight if found is None or found.tensor.dtype != x.dtype else found.tensor, bias, gelu)


SCHEMA = "(Tensor x, Tensor weight, Tensor? bias, bool gelu, int number) -> Tensor"
_opaque = torch.library.custom_op("swinkit::linear", _in_graph, mutates_args=(), schema=SCHEMA)
_opaque.register_fake(lambda x, weight, bias, gelu, number: x.new_empty(*x.shape[:-1], weight.shape[0]))
