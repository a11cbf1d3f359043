"""Many small files in a few tar archives beside an index, read at any place without unpacking.

A packed folder holds `SPLIT-NNNNN.tar` and `pack.index`. The archives are plain: any tar opens them, and WebDataset
finds each sample as `ID.image.ENDING` and `ID.mask.ENDING`. The index is a safetensors file of where every member
lies, how long it is and the sum of its bytes; it is mapped, so processes share it and millions of members cost no
start. A file inside is named by the path through its archive, `packed/train-00000.tar/ID.image.jpg`, which is also
what an error about it says. Nothing is held open between two reads.
"""

from __future__ import annotations

import json
import os
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from swinkit.files.errors import CheckpointError, DataError
from swinkit.files.tensors import TensorFile, read_tensors

INDEX = "pack.index"
ABOUT = "swinkit_pack"
"""Where the index says, as JSON, what the data set means."""
FORMAT = 1
PARTS = ("image", "mask")
_COPY = "copy the packed folder again, or pack the data anew"


@dataclass(frozen=True, eq=False)
class Shelf:
    """The members of one split, in the order of their ids; a row has a place for each of PARTS."""

    ids: np.ndarray
    """[bytes] uint8: all ids, one after the other, UTF-8."""
    ends: np.ndarray
    """[samples] int64: where each id ends."""
    places: np.ndarray
    """[samples parts 5] int64: number of the archive, first byte, bytes, CRC-32, which of the index's endings."""
    archives: np.ndarray
    """[archives] int64: bytes of each."""

    def __len__(self) -> int:
        return len(self.ends)

    def id(self, row: int) -> str:
        """The id of a sample."""
        return self._bytes(row).decode()

    def row(self, name: str) -> int | None:
        """Where a sample is; None where it is not."""
        wanted = name.encode("utf-8", "surrogateescape")
        row = bisect_left(range(len(self)), wanted, key=self._bytes)
        return row if row < len(self) and self._bytes(row) == wanted else None

    def _bytes(self, row: int) -> bytes:
        first = int(self.ends[row - 1]) if row else 0
        return self.ids[first : int(self.ends[row])].tobytes()


@dataclass(frozen=True, eq=False)
class Pack:
    """A packed folder whose index was read and whose archives are there."""

    folder: Path
    about: dict[str, Any]
    """Classes, ids and what else belongs to the data set; plain JSON values."""
    endings: tuple[str, ...]
    """Of the files' names, `.jpg`."""
    splits: dict[str, Shelf]

    def path(self, split: str, row: int, part: str) -> Path:
        """The path through its archive of a sample's image or mask."""
        shelf = self.splits[split]
        number, *_, ending = shelf.places[row, PARTS.index(part)].tolist()
        return self.folder / archive_name(split, number) / f"{shelf.id(row)}.{part}{self.endings[ending]}"

    def images(self) -> Iterator[Path]:
        """The paths of all images, split by split."""
        for split, shelf in self.splits.items():
            yield from (self.path(split, row, "image") for row in range(len(shelf)))

    def counts(self) -> dict[str, int]:
        """Ending -> how many files have it."""
        found = np.zeros(len(self.endings), np.int64)
        for shelf in self.splits.values():
            found += np.bincount(shelf.places[..., 4].ravel(), minlength=len(found))
        return dict(zip(self.endings, found.tolist(), strict=True))

    def content(self, archive: str, member: str) -> bytes:
        """A member's bytes. Raises DataError where there is no such member, or its bytes are not those packed."""
        split = archive.removesuffix(".tar").rpartition("-")[0]
        stem, ending = os.path.splitext(member)
        name, _, part = stem.rpartition(".")
        shelf = self.splits.get(split)
        row = None if shelf is None or part not in PARTS else shelf.row(name)
        if shelf is None or row is None:
            raise DataError(self.folder / archive / member, f"is not in {archive}")
        number, first, size, total, code = shelf.places[row, PARTS.index(part)].tolist()
        if (archive_name(split, number), self.endings[code]) != (archive, ending):
            raise DataError(self.folder / archive / member, f"is not in {archive}")
        try:
            with open(os.path.join(self.folder, archive), "rb") as file:
                file.seek(first)
                data = file.read(size)
        except OSError as error:
            raise DataError(self.folder / archive, f"cannot be read: {error.strerror}") from error
        if len(data) != size or zlib.crc32(data) != total:
            text = f"is damaged: its bytes are not those that were packed: {_COPY}"
            raise DataError(self.folder / archive / member, text)
        return data


