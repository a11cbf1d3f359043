"""Series as pictures: figures side by side, lines over time."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from swinkit.ops.palette import colours

WIDTH, HEIGHT = 640, 160
SHOWN = 8
"""Figures side by side."""
_GROUND, _LINE, _AXIS = (255, 255, 255), (110, 120, 135), (215, 220, 226)


def poses(points: np.ndarray, skeleton: Sequence[tuple[int, int]]) -> np.ndarray:
    """[h w 3] uint8: the figures of up to `SHOWN` moments, evenly spread, over the height of every point in time.

    `points`: [k 2 n], x to the right and y down, NaN where one is missing.
    """
    moments = np.unique(np.linspace(0, points.shape[-1] - 1, SHOWN).round().astype(int))
    picture = np.full((HEIGHT, WIDTH, 3), _GROUND, np.uint8)
    low, high = (edge(points.reshape(len(points), 2, -1), (0, 2)) for edge in (np.nanmin, np.nanmax))
    cell = WIDTH // SHOWN
    scale = min(0.9 * cell / max(high[0] - low[0], 1e-6), 0.9 * HEIGHT / max(high[1] - low[1], 1e-6))
    table = colours(len(points) + 1)[1:].tolist()
    for place, moment in enumerate(moments):
        middle = np.array([(place + 0.5) * cell, HEIGHT / 2])
        here = points[..., moment]
        there = np.isfinite(here).all(1)
        pixels = np.rint(np.nan_to_num((here - (low + high) / 2) * scale) + middle).astype(int).tolist()
        for one, other in skeleton:
            if there[one] and there[other]:
                cv2.line(picture, pixels[one], pixels[other], _LINE, 2, cv2.LINE_AA)
        for pixel, colour, known in zip(pixels, table, there, strict=True):
            if known:
                cv2.circle(picture, pixel, 3, colour, -1, cv2.LINE_AA)
    return np.vstack([picture, lines(points[:, 1] * -1)])


def lines(values: np.ndarray) -> np.ndarray:
    """[h w 3] uint8: every row [c n] over time in a colour of its own, with gaps where it is missing."""
    picture = np.full((HEIGHT, WIDTH, 3), _GROUND, np.uint8)
    cv2.line(picture, (0, 0), (WIDTH, 0), _AXIS)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    x = np.linspace(8, WIDTH - 8, values.shape[1])
    y = HEIGHT - 8 - (values - low) / max(high - low, 1e-6) * (HEIGHT - 16)
    table = colours(len(values) + 1)[1:].tolist()
    for row, colour in zip(y, table, strict=True):
        known = np.flatnonzero(np.isfinite(row))
        for stretch in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            line = np.rint(np.stack([x[stretch], row[stretch]], 1)).astype(np.int32)
            cv2.polylines(picture, [line], False, colour, 1, cv2.LINE_AA)
    return picture
