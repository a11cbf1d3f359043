"""Boxes from every cell of a pyramid, without anchors: a score a class and the distances to the four edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from swinkit.heads.convolution import ConvNorm, blank
from swinkit.heads.masks import Controller, MaskFeatures
from swinkit.layers.stem import CONVOLUTION
from swinkit.ops.instance_masks import dynamic, relative
from swinkit.ops.precision import full_precision
from swinkit.ops.resize import stretch
from swinkit.types import Levels, Window

START = 0.01
"""Probability of every class in every cell when training starts (Lin et al. 2017, focal loss)."""
REACH = 2.0
"""Distance to the edges, in cells, when training starts."""

Masks = Sequence[Bool[Tensor, "b _ _"] | None]


class Found(NamedTuple):
    """What one branch says of all cells, finest level first, row by row."""

    logits: Float[Tensor, "b cells classes"]
    boxes: Float[Tensor, "b cells 4"]
    """Left, top, right, bottom edges in pixels of the grid."""
    kernels: Float[Tensor, "b cells weights"] | None = None
    """What turns the shared map into the mask of what a cell sees (`ops.instance_masks`); None: boxes alone."""


class Cells(NamedTuple):
    """Where the cells lie."""

    centres: Float[Tensor, "b cells 2"]
    """x and y in pixels of the grid."""
    strides: Float[Tensor, "b cells 2"]
    """Pixels between neighbours along x and y."""
    valid: Bool[Tensor, "b cells"] | None
    """Which of them a sample has; None: all."""


class View(NamedTuple):
    """What one branch says of one sample."""

    logits: Float[Tensor, "cells classes"]
    boxes: Float[Tensor, "cells 4"]
    centres: Float[Tensor, "cells 2"]
    strides: Float[Tensor, "cells 2"]
    valid: Bool[Tensor, " cells"]
    kernels: Float[Tensor, "cells weights"] | None
    features: Float[Tensor, "c h w"] | None
    """The map that all masks are made from."""

    def masks(
        self, which: Int[Tensor, " n"], size: Window, detail: int
    ) -> tuple[Float[Tensor, "n h w"], tuple[int, int]]:
        """Logits of the masks that some cells say, over the part of the grid that the sample fills, `size`; and how
        many pixels a cell of them has, down and across."""
        assert self.kernels is not None and self.features is not None, "the head was made with masks"
        across, down = (self.strides.amin(0) / detail).long().tolist()
        height, width = (-(-side // step) for side, step in zip(size, (down, across), strict=True))
        places = relative(self.centres[which], self.strides[which], (height, width), (down, across))
        with full_precision(self.features.device):
            return dynamic(self.features[:, :height, :width], self.kernels[which], places), (down, across)


class Branch(nn.Module):
    """Two towers of 3-wide convolutions that all levels share, one for classes and one for edges (FCOS, Tian et al.
    2019)."""

    def __init__(self, levels: int, channels: int, classes: int, depth: int, *, masks: bool) -> None:
        super().__init__()
        towers = [[ConvNorm(2, channels, channels, 3) for _ in range(depth)] for _ in range(2)]
        self.classes, self.edges = (nn.ModuleList(tower) for tower in towers)
        self.classify = nn.Conv2d(channels, classes, 1)
        self.reach = nn.Conv2d(channels, 4, 1)
        self.scales = nn.Parameter(torch.ones(levels))
        for convolution, bias in ((self.classify, _logit(START)), (self.reach, _inverse_softplus(REACH))):
            nn.init.normal_(convolution.weight, std=0.01)
            assert convolution.bias is not None, "it was made with one"
            nn.init.constant_(convolution.bias, bias)
        self.controller = Controller(channels) if masks else None

    def forward(self, maps: Sequence[Float[Tensor, "b c _ _"]], masks: Masks, cells: Cells) -> Found:
        """Logits and boxes of all cells, with masks their weights too."""
        logits, reaches, kernels = [], [], []
        for x, mask, scale in zip(maps, masks, self.scales, strict=True):
            kind, edges = x, x
            for tower in self.classes:
                kind = blank(tower(kind), mask)
            for tower in self.edges:
                edges = blank(tower(edges), mask)
            with full_precision(x.device):
                logits.append(_rows(self.classify(kind.float())))
                reaches.append(_rows(F.softplus(scale * self.reach(edges.float()))))
                if self.controller is not None:
                    kernels.append(_rows(self.controller(edges.float())))
        distances = torch.cat(reaches, 1) * cells.strides.repeat(1, 1, 2)
        return Found(
            torch.cat(logits, 1),
            torch.cat([cells.centres - distances[..., :2], cells.centres + distances[..., 2:]], -1),
            torch.cat(kernels, 1) if kernels else None,
        )


class DenseBoxes(nn.Module):
    """A feature pyramid (Lin et al. 2017) with a cell-wise detector on its coarsest `count` levels.

    Two branches look at the same maps (YOLOv10, Wang et al. 2024). `many` learns from several cells a thing and trains
    backbone and pyramid; `one` learns from the best cell alone, on features that it cannot change, and so says every
    thing once: prediction asks it only, and nothing has to be suppressed. No norm looks at the batch.

    With `detail` above 0 every cell also says how to find the mask of its thing in a map that all share, of `detail`
    cells a token of the finest level and axis.
    """

    def __init__(
        self, levels: Levels, classes: int, *, channels: int = 96, depth: int = 2, count: int = 3, detail: int = 0
    ) -> None:
        super().__init__()
        if levels.rank != 2:
            raise ValueError(f"a grid of {levels.rank} axes came: boxes are found in pictures, which have 2")
        self.strides = levels.strides[-count:]
        self.factors = [
            tuple(coarse // fine for coarse, fine in zip(*pair, strict=True))
            for pair in zip(self.strides[1:], self.strides, strict=False)
        ]
        self.laterals = nn.ModuleList([CONVOLUTION[2](inputs, channels, 1) for inputs in levels.channels[-count:]])
        self.smooth = nn.ModuleList([ConvNorm(2, channels, channels, 3) for _ in self.strides])
        self.many, self.one = (Branch(len(self.strides), channels, classes, depth, masks=detail > 0) for _ in range(2))
        self.features = MaskFeatures(channels, detail=detail) if detail else None

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ _ _"]],
        valid: Sequence[Bool[Tensor, "b _ _"]] | None = None,
        size: Window = (),
    ) -> dict[str, Found | Cells | Tensor]:
        """{"cells": Cells, "one": Found}; while training "many" beside, with masks their shared map "features"."""
        count = len(self.strides)
        masks = [None] * count if valid is None else list(valid[-count:])
        maps = [
            blank(lateral(x), mask) for lateral, x, mask in zip(self.laterals, features[-count:], masks, strict=True)
        ]
        for fine in reversed(range(count - 1)):
            above = stretch(maps[fine + 1], tuple(maps[fine].shape[2:]), self.factors[fine])
            maps[fine] = blank(maps[fine] + above, masks[fine])
        maps = [blank(smooth(x), mask) for smooth, x, mask in zip(self.smooth, maps, masks, strict=True)]
        cells = self._cells(maps, masks)
        output: dict[str, Found | Cells | Tensor] = {
            "cells": cells,
            "one": self.one([x.detach() for x in maps], masks, cells),
        }
        if self.training:
            output["many"] = self.many(maps, masks, cells)
        if self.features is not None:
            output["features"] = self.features(maps[0], masks[0])
        return output

    def _cells(self, maps: Sequence[Tensor], masks: Masks) -> Cells:
        centres, strides = [], []
        for x, (down, across) in zip(maps, self.strides, strict=True):
            rows = (torch.arange(x.shape[2], device=x.device, dtype=torch.float32) + 0.5) * down
            columns = (torch.arange(x.shape[3], device=x.device, dtype=torch.float32) + 0.5) * across
            grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).flatten(0, 1)
            centres.append(grid)
            strides.append(torch.tensor([across, down], device=x.device, dtype=torch.float32).expand_as(grid))
        known = [mask.flatten(1) for mask in masks if mask is not None]
        shape = (maps[0].shape[0], -1, -1)
        where, apart = torch.cat(centres).expand(shape), torch.cat(strides).expand(shape)
        return Cells(where, apart, torch.cat(known, 1) if known else None)


def views(output: Mapping[str, Any], branch: Literal["many", "one"]) -> list[View]:
    """What a branch of `DenseBoxes` says, sample by sample. What `one` learns changes no features, the map included."""
    found, cells, features = output[branch], output["cells"], output.get("features")
    count = len(found.logits)
    valid = torch.ones_like(cells.centres[..., 0], dtype=torch.bool) if cells.valid is None else cells.valid
    shared = features if features is None or branch == "many" else features.detach()
    each = (found.logits, found.boxes, cells.centres, cells.strides, valid, found.kernels, shared)
    # Taken apart at once: taking one sample after the other would add up as many gradients of the whole batch.
    return [View(*row) for row in zip(*((None,) * count if x is None else x.unbind() for x in each), strict=True)]


def _rows(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b cells c"]:
    return x.flatten(2).transpose(1, 2)


def _logit(probability: float) -> float:
    return float(torch.tensor(probability).logit())


def _inverse_softplus(value: float) -> float:
    return float(torch.tensor(value).expm1().log())