def archive_name(split: str, number: int) -> str:
    """The file of the `number`-th archive of a split."""
    return f"{split}-{number:05d}.tar"


def is_packed(folder: Path | str) -> bool:
    """Whether a folder was packed."""
    return os.path.isfile(os.path.join(folder, INDEX))


def open_pack(folder: Path | str) -> Pack:
    """Read the index of a packed folder, once as long as it stays the same.

    Raises:
        DataError: the index or an archive is missing, damaged or of another length than was written.
    """
    index = os.path.join(folder, INDEX)
    try:
        status = os.stat(index)
    except OSError as error:
        raise DataError(index, f"cannot be read: {error.strerror}: is the folder packed?") from error
    return _read(index, (status.st_mtime_ns, status.st_size, status.st_ino))


def archive_of(path: Path | str) -> Path | None:
    """The archive of a packed folder that a path leads through; None for any other path."""
    place, parent = os.fspath(path), os.path.dirname(path)
    while parent != place and not os.path.isdir(parent):
        if os.path.isfile(parent):
            return Path(parent) if is_packed(os.path.dirname(parent)) else None
        place, parent = parent, os.path.dirname(parent)
    return None


def packed_bytes(archive: Path, path: Path | str) -> bytes:
    """The content of a path that leads through `archive`. Raises DataError."""
    place = os.fspath(archive)
    member = os.fspath(path)[len(place) :].replace(os.sep, "/").lstrip("/")
    return open_pack(os.path.dirname(place)).content(os.path.basename(place), member)


@lru_cache(maxsize=8)
def _read(path: str, _: tuple[int, int, int]) -> Pack:
    index = Path(path)
    try:
        file = read_tensors(index)
    except CheckpointError as error:
        raise DataError(index, f"is damaged, or no index of a packed folder: {_COPY}") from error
    try:
        pack = _unfold(index, file)
    except (KeyError, ValueError, TypeError, IndexError, RuntimeError, RecursionError) as error:
        raise DataError(index, f"is no index of a packed folder, or damaged ({error}): {_COPY}") from error
    for split, shelf in pack.splits.items():
        for number, size in enumerate(shelf.archives.tolist()):
            archive = pack.folder / archive_name(split, number)
            if not archive.is_file() or archive.stat().st_size != size:
                came = f"has {archive.stat().st_size} bytes, {size} were packed" if archive.is_file() else "is missing"
                raise DataError(archive, f"{came}: {_COPY}")
    return pack


def _unfold(index: Path, file: TensorFile) -> Pack:
    about = json.loads(file.metadata[ABOUT])
    if about["format"] != FORMAT:
        raise ValueError(f"format {about['format']!r}, this version reads {FORMAT}")
    endings = tuple(map(str, about["endings"]))
    splits: dict[str, Shelf] = {}
    for split in about["splits"]:
        shelf = Shelf(*(_array(file, f"{split}.{name}") for name in ("ids", "ends", "places", "archives")))
        _check(shelf, len(endings))
        splits[str(split)] = shelf
    return Pack(index.parent, about, endings, splits)


def _array(file: TensorFile, name: str) -> np.ndarray:
    if not isinstance(tensor := file.tensors[name], Tensor):
        raise TypeError(f"{name} is no tensor")
    return tensor.numpy()


def _check(shelf: Shelf, endings: int) -> None:
    """That every place lies inside an archive: afterwards numbers of the index are used as they are."""
    kinds = (shelf.ids.dtype, shelf.ends.dtype, shelf.places.dtype, shelf.archives.dtype)
    if kinds != (np.uint8, *(np.int64,) * 3) or shelf.places.shape != (len(shelf), len(PARTS), 5) or not len(shelf):
        raise ValueError("odd tables")
    number, first, size, _, ending = np.moveaxis(shelf.places, -1, 0)
    inside = bool((np.diff(shelf.ends, prepend=0) > 0).all()) and int(shelf.ends[-1]) == len(shelf.ids)
    inside &= bool(((number >= 0) & (number < len(shelf.archives)) & (ending >= 0) & (ending < endings)).all())
    if not inside or not bool(((first >= 0) & (size > 0) & (first <= shelf.archives[number] - size)).all()):
        raise ValueError("places outside of its archives")
