"""Things found tile by tile where a grid is too large to look at once, joined at the seams: each said once and whole.

Tiles overlap, so most things lie whole in one of them; what another tile saw of these is dropped. Things larger than
the overlap may be cut in every tile: their pieces are put together again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from swinkit.ops.boxes import area, clipped, common, hull, iou
from swinkit.ops.resize import extent
from swinkit.ops.sliding import window_starts
from swinkit.types import Window

TOGETHER = 8
"""Tiles that are looked at in one batch."""
NEAR = 0.1
"""A box that ends within this share of its side (at least a pixel) of where its tile was cut counts as cut."""
AGREE = 0.5
"""IoU from which two tiles speak of one thing."""


class Things(NamedTuple):
    """What was found in one grid."""

    boxes: Float[Tensor, "n 4"]
    """Left, top, right, bottom edges in pixels of the grid."""
    labels: Int[Tensor, " n"]
    scores: Float[Tensor, " n"]

    def chosen(self, which: Tensor) -> Things:
        """Those of [m] indices or an [n] mask."""
        return Things(self.boxes[which], self.labels[which], self.scores[which])


Look = Callable[[Tensor, Tensor | None], list[Things]]
"""(grid [b c h w], valid [b h w] | None) -> what is found in each."""


def find_in_tiles(
    look: Look,
    grid: Float[Tensor, "b c h w"],
    valid: Bool[Tensor, "b h w"] | None = None,
    *,
    window: Window,
    stride: Window,
) -> list[Things]:
    """What `look` finds in every window of each sample, joined.

    Windows lie as in `ops.sliding.slide`, over what the sample itself fills, so that its answer does not depend on the
    others of the batch. Where all samples fit, this is one plain call.
    """
    if len(window) != 2 or len(stride) != 2 or any(not 0 < s <= w for s, w in zip(stride, window, strict=True)):
        raise ValueError(f"window {window} and stride {stride}: wanted [height, width], the stride at most the window")
    if all(side <= limit for side, limit in zip(grid.shape[2:], window, strict=True)):
        return look(grid, valid)
    found: list[Things] = []
    for index in range(len(grid)):
        part = () if valid is None else extent(valid[index])
        found.append(_in_one(look, grid[(slice(index, index + 1), slice(None), *part)], window, stride))
    return found


def stride_for(window: Window, largest: Window, factors: Sequence[float] = (1.0, 1.0)) -> Window:
    """Distance of windows that overlap by the largest thing, whose pixels are `factors` wide in the grid; by a third of
    the window where it is smaller or (), by half of it where it is larger.
    """
    needed = [math.ceil(side * factor) for side, factor in zip(largest or (0, 0), factors, strict=True)]
    return tuple(
        max(1, min(2 * side // 3, max(side // 2, side - overlap))) for side, overlap in zip(window, needed, strict=True)
    )


def tiles_of(size: Window, window: Window, stride: Window) -> Float[Tensor, "tiles 4"]:
    """Left, top, right, bottom edges of the windows over a grid of [height width], row by row."""
    window = (min(window[0], size[0]), min(window[1], size[1]))
    rows, columns = (window_starts(n, w, s) for n, w, s in zip(size, window, stride, strict=True))
    corners = [(left, top, left + window[1], top + window[0]) for top, left in product(rows, columns)]
    return torch.tensor(corners, dtype=torch.float32)


def joined(
    found: Things, tile: Int[Tensor, " n"], tiles: Float[Tensor, "tiles 4"], size: Window
) -> tuple[Things, Int[Tensor, " m"]]:
    """What was found in overlapping tiles, each thing once, best first; and which of the n each is.

    1. A box that its tile cuts is dropped where it lies whole inside another tile, which saw all of the thing.
    2. Then, whole boxes and higher scores first, a box stands for the one of each other tile that agrees with it best:
       of its class, with an IoU of `AGREE`, where one of the two is cut only over the pixels that both tiles saw.
    3. Boxes that are cut in every tile and agree are one thing: their hull. One tile's boxes are never joined.

    Args:
        tile: of every box; boxes are in pixels of the whole grid of [height width] `size`, clipped to their tiles.
    """
    ends = torch.tensor([0, 0, size[1], size[0]], dtype=torch.float32)
    bounds = torch.where(tiles == ends, tiles.new_tensor([-torch.inf, -torch.inf, torch.inf, torch.inf]), tiles)
    numbers = torch.arange(len(tiles))
    beside = [numbers[(area(common(tiles, one)) > 0) & (numbers != index)] for index, one in enumerate(tiles)]
    whole = _inside(found.boxes, bounds[tile])
    kept = whole.clone()
    for index in torch.nonzero(~whole)[:, 0].tolist():
        kept[index] = not _inside(found.boxes[index], bounds[beside[int(tile[index])]]).any()
    seams = _Seams(found, tile, tiles, whole, kept, beside)
    order = sorted(torch.nonzero(kept)[:, 0].tolist(), key=lambda i: (not whole[i], -float(found.scores[i])))
    rows = [(index, box) for index in order if (box := seams.stands(index)) is not None]
    which = torch.tensor([index for index, _ in rows], dtype=torch.int64)
    boxes = torch.stack([box for _, box in rows]) if rows else found.boxes[:0]
    best = found.scores[which].argsort(descending=True, stable=True)
    return Things(boxes[best], found.labels[which][best], found.scores[which][best]), which[best]


class _Seams:
    """Which boxes are spoken for."""

    def __init__(
        self, found: Things, tile: Tensor, tiles: Tensor, whole: Tensor, kept: Tensor, beside: list[Tensor]
    ) -> None:
        """`whole`: boxes that are not cut; `kept`: those that count; `beside`: tile -> those that overlap it."""
        self._found, self._tile, self._tiles, self._whole, self._beside = found, tile.tolist(), tiles, whole, beside
        self._free = kept.clone()
        order = torch.nonzero(kept)[:, 0]
        order = order[tile[order].argsort(stable=True)]
        self._members = order.split(torch.bincount(tile[order], minlength=len(tiles)).tolist())

    def stands(self, index: int) -> Tensor | None:
        """The box [4] of the thing that this box stands for; None where another one spoke for it already."""
        if not self._free[index]:
            return None
        self._free[index] = False
        box, seen, waiting = self._found.boxes[index], {self._tile[index]}, [index]
        while waiting:
            one = waiting.pop()
            reached = self._beside[self._tile[one]]
            reached = reached[area(common(self._found.boxes[one], self._tiles[reached])) > 0]
            for other in reached.tolist():
                match = None if other in seen else self._match(one, other)
                if match is None:
                    continue
                self._free[match] = False
                seen.add(other)
                if not self._whole[one]:
                    box = hull(box, self._found.boxes[match])
                    waiting.append(match)
        return box

    def _match(self, one: int, other: int) -> int | None:
        """Of another tile's boxes the one that agrees best."""
        found = self._found
        rows = self._members[other]
        rows = rows[self._free[rows] & (found.labels[rows] == found.labels[one])]
        if not len(rows):
            return None
        mine, theirs, seen = (
            found.boxes[one],
            found.boxes[rows],
            common(self._tiles[self._tile[one]], self._tiles[other]),
        )
        both = self._whole[one] & self._whole[rows]
        agree = torch.where(both, iou(mine, theirs), iou(common(mine, seen), common(theirs, seen)))
        best = int(agree.argmax())
        return int(rows[best]) if agree[best] >= AGREE else None


