"""A linear layer, by the fastest product at hand."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.utils import _python_dispatch

NARROW = (torch.float32, torch.bfloat16)
"""What oneDNN multiplies."""


def linear(
    x: Float[Tensor, "... c"],
    weight: Float[Tensor, "d c"],
    bias: Float[Tensor, " d"] | None,
    *,
    gelu: bool = False,
    packed: Tensor | None = None,
) -> Float[Tensor, "... d"]:
    """`x @ weight.T + bias`, then the exact GELU where asked for; `packed` is the same weight as `packed()` gives it.

    Predicting on a CPU, oneDNN computes both in one pass over the result; torch itself takes it for bfloat16 only and
    passes twice.
    """
    if predicts_on_cpu(x, weight):
        words = ("gelu", [], "none") if gelu else ("none", [], "")
        fits = packed is not None and packed.dtype == x.dtype
        return torch.ops.mkldnn._linear_pointwise(x, packed if fits else weight, bias, *words)
    y = F.linear(x, weight, bias)
    return F.gelu(y) if gelu else y


def packed(weight: Float[Tensor, "d c"]) -> Tensor | None:
    """The weight in the order of memory in which oneDNN multiplies it; None where it is not for oneDNN."""
    weight = weight.detach()
    return torch.ops.mkldnn._reorder_linear_weight(weight) if predicts_on_cpu(weight, weight) else None


def predicts_on_cpu(x: Tensor, weight: Tensor) -> bool:
    """Whether this is a plain product on a CPU that oneDNN may take: nothing is differentiated, traced, counted or
    cast."""
    return (
        x.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and x.dtype == weight.dtype
        and x.dtype in NARROW
        and x.numel() > 0
        and not (torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad))
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
        and (x.dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported())
        and forward_ad._current_level < 0  # pyright: ignore[reportPrivateUsage]
        and not _python_dispatch.is_in_torch_dispatch_mode()
    )
