"""Points as distributions over cells and back: what pose heads learn, and how their answers are read.

Coordinates are continuous: cell i covers [i, i + 1), so its centre is i + 0.5.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

REACH = 3.0
"""Deviations around a peak within which probability counts as the peak's own."""


def gaussians(places: Float[Tensor, "*points"], cells: int, sigma: float) -> Float[Tensor, "*points cells"]:
    """A normal distribution about each place on an axis, over its cells; adds up to 1 even where a place lies outside.

    Places and `sigma` in cells. Nothing is rounded, so the distribution knows where in its cell a place is (Zhang et
    al. 2020).
    """
    centres = torch.arange(cells, device=places.device, dtype=torch.float32) + 0.5
    return (-((places[..., None] - centres) ** 2) / (2 * sigma**2)).softmax(-1)


def divergence(
    logits: Float[Tensor, "*points cells"], wanted: Float[Tensor, "*points cells"]
) -> Float[Tensor, "*points"]:
    """Kullback-Leibler divergence of the softmax of `logits` from the wanted distribution, in nats."""
    return (torch.xlogy(wanted, wanted) - wanted * logits.float().log_softmax(-1)).sum(-1)


def peaks(logs: Float[Tensor, "*points h w"]) -> Float[Tensor, "*points 2"]:
    """(row, column) of the peak of each map of log probabilities, between the cells (DARK, Zhang et al. 2020).

    About the best cell the logarithm of a Gaussian is a parabola, whose top follows from the first and second
    differences; at a border the parabola is that of the cell beside it. Where the differences have no top the centre of
    the cell is the answer. No answer is more than 1.5 cells from the cell that the parabola is about.
    """
    *many, height, width = logs.shape
    maps = logs.reshape(-1, height, width).float()
    best = maps.flatten(1).argmax(1)
    rows, columns = best // width, best % width
    centre = torch.stack([rows, columns], 1).to(maps) + 0.5
    if min(height, width) < 3:
        return centre.view(*many, 2)
    y, x = rows.clamp(1, height - 2), columns.clamp(1, width - 2)
    each = torch.arange(len(maps), device=maps.device)

    def at(down: int, right: int) -> Tensor:
        return maps[each, y + down, x + right]

    middle = at(0, 0)
    first = torch.stack([at(1, 0) - at(-1, 0), at(0, 1) - at(0, -1)], 1) / 2
    yy, xx = at(1, 0) + at(-1, 0) - 2 * middle, at(0, 1) + at(0, -1) - 2 * middle
    xy = (at(1, 1) + at(-1, -1) - at(1, -1) - at(-1, 1)) / 4
    bend = yy * xx - xy * xy
    top = (yy < 0) & (xx < 0) & (bend > 1e-12)
    bend = bend.where(top, 1)
    step = -torch.stack([xx * first[:, 0] - xy * first[:, 1], yy * first[:, 1] - xy * first[:, 0]], 1) / bend[:, None]
    refined = torch.stack([y, x], 1).to(maps) + 0.5 + step
    good = top & (step.abs() <= 1.5).all(1)
    return torch.where(good[:, None], refined, centre).view(*many, 2)


def expectations(probability: Float[Tensor, "*points cells"], reach: int) -> Float[Tensor, "*points"]:
    """The mean place on an axis within `reach` cells of the best one; at a border fewer, so that both sides count
    alike."""
    best, window = _around(probability, reach)
    steps = torch.arange(-reach, reach + 1, device=probability.device)
    room = torch.minimum(best, probability.shape[-1] - 1 - best)[..., None]
    window = window * (steps.abs() <= room)
    offset = (window * steps).sum(-1) / window.sum(-1).clamp_min(1e-30)
    return best + 0.5 + offset


def held(probability: Float[Tensor, "*points cells"], reach: int) -> Float[Tensor, "*points"]:
    """The probability within `reach` cells of the best one on an axis: how sure an answer is."""
    return _around(probability, reach)[1].sum(-1)


def held_in_map(probability: Float[Tensor, "*points h w"], reach: int) -> Float[Tensor, "*points"]:
    """The same for maps, in a square about the best cell."""
    *many, height, width = probability.shape
    maps = probability.reshape(-1, height, width)
    best = maps.flatten(1).argmax(1)
    near = [
        (torch.arange(count, device=maps.device) - place[:, None]).abs() <= reach
        for count, place in ((height, best // width), (width, best % width))
    ]
    return (maps * (near[0][:, :, None] & near[1][:, None])).sum((1, 2)).view(many)


def _around(probability: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """The best cell [*points], and the values [*points 2 * reach + 1] about it, 0 beyond the ends."""
    best = probability.argmax(-1)
    places = best[..., None] + torch.arange(-reach, reach + 1, device=probability.device)
    inside = (places >= 0) & (places < probability.shape[-1])
    return best, probability.gather(-1, places.clamp(0, probability.shape[-1] - 1)) * inside
