"""Arrays out of `.npz` files from anywhere: numbers only, and nothing larger than the file can hold."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from swinkit.files.errors import DataError

LARGEST = 8 << 30
"""Bytes of one array."""
RATIO = 200
"""Times that an array may be larger than what it is packed in, beyond `FREE`."""
FREE = 64 << 20


def npz_names(path: Path | str) -> list[str]:
    """The names of the arrays; [] where it is no such file."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile, ValueError):
        return []


def read_npz(path: Path, names: Sequence[str]) -> list[np.ndarray]:
    """The arrays of these names. What asks for pickle is refused, and nothing of it is read.

    Raises:
        DataError: the file is missing or damaged, or an array is missing, holds objects or is larger than it claims.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [_array(archive, path, name) for name in names]
    except FileNotFoundError as error:
        raise DataError(path, "does not exist") from error
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise DataError(path, "is damaged or no .npz file: copy it again") from error


def _array(archive: zipfile.ZipFile, path: Path, name: str) -> np.ndarray:
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        held = ", ".join(entry.removesuffix(".npy") for entry in archive.namelist()[:8])
        raise DataError(path, f"is not in it: there are {held or 'no arrays'}", field=name) from None
    if info.file_size > LARGEST or info.file_size > FREE + RATIO * info.compress_size:
        raise DataError(path, f"claims {info.file_size:,} bytes: pack it again", field=name)
    with archive.open(info) as file:
        shape, dtype = _header(file, path, name)
        if dtype.hasobject or dtype.kind not in "iufb":
            raise DataError(path, f"holds {dtype}, not numbers: save it as an array of numbers", field=name)
        if prod(shape) * dtype.itemsize > info.file_size:
            raise DataError(path, f"claims the shape {shape}, more than the file holds: save it again", field=name)
    with archive.open(info) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _header(file: IO[bytes], path: Path, name: str) -> tuple[tuple[int, ...], Any]:
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, SyntaxError, TypeError) as error:
        raise DataError(path, "has a damaged header: save it again", field=name) from error
    return shape, dtype