def gathered(each: Sequence[Things], tiles: Float[Tensor, "tiles 4"], size: Window) -> Things:
    """What was found in every tile, in the tile's own pixels, `joined` in those of the whole grid; on the CPU."""
    moved: list[Things] = []
    for found, (left, top, right, bottom) in zip(each, tiles.long().tolist(), strict=True):
        boxes = clipped(found.boxes.float().cpu(), (bottom - top, right - left))
        moved.append(Things(boxes + boxes.new_tensor([left, top] * 2), found.labels.cpu(), found.scores.cpu()))
    tile = torch.tensor([index for index, found in enumerate(moved) for _ in found.scores], dtype=torch.int64)
    return joined(Things(*(torch.cat(values) for values in zip(*moved, strict=True))), tile, tiles, size)[0]


def _in_one(look: Look, grid: Tensor, window: Window, stride: Window) -> Things:
    size = tuple(grid.shape[2:])
    tiles = tiles_of(size, window, stride)
    places = tiles.long().tolist()
    each: list[Things] = []
    for first in range(0, len(places), TOGETHER):
        parts = [grid[:, :, top:bottom, left:right] for left, top, right, bottom in places[first : first + TOGETHER]]
        each += look(torch.cat(parts), None)
    return gathered(each, tiles, size)


def _inside(boxes: Tensor, bounds: Tensor) -> Tensor:
    """Whether boxes [*n 4] lie in tiles [*n 4] and not at their edges."""
    near = (NEAR * (boxes[..., 2:] - boxes[..., :2])).clamp_min(1.0)
    return ((boxes[..., :2] - bounds[..., :2] >= near) & (bounds[..., 2:] - boxes[..., 2:] >= near)).all(-1)
