"""The shape of one thing, as annotation files have it, as a mask: polygons, or COCO's run lengths."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from swinkit.files.run_lengths import decoded

NO_POLYGON = "a polygon is a list of at least three x and y"
SQUARE = 0.01
"""Share of its box's side by which a corner may miss the box's own, in a shape that only repeats it."""


def drawn(shape: Any, size: tuple[int, int], *, relative: bool = False) -> np.ndarray:
    """[height width] bool, the pixels that COCO's own tools say (their drawing of polygons, several as their union).

    Args:
        shape: a list of polygons [x1, y1, x2, y2 ...], or {"size": [h, w], "counts": runs down the columns, as numbers
            or as COCO's letters}.
        relative: coordinates are shares of the picture's width and height.

    Raises:
        ValueError: it is neither, or of another size.
    """
    check_form(shape)
    if isinstance(shape, dict):
        return decoded(shape, size)
    scale = np.array([size[1], size[0]]) if relative else 1
    # No library should walk along an edge to a corner that lies a thousand kilometres away.
    polygons = [
        np.clip(_corners(polygon) * scale, -1, [size[1] + 1, size[0] + 1]).ravel().tolist() for polygon in shape
    ]
    from faster_coco_eval.core import mask as library  # slow to import, and only those who want masks need it

    return library.decode(library.merge(library.frPyObjects(polygons, *size))).astype(bool)


def repeats_box(shape: Any, edges: tuple[float, ...]) -> bool:
    """Whether a shape is just its box, as tools write one that know boxes only."""
    if isinstance(shape, dict):
        return False
    try:
        check_form(shape)
        corners = np.concatenate([_corners(polygon) for polygon in shape])
    except ValueError:  # what is no shape is told where it is drawn
        return False
    left, top, right, bottom = edges
    sides = np.array([[left, right], [top, bottom]])
    apart = np.abs(corners[:, :, None] - sides).min(-1)
    return bool((apart <= SQUARE * np.diff(sides).T).all())


def check_form(shape: Any) -> None:
    """ValueError for what is neither polygons nor run lengths, as far as can be said without going through all numbers:
    quick enough for every thing of a large data set."""
    if not isinstance(shape, (list, dict)) or not shape:
        raise ValueError("wanted polygons or run lengths")
    for polygon in shape if isinstance(shape, list) else ():
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            raise ValueError(NO_POLYGON)


def _corners(polygon: Any) -> np.ndarray:
    """[n 2] x and y."""
    if not all(type(value) in (int, float) and isfinite(value) for value in polygon):
        raise ValueError(NO_POLYGON)
    return np.array(polygon, np.float64).reshape(-1, 2)
