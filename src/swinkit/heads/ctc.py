"""Scores of every unit for every frame of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from swinkit.types import Levels, Window


class FrameScores(NamedTuple):
    """What `FrameLinear` returns."""

    logits: Float[Tensor, "b frames symbols"]
    """Symbol 0 is the blank."""
    lengths: Int[Tensor, " b"]
    """How many frames each sample has."""
    stride: int
    """Cells of the grid's time from one frame to the next."""


class FrameLinear(nn.Module):
    """A linear layer on every frame of the coarsest map; axes before the last, which is time, are averaged."""

    def __init__(self, levels: Levels, units: int) -> None:
        super().__init__()
        self.stride = levels.strides[-1][-1]
        self.linear = nn.Linear(levels.channels[-1], units + 1)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> FrameScores:
        """A sample's padding does not count."""
        x = features[-1]
        axes = tuple(range(2, x.ndim - 1))
        if valid is None:
            x = x.mean(axes) if axes else x
            lengths = torch.full((len(x),), x.shape[-1], device=x.device)
        else:
            mask = valid[-1][:, None]
            kept = torch.where(mask, x, 0)  # where, not *: padding may hold anything
            count = mask.sum(axes) if axes else mask
            x = (kept.sum(axes) if axes else kept) / count.clamp_min(1).to(kept)
            lengths = (count[:, 0] > 0).sum(1)
        return FrameScores(self.linear(x.movedim(1, -1)), lengths, self.stride)
