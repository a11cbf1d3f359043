"""Linear resizing of maps of rank 1 to 3: cells are areas, so their corners lie on the border (align_corners=False)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from swinkit.types import Window

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}

BUDGET = 1 << 24
"""Values resized at once where only the best class is wanted: 64 MB of float32 whatever the number of classes."""


def resize(x: Float[Tensor, "b c *space"], size: Window) -> Float[Tensor, "b c *size"]:
    """`x` stretched or shrunk to `size`."""
    size = tuple(size)
    if not torch.compiler.is_exporting() and tuple(x.shape[2:]) == size:  # exported: no question about sizes
        return x
    if len(size) != x.ndim - 2 or len(size) not in LINEAR:
        raise ValueError(f"size {size} does not fit x {tuple(x.shape)}: give one size per space axis, rank 1 to 3")
    return F.interpolate(x, size=size, mode=LINEAR[len(size)], align_corners=False)


def resize_mask(mask: Bool[Tensor, " b *space"], size: Window) -> Bool[Tensor, " b *size"]:
    """The nearest cell of `mask` for every cell of a grid of `size`."""
    if tuple(mask.shape[1:]) == tuple(size):
        return mask
    return F.interpolate(mask[:, None].float(), size=tuple(size), mode="nearest-exact")[:, 0] > 0.5


def stretch(
    x: Float[Tensor, " b c *cells"], space: Window, factors: Window | None = None
) -> Float[Tensor, "b c *space"]:
    """From the cells of a coarse map to the grid they came from, each cell being `factors` wide.

    Grids are padded at the high end before they are reduced, so 57 cells of width 4 cover 228 cells of a grid of 225.
    Resizing 57 to 225, as is commonly done, would move everything; this resizes to 228 and crops. Without `factors`
    they are the smallest that cover the grid: right, but for maps of fewer cells than one is wide.
    """
    if factors is None:
        factors = tuple(-(-n // s) for n, s in zip(space, x.shape[2:], strict=True))
    if any(factor > 1 for factor in factors):
        sizes = tuple(s * factor for s, factor in zip(x.shape[2:], factors, strict=True))
        x = F.interpolate(x, size=sizes, mode=LINEAR[len(factors)], align_corners=False)
    if not torch.compiler.is_exporting():
        return x[(..., *(slice(n) for n in space))]
    for axis, n in enumerate(space):  # a slice would ask whether n is within the map, which no program can know ahead
        x = x.index_select(axis + 2, torch.arange(n, device=x.device))
    return x


def extent(valid: Bool[Tensor, "*space"]) -> tuple[slice, ...]:
    """The smallest box that holds every valid cell (one cell at the origin if there is none)."""
    box: list[slice] = []
    for axis in range(valid.ndim):
        others = tuple(a for a in range(valid.ndim) if a != axis)
        found = (valid.any(others) if others else valid).nonzero()
        box.append(slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 1))
    return tuple(box)


def fit(
    x: Float[Tensor, "b c *cells"], space: Window, box: tuple[slice, ...], size: Window
) -> Float[Tensor, "b c *size"]:
    """A coarse map over a grid of `space`, cut to the `box` that a sample fills, at the sample's own `size`."""
    return resize(stretch(x, space)[(..., *box)], size)


def best_class(
    logits: Float[Tensor, " c *cells"], space: Window, box: tuple[slice, ...], size: Window
) -> tuple[Int[Tensor, "*size"], Float[Tensor, "*size"]]:
    """`fit`, then the class with the largest logit in every cell and its probability.

    Goes through the classes in groups, since 150 classes of a large picture would not fit in memory at once.
    """
    group = max(1, BUDGET // max(1, math.prod(size), math.prod(space)))
    top = labels = total = None
    for first in range(0, len(logits), group):
        values = fit(logits[None, first : first + group].float(), space, box, size)[0]
        value, label = values.max(0)
        share = values.logsumexp(0)
        if top is None or labels is None or total is None:
            top, labels, total = value, label, share
        else:
            labels = torch.where(value > top, label + first, labels)
            top, total = torch.maximum(top, value), torch.logaddexp(total, share)
    if top is None or labels is None or total is None:
        raise ValueError("logits hold no class")
    return labels, (top - total).exp()


def best_classes(
    slabs: Iterable[tuple[slice, Tensor]],
    space: Window,
    boxes: Sequence[tuple[slice, ...]],
    sizes: Sequence[Window],
    *,
    dtype: torch.dtype = torch.int64,
    scores: bool = False,
) -> list[tuple[Tensor, Tensor | None]]:
    """`best_class` of every sample of a batch, on the CPU: labels [*size] of `dtype` and, where `scores` are wanted,
    float32 probabilities, else None.

    `slabs` are rows of the grid of `space` and their logits [b c *cells], as `ops.sliding.slabs` yields them: one after
    the other, of as many cells as the grid; or all rows at once, which may be coarser. Of each at most its last row is
    kept when the next is asked for.
    """
    found = [(torch.zeros(size, dtype=dtype), torch.zeros(size) if scores else None) for size in sizes]
    stretched = any(size[0] != box[0].stop - box[0].start for box, size in zip(boxes, sizes, strict=True))
    last: Tensor | None = None
    for rows, logits in slabs:
        if last is not None:
            rows, logits = slice(rows.start - 1, rows.stop), torch.cat([last, logits], 2)
        for index, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
            _label(found[index], logits[index], rows, (rows.stop - rows.start, *space[1:]), box, size)
        last = logits[:, :, -1:].clone() if stretched else None
        del logits
    return found


def _label(
    targets: tuple[Tensor, Tensor | None], x: Tensor, rows: slice, space: Window, box: tuple[slice, ...], size: Window
) -> None:
    """Write what the `rows` of the grid, themselves of `space`, say about one sample into its labels and scores."""
    first, stop = max(rows.start, box[0].start), min(rows.stop, box[0].stop)
    if first >= stop:
        return
    out, held = slice(0, size[0]), slice(first - rows.start, stop - rows.start)
    if (first, stop) != (box[0].start, box[0].stop):
        x, out = _between(x[:, held], first - box[0].start, box[0].stop - box[0].start, size[0])
        held, space = slice(0, x.shape[1]), (x.shape[1], *space[1:])
    if out.start == out.stop:
        return
    parts = best_class(x, space, (held, *box[1:]), (out.stop - out.start, *size[1:]))
    for target, part in zip(targets, parts, strict=True):
        if target is not None:
            target[out] = part.to(target.dtype).cpu()


def _between(x: Tensor, first: int, rows: int, wanted: int) -> tuple[Tensor, slice]:
    """Of `rows` resized to `wanted` along the first axis those that lie between the rows x [c n *rest] from the
    `first` on, and which these are."""
    if rows == wanted:
        return x, slice(first, first + x.shape[1])
    places = (rows / wanted * (torch.arange(wanted, device=x.device) + 0.5) - 0.5).clamp_min(0)
    low = places.long()
    high = (low + 1).clamp_max(rows - 1)
    inside = ((low >= first) & (high < first + x.shape[1])).nonzero()[:, 0]
    if not len(inside):
        return x[:, :0], slice(0, 0)
    out = slice(int(inside[0]), int(inside[-1]) + 1)
    share = (places - low)[out].reshape(-1, *(1,) * (x.ndim - 2))
    return torch.lerp(x[:, low[out] - first], x[:, high[out] - first], share), out
