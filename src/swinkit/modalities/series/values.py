"""What happens to the numbers of a series: resampling, and the sizes that they are brought to.

Values are [..., frames] float64 with NaN where one is missing.
"""

from __future__ import annotations

import numpy as np

TINY = 1e-6


def resampled(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """[..., times] the values at any times between the first frame (0) and the last, linearly between two frames;
    missing where one of these is missing."""
    low = np.clip(np.floor(times).astype(np.int64), 0, values.shape[-1] - 1)
    high = np.minimum(low + 1, values.shape[-1] - 1)
    share = times - low
    between = values[..., low] * (1 - share) + values[..., high] * share
    return np.where(share == 0, values[..., low], between)


def filled(values: np.ndarray) -> np.ndarray:
    """The same with what is missing on a straight line between its neighbours in time; rows of which nothing is known
    stay as they are."""
    rows = values.reshape(-1, values.shape[-1]).copy()
    for row in rows:
        known = np.flatnonzero(np.isfinite(row))
        if len(known):
            row[:] = np.interp(np.arange(len(row)), known, row[known])
    return rows.reshape(values.shape)


def figure(points: np.ndarray) -> np.ndarray:
    """[k 2 frames] points of one figure, about the straight line that their mean follows best and in units of its size.

    Where the figure is, and how fast it crosses the picture, does not matter then, but that it sways and jumps does.
    The size is the root of the mean square of the distances from the mean of each frame.
    """
    whole = filled(points)
    seen = whole[np.isfinite(whole).all((1, 2))]
    if not len(seen):
        return points
    middle = seen.mean(0)
    time = np.arange(points.shape[-1]) - (points.shape[-1] - 1) / 2
    slope = (middle * time).sum(-1) / max(float((time**2).sum()), TINY)
    line = middle.mean(-1)[:, None] + slope[:, None] * time
    size = np.sqrt(np.mean(((seen - middle) ** 2).sum(1)))
    return (points - line) / max(size, TINY)


def column(values: np.ndarray) -> np.ndarray:
    """[c frames] each row less its mean over the series, over its deviation; a row that does not change is zero."""
    with np.errstate(invalid="ignore"):
        count = np.maximum(np.isfinite(values).sum(-1, keepdims=True), 1)
        apart = values - np.nansum(values, -1, keepdims=True) / count
        return apart / np.maximum(np.sqrt(np.nansum(apart**2, -1, keepdims=True) / count), TINY)
