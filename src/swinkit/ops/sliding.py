"""Look at a grid several times: window by window where it is too large to take at once, at several scales, mirrored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """`function` over every window, blended where windows overlap.

    Windows lie `stride` apart; the last one along an axis moves back so that it ends with the grid. A window that is at
    least as large as the grid means one plain call. A cell counts for less the farther it is from its window's middle
    (`gaussian_weights`), since there the function knew less of the surroundings. Windows in which no sample has a valid
    cell yield 0.
    """
    space = tuple(grid.shape[2:])
    if len(window) != len(space) or len(stride) != len(space):
        raise ValueError(f"window {window} and stride {stride} need one size for each of the axes of a grid of {space}")
    if min(window) < 1 or any(not 0 < s <= w for s, w in zip(stride, window, strict=True)):
        raise ValueError(f"stride {stride} has to be positive and at most the window {window}: cells would be left out")
    window = tuple(min(w, n) for w, n in zip(window, space, strict=True))
    if window == space:
        return function(grid, valid)
    weights = gaussian_weights(window, grid.device)
    total: Tensor | None = None
    sums = torch.zeros(space, device=grid.device)
    for origin in product(*(window_starts(n, w, s) for n, w, s in zip(space, window, stride, strict=True))):
        part = (..., *(slice(o, o + w) for o, w in zip(origin, window, strict=True)))
        if valid is not None and not valid[part].any():
            continue
        values = function(grid[part], None if valid is None else valid[part])
        if total is None:
            total = values.new_zeros(*values.shape[:2], *space, dtype=torch.promote_types(values.dtype, torch.float32))
        total[part] += values * weights
        sums[part] += weights
    if total is None:
        raise ValueError("no window holds a valid cell")
    return total / sums.clamp_min(torch.finfo(sums.dtype).tiny)


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
