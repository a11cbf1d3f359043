"""Things found in several views of one grid, at other sizes and mirrored, as one answer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from swinkit.ops.boxes import iou
from swinkit.ops.resize import extent, resize, resize_mask
from swinkit.ops.tiles import Look, Things

AGREE = 0.55
"""IoU from which boxes of two views are one thing, as published."""


def find_in_views(
    look: Look,
    grid: Float[Tensor, "b c h w"],
    valid: Bool[Tensor, "b h w"] | None = None,
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
) -> list[Things]:
    """What `look` finds at every scale of the grid and, with `flip`, in the mirror images (along the last axis),
    `fused`; one view is answered as it is.
    """
    if not scales:
        raise ValueError("scales is empty: (1.0,) is the plain size")
    views: list[list[Things]] = []
    for scale in scales:
        size = (max(1, round(scale * grid.shape[2])), max(1, round(scale * grid.shape[3])))
        scaled, mask = resize(grid, size), None if valid is None else resize_mask(valid, size)
        back = torch.tensor([grid.shape[3] / size[1], grid.shape[2] / size[0]] * 2)
        views.append([_moved(found, back) for found in look(scaled, mask)])
        if flip:
            widths = [extent(row)[1].stop for row in mask] if mask is not None else [size[1]] * len(grid)
            mirrored = [
                _mirrored(found, wide) for found, wide in zip(look(_flipped(scaled, widths), mask), widths, strict=True)
            ]
            views.append([_moved(found, back) for found in mirrored])
    return views[0] if len(views) == 1 else [fused(each) for each in zip(*views, strict=True)]


def fused(views: Sequence[Things]) -> Things:
    """One answer of several, best first: weighted boxes fusion (Solovyev et al. 2021).

    Boxes of a class that agree (IoU above `AGREE` with what was fused so far) become their mean, weighted by their
    scores; its score is the mean over all views, 0 where a view found nothing there. Of each view a thing takes one
    box at most, since a view says every thing once (the paper's boxes come from models that may say it twice).
    """
    view = torch.cat([torch.full((len(found.scores),), index) for index, found in enumerate(views)])
    every = Things(*(torch.cat(values) for values in zip(*views, strict=True)))
    order = every.scores.argsort(descending=True, stable=True)
    every, view = every.chosen(order), view[order]
    count = len(view)
    boxes, weights, labels = (
        every.boxes.new_zeros(count, 4),
        every.scores.new_zeros(count),
        every.labels.new_zeros(count),
    )
    seen = torch.zeros(count, len(views), dtype=torch.bool)
    made = 0
    for box, label, score, index in zip(every.boxes, every.labels, every.scores, view, strict=True):
        agree = iou(boxes[:made], box) * ((labels[:made] == label) & ~seen[:made, index])
        at = int(agree.argmax()) if made and agree.max() > AGREE else made
        made = max(made, at + 1)
        boxes[at] = (weights[at] * boxes[at] + score * box) / (weights[at] + score).clamp_min(1e-12)
        weights[at] += score
        labels[at], seen[at, index] = label, True
    found = Things(boxes[:made], labels[:made], weights[:made] / len(views))
    return found.chosen(found.scores.argsort(descending=True, stable=True))


def _flipped(grid: Tensor, widths: Sequence[int]) -> Tensor:
    """Every sample mirrored in what it fills, so that its padding stays at the end."""
    mirrored = grid.clone()
    for row, wide in zip(mirrored, widths, strict=True):
        row[..., :wide] = row[..., :wide].flip(-1)
    return mirrored


def _mirrored(found: Things, width: int) -> Things:
    left, top, right, bottom = found.boxes.unbind(-1)
    return found._replace(boxes=torch.stack([width - right, top, width - left, bottom], -1))


def _moved(found: Things, factors: Tensor) -> Things:
    return found._replace(boxes=found.boxes * factors)
