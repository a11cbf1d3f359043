"""Boxes as left, top, right and bottom edges: how far they overlap, and what is learned from that.

Functions take boxes [..., 4] that broadcast against each other; `pairwise` makes all pairs of two lists. A box whose
edges are crossed counts as empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

TINY = 1e-7


def area(boxes: Float[Tensor, "*n 4"]) -> Float[Tensor, "*n"]:
    """Width times height."""
    width, height = _sides(boxes)
    return width * height


def iou(one: Float[Tensor, "*n 4"], other: Float[Tensor, "*m 4"]) -> Float[Tensor, "*k"]:
    """Intersection over union; two empty boxes share nothing."""
    shared, union = _overlap(one, other)
    return shared / (union + TINY)


def giou(one: Float[Tensor, "*n 4"], other: Float[Tensor, "*m 4"]) -> Float[Tensor, "*k"]:
    """IoU less the share of the hull that neither box covers: -1 to 1, with a slope where boxes are apart (Rezatofighi
    et al. 2019).
    """
    shared, union = _overlap(one, other)
    around = area(hull(one, other))
    return shared / (union + TINY) - (around - union) / (around + TINY)


def ciou(one: Float[Tensor, "*n 4"], other: Float[Tensor, "*m 4"]) -> Float[Tensor, "*k"]:
    """IoU less the distance of the centres over the hull's diagonal, squared, less the difference of the shapes (Zheng
    et al. 2020).
    """
    found = iou(one, other)
    wide, high = _sides(hull(one, other))
    apart = one - other
    distance = (apart[..., :2] + apart[..., 2:]).square().sum(-1) / 4 / (wide.square() + high.square() + TINY)
    shapes = [torch.atan2(width, height + TINY) for width, height in (_sides(one), _sides(other))]
    shape = 4 / math.pi**2 * (shapes[0] - shapes[1]).square()
    with torch.no_grad():
        share = shape / (1 - found + shape + TINY)
    return found - distance - share * shape


def pairwise(
    measure: Callable[[Tensor, Tensor], Tensor], one: Float[Tensor, "n 4"], other: Float[Tensor, "m 4"]
) -> Float[Tensor, "n m"]:
    """`measure` of every box of one list with every box of the other."""
    return measure(one[:, None], other[None])


def common(one: Float[Tensor, "*n 4"], other: Float[Tensor, "*m 4"]) -> Float[Tensor, "*k 4"]:
    """What both boxes cover; its edges are crossed where that is nothing."""
    first, last = torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    return torch.cat([first, last], -1)


def hull(one: Float[Tensor, "*n 4"], other: Float[Tensor, "*m 4"]) -> Float[Tensor, "*k 4"]:
    """The smallest box that holds both."""
    first, last = torch.minimum(one[..., :2], other[..., :2]), torch.maximum(one[..., 2:], other[..., 2:])
    return torch.cat([first, last], -1)


def clipped(boxes: Float[Tensor, "*n 4"], size: tuple[int, int]) -> Float[Tensor, "*n 4"]:
    """Cut to a picture of [height width]."""
    across, down = boxes[..., 0::2].clamp(0, size[1]), boxes[..., 1::2].clamp(0, size[0])
    return torch.stack([across[..., 0], down[..., 0], across[..., 1], down[..., 1]], -1)


def _sides(boxes: Tensor) -> tuple[Tensor, Tensor]:
    width, height = (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).unbind(-1)
    return width, height


def _overlap(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Areas of intersection and union."""
    shared = area(common(one, other))
    return shared, area(one) + area(other) - shared
