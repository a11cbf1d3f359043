"""Relative position bias: V1's learned table and V2's network on log-spaced offsets."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from swinkit.ops.offsets import gather_bias, log_offsets, offset_index
from swinkit.ops.precision import full_precision
from swinkit.types import Window


class OffsetTable(nn.Module):
    """One learned number per offset and head (Liu et al. 2021, section 3.2)."""

    index: Tensor

    def __init__(self, window: Window, bias_window: Window, heads: int) -> None:
        super().__init__()
        del bias_window  # a table has no scale: another window needs other rows (weights interpolate them)
        self.window = window
        self.table = nn.Parameter(torch.zeros(math.prod(2 * w - 1 for w in window), heads))
        nn.init.normal_(self.table, std=0.02)
        self.register_buffer("index", offset_index(window), persistent=False)

    def forward(self) -> Float[Tensor, "heads tokens tokens"]:
        """The bias of every pair of a window's tokens, float32 under autocast."""
        return gather_bias(self.table, self.index, self.window)


class LogOffsetMlp(nn.Module):
    """16 sigmoid(MLP(log offset)), so that one set of weights serves any window (Liu et al. 2022, section 3.3)."""

    index: Tensor
    offsets: Tensor

    def __init__(self, window: Window, bias_window: Window, heads: int) -> None:
        super().__init__()
        self.window = window
        self.mlp = nn.Sequential(nn.Linear(len(window), 512), nn.ReLU(), nn.Linear(512, heads, bias=False))
        self.register_buffer("index", offset_index(window), persistent=False)
        self.register_buffer("offsets", log_offsets(window, bias_window), persistent=False)

    def forward(self) -> Float[Tensor, "heads tokens tokens"]:
        """The bias of every pair of a window's tokens, float32 under autocast."""
        with full_precision(self.offsets.device):
            table = 16 * torch.sigmoid(self.mlp(self.offsets.to(next(self.mlp.parameters()).dtype)))
        return gather_bias(table, self.index, self.window)


class FixedBias(nn.Module):
    """A bias worked out beforehand, for inference copies."""

    tiles: Tensor

    def __init__(self, tiles: Float[Tensor, "*kinds heads tokens tokens"]) -> None:
        super().__init__()
        self.register_buffer("tiles", tiles, persistent=False)

    def forward(self) -> Float[Tensor, "*kinds heads tokens tokens"]:
        """The bias as it was given."""
        return self.tiles
