"""What masks of single things are made from: the map that all of them share, and the weights that each brings."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.heads.convolution import ConvNorm, blank
from swinkit.ops.instance_masks import parts
from swinkit.ops.precision import full_precision

CHANNELS = 8
"""Of the shared map."""


class MaskFeatures(nn.Module):
    """Two 3-wide convolutions on the finest map, then `detail` cells for each of its tokens and axes (sub-pixel)."""

    def __init__(self, channels: int, *, detail: int) -> None:
        super().__init__()
        self.tower = nn.ModuleList([ConvNorm(2, channels, channels, 3) for _ in range(2)])
        self.project = nn.ConvTranspose2d(channels, CHANNELS, detail, detail)

    def forward(self, x: Float[Tensor, "b c h w"], mask: Bool[Tensor, "b h w"] | None) -> Float[Tensor, "b k h2 w2"]:
        """The shared map, in float32."""
        for layer in self.tower:
            x = blank(layer(x), mask)
        with full_precision(x.device):
            return self.project(x.float())


class Controller(nn.Conv2d):
    """The weights that a thing brings, said by every cell.

    It starts with one and the same network for all, drawn as networks are, which the cells then learn to change.
    Starting near zero, as published, three layers in a row would hardly pass on a gradient.
    """

    def __init__(self, channels: int) -> None:
        sizes = parts(CHANNELS)
        super().__init__(channels, sum(sizes), 1)
        nn.init.normal_(self.weight, std=0.01)
        assert self.bias is not None, "it was made with one"
        with torch.no_grad():
            for part, inputs in zip(self.bias.split(sizes)[::2], (CHANNELS + 2, sizes[1], sizes[3]), strict=True):
                nn.init.normal_(part, std=(2 / inputs) ** 0.5)
            for part in self.bias.split(sizes)[1::2]:
                nn.init.zeros_(part)
