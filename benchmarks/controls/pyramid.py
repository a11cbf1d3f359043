"""The control for detection: a plain convolutional backbone with batch norm, under the same head."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from controls.depths import parameter_groups
from controls.unet import double
from torch import Tensor, nn
from torch.nn import functional as F

from swinkit.types import Levels


class Pyramid(nn.Module):
    """Pairs of convolutions, each at half the size and twice the width of the last (Simonyan and Zisserman 2015); the
    head sees the maps from level `first` on, by default from stride 8.

    Takes [b c h w] of any size: the interface of a swinkit model, so that the same engine, data and task train it.
    """

    def __init__(
        self,
        head: Callable[[Levels], nn.Module],
        *,
        width: int = 32,
        levels: int = 6,
        channels: int = 3,
        first: int = 3,
    ) -> None:
        super().__init__()
        widths = [channels, *(min(width << level, 512) for level in range(levels))]
        self.levels = nn.ModuleList(double(given, own) for given, own in pairwise(widths))
        strides = tuple((1 << level, 1 << level) for level in range(levels))
        self.first = first
        self.head = head(Levels(channels=tuple(widths[first + 1 :]), strides=strides[first:]))
        for module in self.levels.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, grid: Tensor, valid: Tensor | None = None, token_mask: Tensor | None = None) -> Any:
        """[b c h w] -> what the head says; where pictures were padded, every part of a map counts that has a valid
        cell."""
        factor = 1 << (len(self.levels) - 1)
        padding = (0, -grid.shape[3] % factor, 0, -grid.shape[2] % factor)
        x, mask = F.pad(grid, padding), None if valid is None else F.pad(valid, padding)[:, None].float()
        maps: list[Tensor] = []
        masks: list[Tensor] = []
        for index, level in enumerate(self.levels):
            x = level(x if index == 0 else F.max_pool2d(x, 2))
            mask = mask if mask is None or index == 0 else F.max_pool2d(mask, 2)
            maps.append(x)
            masks += [] if mask is None else [mask[:, 0] > 0]
        return self.head(maps[self.first :], masks[self.first :] or None, tuple(grid.shape[2:]))

    def parameter_groups(self) -> list[tuple[str, int, bool]]:
        """(name, depth, decays) for the optimiser."""
        return parameter_groups(self, last="head")
