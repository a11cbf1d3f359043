"""Looking at one part of a picture: the affine map that fits it into the view, and what a sample shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from swinkit.files import DataError
from swinkit.ops import affine
from swinkit.ops.warp import resize, warp
from swinkit.types import Region, Sample


def checked(region: Region | None, name: Path | str) -> Region | None:
    """The region; DataError where nothing can be seen in it."""
    if region is not None and not (region[0] < region[2] and region[1] < region[3]):
        raise DataError(name, f"{region} is empty: wanted left, top, right and bottom edges", field="region")
    return region


def fitting(region: Region | None, space: Sequence[int], size: Sequence[int]) -> affine.Matrix:
    """The map from a picture of `space` to a view of `size` [height width] that shows all of a region (None: all of
    the picture) as large as possible, in the middle, its aspect kept.

    What the view shows beyond the region is the picture around it.
    """
    left, top, right, bottom = region or (0.0, 0.0, float(space[1]), float(space[0]))
    factor = min(size[0] / (bottom - top), size[1] / (right - left))
    return affine.compose(
        affine.translation([side / 2 for side in size]),
        affine.scaling([factor, factor]),
        affine.translation([-(top + bottom) / 2, -(left + right) / 2]),
    )


def shown(sample: Sample) -> tuple[np.ndarray, affine.Matrix | None]:
    """[h w 3] uint8 to draw on, and the map from the original picture to it: the view of a region; else the whole
    picture at its original size, where nothing is moved (None).
    """
    if sample.region is not None and sample.matrix is not None:
        return _rgb(to_array(sample.grid)), sample.matrix
    return picture_of(sample), None


def picture_of(sample: Sample) -> np.ndarray:
    """[h w 3] uint8: what a sample shows, at its original size; black where a view of a region leaves it out."""
    grid, size = to_array(sample.grid), (sample.size[0], sample.size[1])
    if sample.matrix is not None:
        return _rgb(warp(grid, np.linalg.inv(sample.matrix), size, (0.0,) * grid.shape[2]))
    return _rgb(resize(grid, size))


def to_grid(picture: np.ndarray) -> Tensor:
    """[h w c] -> [c h w] over the same memory; writable, as torch wants it."""
    return torch.from_numpy(picture if picture.flags.writeable else picture.copy()).permute(2, 0, 1)


def to_array(grid: Tensor) -> np.ndarray:
    """[c h w] -> [h w c], contiguous."""
    return np.ascontiguousarray(grid.permute(1, 2, 0).numpy())


def _rgb(picture: np.ndarray) -> np.ndarray:
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture.copy()
