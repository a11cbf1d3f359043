"""Volumes moved by an affine map: values linearly, labels to the nearest cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float32, Int64, UInt8
from scipy import ndimage
from torch import Tensor

from swinkit.ops.affine import Matrix
from swinkit.ops.resize import resize

IGNORE = 255


def warp(values: Float32[np.ndarray, "x y z"], matrix: Matrix, size: Sequence[int]) -> Float32[np.ndarray, "a b c"]:
    """The output of `size` that the map leads to; what lies outside the input is 0, the mean of normalised values."""
    linear, offset = _lookup(matrix)
    return ndimage.affine_transform(values, linear, offset, tuple(size), order=1, mode="constant", cval=0.0)


def warp_labels(labels: Int64[np.ndarray, "x y z"], matrix: Matrix, size: Sequence[int]) -> Int64[np.ndarray, "a b c"]:
    """The same for class indices; what lies outside is ignored (255)."""
    linear, offset = _lookup(matrix)
    small: UInt8[np.ndarray, "x y z"] = labels.astype(np.uint8)
    moved = ndimage.affine_transform(small, linear, offset, tuple(size), order=0, mode="constant", cval=IGNORE)
    return moved.astype(np.int64)


def resample(grid: Tensor, size: Sequence[int]) -> Tensor:
    """[c x y z] at another size: linear, averaged first where it shrinks."""
    shrink = [max(1, int(n // m)) for n, m in zip(grid.shape[1:], size, strict=True)]
    x = grid[None].float()
    if max(shrink) > 1:
        x = F.avg_pool3d(x, shrink, ceil_mode=True, count_include_pad=False)
    return resize(x, tuple(size))[0]


def _lookup(matrix: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Where scipy looks for the middle of each output cell, in whole-cell coordinates."""
    inverse = np.linalg.inv(matrix)
    linear, offset = inverse[:3, :3], inverse[:3, 3]
    return linear, linear @ np.full(3, 0.5) + offset - 0.5
