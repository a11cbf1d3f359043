"""One linear layer: an answer for the whole grid, for every cell, or for cells that were hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.types import Window


def _small(channels: int, classes: int) -> nn.Linear:
    """A layer whose first answers are alike for all classes."""
    linear = nn.Linear(channels, classes)
    nn.init.normal_(linear.weight, std=0.02)
    nn.init.zeros_(linear.bias)
    return linear


class PooledLinear(nn.Module):
    """Mean over the valid tokens of the coarsest map, then a linear layer (Liu et al. 2021)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = _small(channels, classes)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> Float[Tensor, "b classes"]:
        """A sample's padding does not count; a sample without any token gets the bias."""
        tokens = features[-1].flatten(2)
        if valid is None:
            return self.linear(tokens.mean(2))
        mask = valid[-1].flatten(1)
        kept = torch.where(mask[:, None], tokens, 0).sum(2)  # where, not *: padding may hold anything
        return self.linear(kept / mask.sum(1, keepdim=True).clamp_min(1).to(kept))


class PeakLinear(nn.Module):
    """The largest value of every channel over the valid tokens of the coarsest map, then a linear layer: one telling
    word is enough, however long the text (max over time, Kim 2014, section 2).

    Its parameters have names of their own, so that no layout of published weights, which all take the mean, fits it.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.peaks = _small(channels, classes)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> Float[Tensor, "b classes"]:
        """A sample's padding does not count; a sample without any token gets the bias."""
        tokens = features[-1].flatten(2)
        if valid is None:
            return self.peaks(tokens.amax(2))
        mask = valid[-1].flatten(1)
        peaks = torch.where(mask[:, None], tokens, -torch.inf).amax(2)
        return self.peaks(torch.where(mask.any(1, keepdim=True), peaks, 0))


class CellLinear(nn.Module):
    """A linear layer on every token of the coarsest map, repeated where that is coarser than the grid."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = _small(channels, classes)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> Float[Tensor, "b classes ..."]:
        """The size is that of the grid; what stands in a sample's padding means nothing."""
        scores = self.linear(features[-1].movedim(1, -1)).movedim(-1, 1)
        for axis, (cells, tokens) in enumerate(zip(size, scores.shape[2:], strict=True), start=2):
            if cells != tokens:
                scores = scores.repeat_interleave(-(-cells // tokens), axis).narrow(axis, 0, cells)
        return scores


class HiddenTokens(nn.Module):
    """Features of every token of the coarsest map, and `scores` of every id for those that are asked for."""

    hides: ClassVar[bool] = True
    """The model gets a vector that stands for hidden tokens."""

    def __init__(self, channels: int, vocabulary: int) -> None:
        super().__init__()
        self.dense = nn.Linear(channels, channels)
        self.linear = nn.Linear(channels, vocabulary)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> Float[Tensor, "b _ ..."]:
        """The map as it came: a score of every id for every cell would fill the memory."""
        return features[-1]

    def scores(self, tokens: Float[Tensor, "n channels"]) -> Float[Tensor, "n vocabulary"]:
        """Of every id."""
        return self.linear(nn.functional.gelu(self.dense(tokens)))
