"""Look at a grid several times: window by window where it is too large to take at once, at several scales, mirrored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from swinkit.files import ConfigError
from swinkit.ops.resize import resize, resize_mask, stretch
from swinkit.types import Window

Function = Callable[[Tensor, Tensor | None], Tensor]
"""(grid [b c *window], valid [b *window] | None) -> [b k *window]."""
DEVIATION = 0.125
"""Of the Gaussian that blends windows, as a share of their sides."""
LEAST = 1e-3
"""What a cell counts for at the least, where the middle counts for 1."""


def slide(
    function: Function,
    grid: Float[Tensor, "b c *space"],
    valid: Bool[Tensor, " b *space"] | None = None,
    *,
    window: Window,
    stride: Window,
) -> Float[Tensor, "b k *space"]:
    """`function` over every window, blended where windows overlap: all `slabs` in one tensor."""
    space = tuple(grid.shape[2:])
    whole: Tensor | None = None
    for rows, values in slabs(function, grid, valid, window=window, stride=stride):
        if rows == slice(0, space[0]):
            return values
        whole = values.new_empty(*values.shape[:2], *space) if whole is None else whole
        whole[:, :, rows] = values
    assert whole is not None, "there is a slab, or an error"
    return whole


def slabs(
    function: Function,
    grid: Float[Tensor, "b c *space"],
    valid: Bool[Tensor, " b *space"] | None = None,
    *,
    window: Window,
    stride: Window,
) -> Iterator[tuple[slice, Float[Tensor, "b k rows *rest"]]]:
    """`function` over every window, blended where windows overlap, in parts along the first axis: the rows from one to
    before another and their values, as soon as no further window reaches them. Parts follow each other without a gap.

    Windows lie `stride` apart; the last one along an axis moves back so that it ends with the grid. A window that is at
    least as large as the grid means one plain call. A cell counts for less the farther it is from its window's middle
    (`gaussian_weights`), since there the function knew less of the surroundings. Windows in which no sample has a valid
    cell yield 0.

    Memory: twice the values of as many rows as a window has, however many the grid has.

    Raises:
        ValueError: window and stride do not fit the grid, or no window holds a valid cell.
    """
    space = tuple(grid.shape[2:])
    if len(window) != len(space) or len(stride) != len(space):
        raise ValueError(f"window {window} and stride {stride} need one size for each of the axes of a grid of {space}")
    if min(window) < 1 or any(not 0 < s <= w for s, w in zip(stride, window, strict=True)):
        raise ValueError(f"stride {stride} has to be positive and at most the window {window}: cells would be left out")
    window = tuple(min(w, n) for w, n in zip(window, space, strict=True))
    if window == space:
        yield slice(0, space[0]), function(grid, valid)
        return
    sums = _Sums(gaussian_weights(window, grid.device), space)
    firsts, *others = (window_starts(n, w, s) for n, w, s in zip(space, window, stride, strict=True))
    for first, done in zip(firsts, [*firsts[1:], space[0]], strict=True):
        for origin in product([first], *others):
            part = (..., *(slice(o, o + w) for o, w in zip(origin, window, strict=True)))
            if valid is None or valid[part].any():
                sums.add(origin, function(grid[part], None if valid is None else valid[part]))
        if sums.begun:
            yield sums.take(done)
    if not sums.begun:
        raise ValueError("no window holds a valid cell")


class _Sums:
    """Weighted values and weights in the rows that windows still reach."""

    def __init__(self, weights: Tensor, space: Window) -> None:
        self._weights, self._space = weights, space
        self._first = 0  # row of the grid with which the sums begin
        self._values: Tensor | None = None
        self._counted: Tensor | None = None

    @property
    def begun(self) -> bool:
        """Whether there was a window: before that nobody knows how many values a cell has."""
        return self._values is not None

    def add(self, origin: Window, values: Tensor) -> None:
        """Add what was found in the window [b k *window] that begins at `origin`."""
        if self._values is None or self._counted is None:
            dtype = torch.promote_types(values.dtype, torch.float32)
            self._values = values.new_empty(*values.shape[:2], 0, *self._space[1:], dtype=dtype)
            self._counted = self._weights.new_empty(1, 1, 0, *self._space[1:])
        place = (origin[0] - self._first, *origin[1:])
        part = (..., *(slice(o, o + w) for o, w in zip(place, self._weights.shape, strict=True)))
        rows = place[0] + len(self._weights)
        self._values, self._counted = _longer(self._values, rows), _longer(self._counted, rows)
        self._values[part] += values * self._weights
        self._counted[part] += self._weights

    def take(self, stop: int) -> tuple[slice, Tensor]:
        """Rows before `stop` and their weighted means; from then on the sums begin there."""
        assert self._values is not None and self._counted is not None
        rows, count = slice(self._first, stop), stop - self._first
        values, counted = _longer(self._values, count), _longer(self._counted, count)
        self._values, self._counted = values[:, :, count:].clone(), counted[:, :, count:].clone()
        self._first = stop
        return rows, values[:, :, :count].div_(counted[:, :, :count].clamp_min_(torch.finfo(counted.dtype).tiny))


def _longer(x: Tensor, rows: int) -> Tensor:
    """[b k n *rest] with zeros after the n, at least `rows` in all."""
    if x.shape[2] >= rows:
        return x
    longer = x.new_zeros(*x.shape[:2], rows, *x.shape[3:])
    longer[:, :, : x.shape[2]] = x
    return longer


def average_views(
    function: Function,
    grid: Float[Tensor, "b c *space"],
    valid: Bool[Tensor, " b *space"] | None = None,
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
) -> Float[Tensor, "b k *space"]:
    """Mean of the probabilities that `function` finds at every scale and, with `flip`, in the mirror images.

    `function` yields logits, which may be coarser than the grid. The mirror runs along the last axis.
    """
    space = tuple(grid.shape[2:])
    total: Tensor | None = None
    for scale in scales:
        size = tuple(max(1, round(scale * n)) for n in space)
        scaled, mask = resize(grid, size), None if valid is None else resize_mask(valid, size)
        views = [stretch(function(scaled, mask), size).softmax(1)]
        if flip:
            mirrored = function(scaled.flip(-1), None if mask is None else mask.flip(-1))
            views.append(stretch(mirrored, size).softmax(1).flip(-1))
        for view in views:
            view = resize(view, space)
            total = view if total is None else total + view
    if total is None:
        raise ValueError("scales is empty: (1.0,) is the plain size")
    return total / (len(scales) * (1 + flip))


def check_views(window: Window, stride: Window, scales: Sequence[float]) -> None:
    """ConfigError for settings of a task that `slide` or `average_views` could not follow; () leaves one out."""
    if not scales or min(scales) <= 0:
        raise ConfigError(f"scales: {scales} are not positive factors; (1.0,) is the plain size")
    if stride and len(stride) != len(window):
        raise ConfigError(f"stride: {stride} and window {window} need the same number of axes")
    if any(not 0 < s <= w for s, w in zip(stride or window, window, strict=True)):
        raise ConfigError(f"stride: {stride} has to be positive and at most the window {window}")


def window_starts(size: int, window: int, stride: int) -> list[int]:
    """Where windows begin along an axis: `stride` apart, the last one ending with the axis."""
    return [*range(0, size - window, stride), size - window]


def gaussian_weights(window: Window, device: torch.device) -> Tensor:
    """What the cells of a window count for: a Gaussian about its middle whose deviation is an eighth of each side, at
    least LEAST (nnU-Net, Isensee et al. 2021)."""
    weights = torch.ones((), device=device)
    for side in window:
        places = (torch.arange(side, device=device) - (side - 1) / 2) / (side * DEVIATION)
        weights = weights[..., None] * torch.exp(-0.5 * places**2)
    return weights.clamp_min(LEAST)
