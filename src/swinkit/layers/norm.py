"""Norms that look at one token alone and compute in the precision of their own weights."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LayerNorm(nn.LayerNorm):
    """`nn.LayerNorm` (eps 1e-5, as every published Swin) in float32 under autocast, on every device."""

    def forward(self, input: Tensor) -> Tensor:
        """[... channels] -> [... channels]"""
        known = self.elementwise_affine
        return super().forward(input.to(self.weight.dtype) if known else input)


class DynamicTanh(nn.Module):
    """`weight * tanh(scale * x) + bias` (Zhu et al. 2025, "Transformers without Normalization").

    Bounds what comes and yet lets through how bright or how strong it is, of which a layer norm leaves the direction
    only.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((1,), 0.5))
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Float[Tensor, "*tokens c"]) -> Float[Tensor, "*tokens c"]:
        return torch.tanh(self.scale * x) * self.weight + self.bias
