"""A map of any size as a few tokens that know where they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from swinkit.layers.norm import LayerNorm
from swinkit.ops.precision import full_precision
from swinkit.types import Levels, Window


class PooledTokens(nn.Module):
    """The coarsest map pooled to at most so many tokens, each normalised and brought to a width, with a learned vector
    that says which place of which input it is.

    Every axis of what a sample has is cut into equal parts, as many on each axis, and a token is the mean over a part:
    so a sample gets the same tokens alone as beside larger ones.
    """

    def __init__(self, levels: Levels, tokens: int, width: int) -> None:
        super().__init__()
        self.most = max(1, math.floor(tokens ** (1 / levels.rank) + 1e-6))
        """Parts of an axis."""
        self.norm = LayerNorm(levels.channels[-1])
        self.linear = nn.Linear(levels.channels[-1], width)
        self.places = nn.Parameter(0.02 * torch.randn(self.most**levels.rank, width))

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> tuple[Float[Tensor, "b tokens width"], Bool[Tensor, "b tokens"]]:
        """The tokens, and which of them a sample has; the others are zero."""
        x = features[-1].float()
        there = torch.ones_like(x[:, 0], dtype=torch.bool) if valid is None else valid[-1]
        part = nn.functional.one_hot(parts_of(there, self.most), len(self.places)).to(x) * there.flatten(1)[..., None]
        counts = part.sum(1)
        with full_precision(x.device):
            means = torch.bmm(part.mT, x.flatten(2).mT) / counts.clamp_min(1)[..., None]
        tokens = self.linear(self.norm(means)) + self.places
        return torch.where((counts > 0)[..., None], tokens, 0.0), counts > 0


def parts_of(valid: Bool[Tensor, " b *space"], most: int) -> Int[Tensor, "b cells"]:
    """The number of the part in which each cell lies, the last axis counted fastest, where every axis of the cells that
    a sample has is cut into `most` equal parts; of shorter axes every cell is one."""
    number = torch.zeros_like(valid, dtype=torch.int64)
    for axis, cells in enumerate(valid.shape[1:], start=1):
        others = [other for other in range(1, valid.ndim) if other != axis]
        filled = valid.any(others) if others else valid
        place = torch.arange(cells, device=valid.device)
        extent = (filled * (place + 1)).amax(1, keepdim=True).clamp_min(1)
        part = (place * extent.clamp_max(most) // extent).clamp_max(most - 1)
        number = number * most + part.view(-1, *(cells if other == axis else 1 for other in range(1, valid.ndim)))
    return number.flatten(1)
