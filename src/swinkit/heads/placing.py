"""Where the samples of a batch and their things lie in its grid."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from swinkit.files import DataError
from swinkit.heads.boxes import View
from swinkit.ops.instance_masks import painted
from swinkit.ops.resize import extent
from swinkit.types import Batch, Objects, Window

GROUP = 16
"""Things whose masks are made at once."""


def on_grid(batch: Batch, index: int) -> Objects:
    """The things of a sample, their boxes in pixels of the grid."""
    things: Objects = batch.target[index]
    return replace(things, boxes=things.boxes * factors(batch, index).to(things.boxes))


def filled(batch: Batch, index: int) -> Window:
    """How much of the grid a sample fills."""
    if batch.valid is None:
        return tuple(batch.grid.shape[2:])
    return tuple(part.stop for part in extent(batch.valid[index]))


def factors(batch: Batch, index: int) -> Tensor:
    """[4] pixels of the grid for one of the original picture, along x, y, x, y; 1 in a training view."""
    space = filled(batch, index)
    high, wide = (here / there for here, there in zip(space, batch.sizes[index] if batch.sizes else space, strict=True))
    return torch.tensor([wide, high, wide, high], device=batch.grid.device)


def known_masks(things: Objects, batch: Batch, index: int) -> Tensor:
    """Their masks."""
    if things.masks is None:
        name = batch.ids[index] if batch.ids else str(index)
        text = "the sample has no masks, and they are to be learnt: say data.masks=true, or task.masks=false"
        raise DataError(name, text, field="masks")
    return things.masks


def masks_of(view: View, which: Tensor, boxes: Tensor, batch: Batch, index: int, detail: int) -> Tensor:
    """[n height width] bool on the CPU: the masks that some cells say, a few made at once, in original pixels."""
    here = filled(batch, index)
    size = batch.sizes[index] if batch.sizes else here
    masks = torch.empty(len(which), *size, dtype=torch.bool)
    for few, edges, place in zip(*(each.split(GROUP) for each in (which, boxes, masks)), strict=True):
        drawn, stride = view.masks(few, here, detail)
        scale = [side / there / step for side, there, step in zip(here, size, stride, strict=True)]
        place.copy_(painted(drawn, edges, size, (scale[0], scale[1])))
    return masks
