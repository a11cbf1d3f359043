"""Which cell of a dense detector learns which thing: those whose score and box agree best with it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from swinkit.ops.boxes import iou, pairwise

TINY = 1e-9


class Assignment(NamedTuple):
    """What every cell learns."""

    thing: Int[Tensor, " cells"]
    """Index of the thing, -1 for none."""
    quality: Float[Tensor, " cells"]
    """The score that the cell should give it, 0 to 1; 0 for none."""


def aligned(
    logits: Float[Tensor, "cells classes"],
    boxes: Float[Tensor, "cells 4"],
    allowed: Bool[Tensor, "things cells"],
    wanted: Float[Tensor, "things 4"],
    labels: Int[Tensor, " things"],
    *,
    top: int,
    power: float = 6.0,
) -> Assignment:
    """Task-aligned assignment (TOOD, Feng et al. 2021): every thing gets the `top` cells with the largest
    sqrt(score) * IoU ** `power` of those allowed to it; a cell that several things want goes to the one it covers best.

    The best cell of a thing should score its IoU, the others less, in proportion to how well they agree.
    """
    cells, things = len(boxes), len(wanted)
    if not things:
        return Assignment(labels.new_full((cells,), -1), boxes.new_zeros(cells))
    overlap = pairwise(iou, wanted, boxes)
    fit = 0.5 * F.logsigmoid(logits)[:, labels].T + power * (overlap + TINY).log()  # in logarithms nothing underflows
    fit = fit.masked_fill(~allowed, -torch.inf)
    best = fit.topk(min(top, cells), 1).indices
    chosen = torch.zeros_like(allowed).scatter_(1, best, True) & allowed
    owner = overlap.masked_fill(~chosen, -1).argmax(0)
    chosen &= owner == torch.arange(things, device=owner.device)[:, None]
    fit = fit.masked_fill(~chosen, -torch.inf)
    peak = fit.amax(1, keepdim=True)
    share = (fit - torch.where(peak.isfinite(), peak, 0)).exp()
    quality = share * overlap.masked_fill(~chosen, 0).amax(1, keepdim=True)
    return Assignment(torch.where(chosen.any(0), owner, -1), quality.amax(0))


def leading(thing: Int[Tensor, " cells"], quality: Float[Tensor, " cells"], most: int) -> Int[Tensor, " chosen"]:
    """Up to `most` of the cells that learn a thing: the best one of every thing, then every thing's second, and so
    on."""
    learnt = (thing >= 0).nonzero()[:, 0]
    if len(learnt) <= most:
        return learnt
    learnt = learnt[quality[learnt].argsort(descending=True, stable=True)]
    owner = thing[learnt]
    before = (owner[:, None] == owner[None]).tril(-1).sum(1)
    return learnt[before.argsort(stable=True)[:most]]


def near(
    centres: Float[Tensor, "cells 2"], boxes: Float[Tensor, "things 4"], least: float
) -> Bool[Tensor, "things cells"]:
    """Which centres lie in which boxes, each box taken as at least `least` wide and high, so that no thing is missed
    between the cells.
    """
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).clamp_min(least) / 2
    return ((centres[None] - middle[:, None]).abs() <= half[:, None]).all(-1)
