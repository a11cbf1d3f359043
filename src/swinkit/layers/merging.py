"""Merging of neighbouring tokens between two stages."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor, nn

from swinkit.layers.linear import Linear
from swinkit.layers.norm import LayerNorm
from swinkit.ops.partition import into_windows
from swinkit.ops.windows import Cut, plan
from swinkit.types import Window


class Merging(nn.Module):
    """Concatenates the neighbours of each patch in the order 00, 10, 01, 11 (first axis fastest) and projects to
    `out` channels.

    V1 normalises the concatenation, V2 the projection. Odd maps are padded with zeros at the high end.
    """

    def __init__(self, channels: int, out: int, factor: Window, *, norm_first: bool) -> None:
        super().__init__()
        joined = math.prod(factor) * channels
        self.factor, self.norm_first = factor, norm_first
        self.norm = LayerNorm(joined if norm_first else out)
        self.reduction = Linear(joined, out, bias=False)

    def forward(self, x: Float[Tensor, "b cells c"], space: Window) -> tuple[Float[Tensor, "b merged out"], Window]:
        """Tokens in raster order and their space before; after it each axis is ceil(size / factor) long."""
        none = (0,) * len(space)
        cut = Cut(window=self.factor, shift=none, small_map="pad", fastest="first")
        b, _, channels = x.shape
        x = into_windows(x, plan(space, cut, x.device)).view(b, -1, cut.tokens * channels)
        merged = tuple((s + f - 1) // f for s, f in zip(space, self.factor, strict=True))
        return self.reduction(self.norm(x)) if self.norm_first else self.norm(self.reduction(x)), merged
