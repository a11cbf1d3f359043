"""Pictures that are too large for memory, read and written a band of rows at a time, by rasterio (GDAL)."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8

from swinkit.files.errors import DataError, MissingExtra
from swinkit.files.pictures import MAX_PIXELS

CACHE = 64 << 20
"""Bytes of blocks that GDAL keeps; its own default is a share of all memory."""
BLOCK = 512
"""Sides of the tiles that are written."""


def is_raster(path: Path | str) -> bool:
    """Whether this is a TIFF of more pixels than a picture may have; only its header is read."""
    try:
        with open(path, "rb") as file:
            head = file.read(16)
            size = _size(file, head)
    except (OSError, struct.error, ValueError):
        return False
    return size is not None and size[0] * size[1] > MAX_PIXELS


class Raster:
    """An open raster of 1 (grey) or at least 3 bands (the first three are RGB), of 8 or 16 bits."""

    def __init__(self, path: Path | str, source: Any) -> None:
        self.path, self._source = path, source
        self.size = (int(source.height), int(source.width))
        """[height width] in pixels."""
        kinds = set(source.dtypes[: self._count])
        if source.count == 2 or not kinds <= {"uint8", "uint16"}:
            raise DataError(
                path, f"has {source.count} bands of {', '.join(sorted(kinds))}: 1 or 3 of 8 or 16 bits are read"
            )

    @property
    def _count(self) -> int:
        return 1 if self._source.count < 3 else 3

    def read(self, first: int, last: int) -> UInt8[np.ndarray, "rows width 3"]:
        """The rows from `first` up to `last`, as 8-bit RGB."""
        return self._picture(window=((first, last), (0, self.size[1])))

    def reduced(self, longest: int) -> UInt8[np.ndarray, "height width 3"]:
        """The whole picture with its longer side reduced to `longest` pixels, every so many taken."""
        factor = max(1.0, max(self.size) / longest)
        shape = tuple(max(1, round(side / factor)) for side in self.size)
        return self._picture(out_shape=(self._count, *shape))

    def _picture(self, **what: Any) -> np.ndarray:
        try:
            values = self._source.read(list(range(1, self._count + 1)), **what)
        except (_rasterio().errors.RasterioError, MemoryError) as error:
            raise DataError(self.path, "is damaged or truncated and cannot be decoded: copy it again") from error
        if values.dtype == np.uint16:
            values = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
        picture = np.moveaxis(values, 0, -1)
        return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else np.ascontiguousarray(picture)


class LabelRaster:
    """A raster of class indices that is being written."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def write(self, first: int, left: int, labels: Shaped[np.ndarray, "rows columns"]) -> None:
        """Put labels [rows columns] at that row and column; every pixel is written once."""
        rows, columns = labels.shape
        place = ((first, first + rows), (left, left + columns))
        self._target.write(labels.astype(np.uint8), 1, window=place)


@contextmanager
def open_raster(path: Path | str) -> Generator[Raster]:
    """The raster at `path`.

    Raises:
        MissingExtra: rasterio is not installed.
        DataError: it cannot be read.
    """
    rasterio = _rasterio()
    try:
        with rasterio.Env(GDAL_CACHEMAX=CACHE), _placed(rasterio.open, path) as source:
            yield Raster(path, source)
    except rasterio.errors.RasterioIOError as error:
        raise DataError(path, "cannot be opened as a raster: copy it again") from error


@contextmanager
def write_raster(path: Path, like: Raster, colours: UInt8[np.ndarray, "count 3"]) -> Generator[LabelRaster]:
    """A new GeoTIFF of class indices where `like` lies on the ground, tiled and packed, shown in the `colours`.

    It appears under its name when it is whole.
    """
    rasterio = _rasterio()
    source = like._source  # pyright: ignore[reportPrivateUsage]  # the same file writes what it read
    place = {"crs": source.crs, "transform": source.transform} if source.crs else {}
    beside = path.with_name(f".{path.name}.part")
    height, width = like.size
    form = {
        "driver": "GTiff", "dtype": "uint8", "count": 1, "height": height, "width": width, "tiled": True,
        "blockxsize": BLOCK, "blockysize": BLOCK, "compress": "deflate", "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    try:
        with _placed(rasterio.open, beside, "w", **form, **place) as target:
            target.write_colormap(1, {index: tuple(map(int, colour)) for index, colour in enumerate(colours)})
            yield LabelRaster(target)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _placed(make: Any, *arguments: Any, **options: Any) -> Any:
    """An open file, without the warning that a plain picture lies nowhere on the ground."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", _rasterio().errors.NotGeoreferencedWarning)
        return make(*arguments, **options)


def _rasterio() -> Any:
    try:
        import_module("rasterio.errors")
        return import_module("rasterio")
    except ImportError as error:
        raise MissingExtra("rasterio", "raster") from error


def _size(file: Any, head: bytes) -> tuple[int, int] | None:
    """Width and height of the first picture of a TIFF or BigTIFF; None for other files."""
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None:
        return None
    (version,) = struct.unpack(f"{order}H", head[2:4])
    if version not in (42, 43):
        return None
    big = version == 43
    (place,) = struct.unpack(f"{order}{'Q' if big else 'I'}", head[8:16] if big else head[4:8])
    file.seek(place)
    (count,) = struct.unpack(f"{order}{'Q' if big else 'H'}", file.read(8 if big else 2))
    sides: dict[int, int] = {}
    for _ in range(min(count, 1000)):
        row = file.read(20 if big else 12)
        tag, kind = struct.unpack(f"{order}HH", row[:4])
        if tag in (256, 257):  # width, height
            letter = {3: "H", 4: "I", 16: "Q"}[kind] if kind in (3, 4, 16) else "I"
            at = 12 if big else 8
            (sides[tag],) = struct.unpack(f"{order}{letter}", row[at : at + struct.calcsize(letter)])
    return (sides[256], sides[257]) if len(sides) == 2 else None
