"""The shape of one thing, as annotation files have it, as a mask: polygons, or COCO's run lengths."""

from __future__ import annotations

from math import isfinite
from typing import Any

import cv2
import numpy as np

_FINE = 4  # binary digits after the point that OpenCV draws with


def drawn(shape: Any, edges: tuple[float, ...], size: tuple[int, int], *, relative: bool = False) -> np.ndarray:
    """[height width] bool.

    Args:
        shape: a list of polygons [x1, y1, x2, y2 ...], or {"size": [h, w], "counts": runs down the columns, as numbers
            or as COCO's letters}; None: the whole box.
        edges: the box, in the same units.
        relative: coordinates are shares of the picture's width and height.

    Raises:
        ValueError: it is none of these, or of another size.
    """
    if shape is None:
        left, top, right, bottom = edges
        shape = [[left, top, right, top, right, bottom, left, bottom]]
    if isinstance(shape, dict):
        return _runs(shape, size)
    if not isinstance(shape, list) or not shape:
        raise ValueError("wanted polygons or run lengths")
    mask = np.zeros(size, np.uint8)
    for polygon in shape:
        corners = _corners(polygon)
        if relative:
            corners = corners * np.array([size[1], size[0]])
        # OpenCV names pixels by their middle; edges lie half a pixel before it.
        corners = np.clip(corners, -1, [size[1] + 1, size[0] + 1]) - 0.5
        cv2.fillPoly(mask, [np.rint(corners * (1 << _FINE)).astype(np.int32)], 1, shift=_FINE)
    return mask.astype(bool)


def _corners(polygon: Any) -> np.ndarray:
    """[n 2] x and y."""
    good = isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0
    if not good or not all(type(value) in (int, float) and isfinite(value) for value in polygon):
        raise ValueError("a polygon is a list of at least three x and y")
    return np.array(polygon, np.float64).reshape(-1, 2)


def _runs(shape: dict[str, Any], size: tuple[int, int]) -> np.ndarray:
    counts = shape.get("counts")
    if shape.get("size") != list(size):
        raise ValueError(f"run lengths for {shape.get('size')}, the picture has {list(size)} (height, width)")
    runs = _letters(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        raise ValueError("run lengths are whole numbers from 0")
    if sum(runs) != size[0] * size[1]:
        raise ValueError(f"run lengths add up to {sum(runs)}, the picture has {size[0] * size[1]} pixels")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(size[1], size[0]).T


def _letters(text: str) -> list[int]:
    """COCO's compressed counts: 5 bits a letter, low ones first; from the fourth on differences to the last but one."""
    runs: list[int] = []
    value = shift = 0
    for letter in text.encode("utf-8", "replace"):
        bits = letter - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("run lengths hold a letter that COCO does not use")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("run lengths end early")
    return runs
