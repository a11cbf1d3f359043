"""Masks of single things out of one map that all of them share: every thing brings the weights of a small network that
looks at the map and at where it is seen from (CondInst, Tian et al. 2020; sizes as in RTMDet-Ins, Lyu et al. 2022).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from swinkit.types import Window

WIDTH = 8
"""Channels between the three layers of the small network."""
REACH = 8.0
"""Cells of the level that found a thing: so far away places differ by 1."""
TINY = 1e-6


def parts(channels: int) -> tuple[int, ...]:
    """Numbers in each part of a thing's weights, for a map of so many channels: a matrix and a bias, three times."""
    return (WIDTH * (channels + 2), WIDTH, WIDTH * WIDTH, WIDTH, WIDTH, 1)


def dynamic(
    features: Float[Tensor, "c h w"],
    kernels: Float[Tensor, "n weights"],
    places: tuple[Float[Tensor, "n w"], Float[Tensor, "n h"]],
) -> Float[Tensor, "n h w"]:
    """Logits of n things: three 1-wide convolutions with ReLU between, on the map and the two `places` (see
    `relative`).

    The map is the same for all, so the first layer is one product, and places along one axis are added as such.
    """
    count, (channels, height, width) = len(kernels), features.shape
    first, first_bias, second, second_bias, third, third_bias = kernels.split(parts(channels), 1)
    first = first.view(count, WIDTH, channels + 2)
    seen = first[..., :channels].reshape(count * WIDTH, channels) @ features.flatten(1)
    across = first[..., channels, None] * places[0][:, None] + first_bias[..., None]
    down = first[..., channels + 1, None] * places[1][:, None]
    x = (seen.view(count, WIDTH, height, width) + across[:, :, None] + down[..., None]).relu().flatten(2)
    x = torch.baddbmm(second_bias[..., None], second.view(count, WIDTH, WIDTH), x).relu()
    return torch.baddbmm(third_bias[..., None], third[:, None], x).view(count, height, width)


def relative(
    centres: Float[Tensor, "n 2"], strides: Float[Tensor, "n 2"], space: Window, stride: Window
) -> tuple[Float[Tensor, "n w"], Float[Tensor, "n h"]]:
    """Where the columns and rows of a map lie, as n cells see them.

    Args:
        centres: x and y of the cells, in pixels of the grid.
        strides: pixels between neighbours of their levels, along x and y.
        space: of the map.
        stride: pixels of the grid for a cell of the map, down and across.
    """
    found = []
    for axis, (count, step) in enumerate(zip(reversed(space), reversed(stride), strict=True)):
        edges = (torch.arange(count, device=centres.device) + 0.5) * step
        found.append((edges - centres[:, axis, None]) / (REACH * strides[:, axis, None]))
    return found[0], found[1]


def reduced(masks: Bool[Tensor, "n height width"], size: Window, stride: Window) -> Float[Tensor, "n h w"]:
    """The share of every cell of `stride` pixels that a mask covers, of masks that are brought to `size` first."""
    x = masks.float()[:, None]
    if tuple(masks.shape[1:]) != tuple(size):
        x = F.interpolate(x, size=tuple(size), mode="area")
    return F.avg_pool2d(x, stride, ceil_mode=True)[:, 0]


def apart(logits: Float[Tensor, "n h w"], wanted: Float[Tensor, "n h w"]) -> Float[Tensor, " n"]:
    """For every mask 1 - 2 sum(p t) / (sum(p p) + sum(t t)) (Milletari et al. 2016) and the mean binary cross-entropy,
    added; for masks that hold nothing the second alone."""
    crossed = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean((1, 2))
    probability = logits.sigmoid()
    shared = (probability * wanted).sum((1, 2))
    sizes = (probability.square() + wanted.square()).sum((1, 2))
    return crossed + (1 - 2 * shared / sizes.clamp_min(TINY)) * (wanted.sum((1, 2)) > 0)


def painted(
    logits: Float[Tensor, "n h w"],
    boxes: Float[Tensor, "n 4"],
    size: Window,
    scale: tuple[float, float],
) -> Bool[Tensor, "n height width"]:
    """The pixels of a picture of `size` that are more likely than not, each mask within its box.

    Every pixel takes its value from where its centre lies in the map, linearly, in one step: nothing moves at any size.

    Args:
        boxes: edges in pixels of the picture.
        scale: cells of the map for a pixel of the picture, down and across.
    """
    masks = torch.zeros(len(logits), *size, dtype=torch.bool, device=logits.device)
    least, most = boxes.floor().long().tolist(), boxes.ceil().long().tolist()
    for mask, values, (left, top, _, _), (_, _, right, bottom) in zip(masks, logits, least, most, strict=True):
        rows, columns = slice(max(0, top), min(bottom, size[0])), slice(max(0, left), min(right, size[1]))
        for axis, (part, step) in enumerate(zip((rows, columns), scale, strict=True)):
            values = _between(values, part, step, axis)
        mask[rows, columns] = values > 0
    return masks


def _between(values: Tensor, part: slice, step: float, axis: int) -> Tensor:
    """Values along an axis where the pixels of `part` have their centres, cells being `step` a pixel."""
    last = values.shape[axis] - 1
    places = (torch.arange(part.start, part.stop, device=values.device) + 0.5) * step - 0.5
    low = places.floor().clamp(0, last)
    share = (places - low).clamp(0, 1).view([-1 if each == axis else 1 for each in range(2)])
    ends = [values.index_select(axis, end.long()) for end in (low, (low + 1).clamp_max(last))]
    return torch.lerp(ends[0], ends[1], share)
