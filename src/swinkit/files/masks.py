"""Masks for segmentation: ids exactly as they are in the file, then class indices by a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt, UInt8
from PIL import Image, ImageFile, ImageOps

from swinkit.files.errors import ConfigError, DataError
from swinkit.files.pictures import opened, orientation

IGNORE = 255
"""The class index of pixels that count nowhere."""
MAX_CLASSES = 254
MASK_FORMATS = ("PNG", "TIFF", "BMP")
_UNKNOWN = 254
# Pillow stretches grey of 2 and 4 bits to 0..255; these factors give the stored ids back.
_STRETCH = {"1": 1, "L;2": 85, "L;4": 17, "L": 1}
_PLAIN = ("P", "P;1", "P;2", "P;4", "I;16", "I;16B", "I;16N", "I;32N", "I;32S", "I;32BS")

Colour = tuple[int, int, int]


def read_ids(path: Path | str) -> UInt[np.ndarray, "height width"]:
    """[height width] uint8 or uint16: the ids exactly as stored (palette masks: the indices, not the colours).

    Raises DataError for colour masks, JPEG, damaged files and ids above 65535.
    """
    if Path(path).suffix.lower() in (".jpg", ".jpeg"):
        raise DataError(path, "is a JPEG, which changes the ids: masks must be PNG, TIFF or BMP", field="mask")
    with opened(path, formats=MASK_FORMATS) as image:
        raw = _raw_mode(image)
        image.load()
        if raw not in _STRETCH and raw not in _PLAIN:
            raise DataError(
                path,
                f"has mode {image.mode} ({raw}), not one id per pixel: save an index or palette PNG, "
                "or name a colour table with colours=FILE",
                field="mask",
            )
        ids = np.array(_upright(image))
    if ids.dtype == np.bool_:
        return ids.astype(np.uint8)
    if (stretch := _STRETCH.get(raw, 1)) > 1:
        ids = ids // np.uint8(stretch)
    return _narrow(ids, path)


def read_colours(path: Path | str) -> UInt8[np.ndarray, "height width 3"]:
    """[height width 3] uint8: the colours of a mask whose classes are named by a colour table. Raises DataError."""
    if Path(path).suffix.lower() in (".jpg", ".jpeg"):
        raise DataError(path, "is a JPEG, which changes the colours: masks must be PNG, TIFF or BMP", field="mask")
    with opened(path, formats=MASK_FORMATS) as image:
        image.load()
        if image.mode not in ("RGB", "RGBA", "P", "L"):
            raise DataError(path, f"has mode {image.mode}: masks with a colour table must be 8-bit RGB", field="mask")
        return np.array(_upright(image).convert("RGB"))


@dataclass(frozen=True, kw_only=True)
class IdTable:
    """From what a mask file holds to class indices: class i is file id `ids[i]` (or colour `colours[ids[i]]`)."""

    ids: tuple[int, ...]
    ignore: tuple[int, ...] = ()
    colours: tuple[Colour, ...] = ()
    _table: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.ids) <= MAX_CLASSES:
            raise ConfigError(f"{len(self.ids)} classes: give 1 to {MAX_CLASSES}")
        if len(set(self.ids)) < len(self.ids) or set(self.ids) & set(self.ignore):
            raise ConfigError(
                f"ids {self.ids} repeat or are ignored ({self.ignore}): every class has one id of its own"
            )
        if bad := [value for value in (*self.ids, *self.ignore) if not 0 <= value <= 65535]:
            raise ConfigError(f"ids {bad} are outside 0..65535")
        table = np.full(65536, _UNKNOWN, np.uint8)
        table[[IGNORE, *self.ignore]] = IGNORE
        table[list(self.ids)] = np.arange(len(self.ids))
        object.__setattr__(self, "_table", table)

    def indices(self, ids: UInt[np.ndarray, "height width"], path: Path | str) -> UInt8[np.ndarray, "height width"]:
        """[height width] uint8 class indices, 255 ignored. Raises DataError naming the ids without a class and their
        pixels.
        """
        found = np.take(self._table, ids)
        unknown = found == _UNKNOWN
        if unknown.any():
            values, counts = np.unique(ids[unknown], return_counts=True)
            some = ", ".join(f"{value} ({count} px)" for value, count in zip(values[:5], counts[:5], strict=True))
            more = f" and {len(values) - 5} more" if len(values) > 5 else ""
            raise DataError(
                path,
                f"class id {some}{more} without a class ({len(self.ids)} classes, ids {_spans(self.ids)}): "
                "name the class, or list the id under ignore",
                field="mask",
            )
        return found

    def colour_ids(self, picture: np.ndarray, path: Path | str) -> np.ndarray:
        """[height width] uint16 rows of the colour table. Raises DataError naming colours that are not in it."""
        codes = _codes(picture.reshape(-1, 3)).reshape(picture.shape[:2])
        known = _codes(np.asarray(self.colours, np.uint8))
        order = np.argsort(known, kind="stable")
        place = np.minimum(np.searchsorted(known[order], codes), len(known) - 1)
        rows = order[place]
        wrong = known[rows] != codes
        if wrong.any():
            values, counts = np.unique(codes[wrong], return_counts=True)
            red, green, blue = int(values[0]) >> 16, (int(values[0]) >> 8) & 255, int(values[0]) & 255
            raise DataError(
                path,
                f"{len(values)} colours are not in the colour table, first ({red}, {green}, {blue}) in {counts[0]} px",
                field="mask",
            )
        return rows.astype(np.uint16)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFile:
    """A mask on disk with the table that reads it: what a record of a mask folder holds as its target."""

    path: Path
    table: IdTable

    def read(self) -> UInt8[np.ndarray, "height width"]:
        """[height width] uint8 class indices, 255 ignored. Raises DataError."""
        if self.table.colours:
            return self.table.indices(self.table.colour_ids(read_colours(self.path), self.path), self.path)
        return self.table.indices(read_ids(self.path), self.path)


def _upright(image: Image.Image) -> Image.Image:
    """A mask that carries an orientation of its own is turned like any picture."""
    return image if orientation(image) == 1 else ImageOps.exif_transpose(image)


def _raw_mode(image: Image.Image) -> str:
    """How the file stores a pixel, before Pillow widens it; read before loading, which clears it."""
    tiles = image.tile if isinstance(image, ImageFile.ImageFile) else []
    arguments = tiles[0][3] if tiles else image.mode
    raw = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return raw if isinstance(raw, str) else image.mode


def _narrow(ids: np.ndarray, path: Path | str) -> np.ndarray:
    if ids.dtype == np.uint8:
        return ids
    if ids.size and (ids.min() < 0 or ids.max() > 65535):
        raise DataError(path, f"holds ids from {ids.min()} to {ids.max()}, only 0..65535 are read", field="mask")
    return ids.astype(np.uint16)


def _codes(colours: np.ndarray) -> np.ndarray:
    wide = colours.astype(np.int64)
    return (wide[:, 0] << 16) | (wide[:, 1] << 8) | wide[:, 2]


def _spans(ids: tuple[int, ...]) -> str:
    ordered = sorted(ids)
    if len(ordered) > 1 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(map(str, ordered[:8])) + (" ..." if len(ordered) > 8 else "")
