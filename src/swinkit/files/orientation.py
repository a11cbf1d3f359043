"""Volumes turned so that their axes run to the right, to the front and up (RAS+), and back."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Shaped

from swinkit.files.errors import MissingExtra

MAX_VOXELS = 1 << 29
"""512 million; a header that tells of more is not believed."""


def library(name: str) -> Any:
    """A package of the extra `volume`. Raises MissingExtra."""
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtra(name, "volume") from error


def first_line(error: BaseException) -> str:
    """What a package's error says, up to 120 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:120] or type(error).__name__


def empty_ras(
    shape: Sequence[int], affine: Float64[np.ndarray, "4 4"]
) -> tuple[Float32[np.ndarray, "x y z"], Float32[np.ndarray, "a b c"]]:
    """Room for a volume in RAS+, and the same memory with the axes of a file of `shape` and `affine`."""
    sides = np.asarray(shape)[np.argsort(_own(affine)[:, 0])]
    values = np.empty(tuple(sides.tolist()), np.float32)
    return values, turned_from_ras(values, affine)


def turned_from_ras(
    values: Shaped[np.ndarray, "x y z"], affine: Float64[np.ndarray, "4 4"]
) -> Shaped[np.ndarray, "a b c"]:
    """The same memory with the axes of a file of that affine."""
    orientations = library("nibabel").orientations
    back = orientations.ornt_transform(orientations.axcodes2ornt("RAS"), _own(affine))
    return orientations.apply_orientation(values, back)


def ras_affine(shape: Sequence[int], affine: Float64[np.ndarray, "4 4"]) -> Float64[np.ndarray, "4 4"]:
    """From cells to millimetres once a file of that shape and affine is turned to RAS+."""
    orientations = library("nibabel").orientations
    return np.asarray(affine @ orientations.inv_ornt_aff(_own(affine), tuple(shape)), np.float64)


def _own(affine: np.ndarray) -> np.ndarray:
    """[3 2]: the axis of RAS+ that each axis of the file runs along, and whether (1) or against it (-1)."""
    return library("nibabel").orientations.io_orientation(affine).astype(int)
