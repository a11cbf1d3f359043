"""Buffers that sources save beside the weights: built again exactly as they build them, and read for what they tell.

They are the only tensors that know the window of Swin V2, a window that is not square, and the input size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from swinkit.types import Window


def index(window: Window) -> Int[Tensor, "tokens tokens"]:
    """The row of the bias table that holds the offset between two tokens of a window (`relative_position_index`)."""
    places = torch.cartesian_prod(*(torch.arange(w) for w in window)).reshape(-1, len(window))
    offsets = places[:, None] - places[None]
    row = torch.zeros(offsets.shape[:2], dtype=torch.int64)
    for axis, w in enumerate(window):
        row = row * (2 * w - 1) + offsets[..., axis] + (w - 1)
    return row


def coordinates(window: Window, bias_window: Window) -> Float[Tensor, "1 *offsets rank"]:
    """The log offsets of Swin V2 (`relative_coords_table`), operation by operation as microsoft computes them.

    A window of one token gives NaN, as it does there.
    """
    axes = [torch.arange(-(w - 1), w, dtype=torch.float32) / (b - 1) for w, b in zip(window, bias_window, strict=True)]
    table = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).unsqueeze(0) * 8
    return torch.sign(table) * torch.log2(torch.abs(table) + 1.0) / 3.0


def mask(space: Window, window: Window, shift: Window) -> Float[Tensor, "windows tokens tokens"]:
    """-100 between tokens of a window that come from different pieces of the unrolled map (`attn_mask`).

    `space` is the map with its padding: a multiple of the window along every axis.
    """
    piece = torch.zeros(space, dtype=torch.int64)
    for axis, (s, w, k) in enumerate(zip(space, window, shift, strict=True)):
        place = torch.arange(s)
        number = (place >= s - w).to(torch.int64) + (place >= s - k).to(torch.int64) if k else torch.zeros_like(place)
        piece = 3 * piece + number.view([-1 if i == axis else 1 for i in range(len(space))])
    rank, tiles = len(space), [n for s, w in zip(space, window, strict=True) for n in (s // w, w)]
    outer_then_inner = (*range(0, 2 * rank, 2), *range(1, 2 * rank, 2))
    piece = piece.reshape(tiles).permute(outer_then_inner).reshape(-1, math.prod(window))
    return (piece[:, None] != piece[:, :, None]).to(torch.float32) * -100.0 + 0.0  # 0.0, for -0.0 is another bit


def effective_shift(space: Window, window: Window, small_map: str) -> Window:
    """The shift of a shifted block on a map of `space` tokens, under a layout's policy."""
    fits = [s <= w for s, w in zip(space, window, strict=True)]
    if small_map == "shrink_block" and any(fits):
        return (0,) * len(window)
    return tuple(0 if f and small_map in ("shrink", "pad_still") else w // 2 for f, w in zip(fits, window, strict=True))


def window_of_index(value: Tensor, rank: int) -> Window | None:
    """The window that an index was built for, or None where it is not the index of any window (design C3)."""
    for window in _splits(value.shape[0], rank) if value.ndim == 2 else ():
        if torch.equal(index(window), value.to(torch.int64)):
            return window
    return None


def windows_of_coordinates(value: Tensor) -> tuple[Window, Window]:
    """The window, and the window that offsets are divided by, of V2's log offsets [1 *offsets rank]."""
    window = tuple((n + 1) // 2 for n in value.shape[1:-1])
    corner = value.reshape(-1, len(window))[0].double().abs()
    ratio = ((corner * 3).exp2() - 1) / 8
    bias = [round((w - 1) / float(r)) + 1 if w > 1 and r > 0 else 1 for w, r in zip(window, ratio, strict=True)]
    return window, tuple(bias)


def space_of_mask(value: Tensor, window: Window, small_map: str) -> Window | None:
    """The padded map that a shift mask was built for, or None where no map gives it."""
    for counts in _splits(value.shape[0], len(window)):
        space = tuple(n * w for n, w in zip(counts, window, strict=True))
        shift = effective_shift(space, window, small_map)
        if any(shift) and torch.equal(mask(space, window, shift), value.float()):
            return space
    return None


def window_of_mask(value: Tensor, rank: int, small_map: str) -> Window | None:
    """The window of a shift mask, or None where no window gives it."""
    windows = _splits(value.shape[1], rank)
    return next((window for window in windows if space_of_mask(value, window, small_map) is not None), None)


def _splits(total: int, rank: int) -> Iterator[Window]:
    """Ways to write `total` as a product of `rank` sizes; the most even ones first."""

    def parts(left: int, axes: int) -> Iterator[Window]:
        if axes == 1:
            yield (left,)
            return
        for n in range(1, left + 1):
            if left % n == 0:
                yield from ((n, *rest) for rest in parts(left // n, axes - 1))

    yield from sorted(parts(total, rank), key=lambda sizes: (max(sizes) - min(sizes), sizes))
