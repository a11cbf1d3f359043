"""Writes packed folders, see `packed`: all at once or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from swinkit.files.atomic import crash_point, new_folder
from swinkit.files.errors import ConfigError, DataError
from swinkit.files.packed import ABOUT, FORMAT, INDEX, PARTS, archive_name
from swinkit.files.tensors import write_tensors

ARCHIVE_BYTES = 256 << 20
"""An archive is ended before it would grow beyond this."""
_BLOCK = 512  # tar pads everything to this


class Files(NamedTuple):
    """The files of one sample."""

    id: str
    image: Path
    mask: Path


def write_pack(
    folder: Path,
    splits: Mapping[str, Sequence[Files]],
    about: Mapping[str, Any],
    *,
    archive_bytes: int = ARCHIVE_BYTES,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Copy the files of every split into archives at `folder`, byte for byte; nothing is decoded.

    It is written under a temporary name and renamed in the end: after an interruption there is nothing at `folder`,
    and packing again starts anew. Only a kill leaves something, a folder `.tmp-NAME-...` beside it that may be deleted.

    Args:
        splits: name -> samples with ids that differ.
        about: what the data set means, plain JSON values.
        progress: is called with (samples done, of how many).

    Raises:
        ConfigError: something is at `folder` already, there is nothing to pack, or not enough room.
        DataError: a file cannot be read, is empty, or its name is no Unicode text.
    """
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"{folder}: is there already, and nothing is overwritten: choose another --out")
    if not splits or not all(splits.values()):
        raise ConfigError(f"{folder}: there is no split, or one without a sample, to pack: leave it out of the data")
    _need_room(folder, splits)
    total, done = sum(map(len, splits.values())), 0
    endings: dict[str, int] = {}
    tables: dict[str, Tensor] = {}
    with new_folder(folder) as place:
        for split, samples in splits.items():
            with closing(_Split(place, split, archive_bytes, endings)) as writer:
                for sample in sorted(samples, key=lambda each: each.id.encode("utf-8", "surrogateescape")):
                    writer.add(sample)
                    done += 1
                    if progress is not None:
                        progress(done, total)
                tables |= writer.finish()
        said = {**about, "format": FORMAT, "splits": list(splits), "endings": list(endings)}
        write_tensors(place / INDEX, tables, {ABOUT: json.dumps(said)})
        # safetensors keeps its file from others; the archives are as readable as the user makes files
        shutil.copymode(place / archive_name(next(iter(splits)), 0), place / INDEX)


class _Split:
    """Writes the archives of one split and notes where everything went."""

    def __init__(self, place: Path, split: str, most: int, endings: dict[str, int]) -> None:
        self._place, self._split, self._most, self._endings = place, split, most, endings
        self._ids: list[bytes] = []
        self._places: list[list[tuple[int, int, int, int, int]]] = []
        self._archives: list[int] = []
        self._open: tuple[Any, tarfile.TarFile] | None = None

    def add(self, sample: Files) -> None:
        """Put a sample behind the others, into the archive that is open or a new one."""
        contents = [_content(path) for path in (sample.image, sample.mask)]
        try:
            self._ids.append(sample.id.encode())
        except UnicodeEncodeError as error:
            raise DataError(sample.image, "has a name that is no Unicode text: rename it") from error
        if self._open is not None and self._open[0].tell() + sum(map(len, contents)) > self._most:
            self._end()
        if self._open is None:
            file = (self._place / archive_name(self._split, len(self._archives))).open("wb")
            self._open = file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        row = []
        for part, path, data in zip(PARTS, (sample.image, sample.mask), contents, strict=True):
            ending = path.suffix.lower()
            row.append((len(self._archives), *self._put(f"{sample.id}.{part}{ending}", data), self._code(ending)))
        self._places.append(row)

    def finish(self) -> dict[str, Tensor]:
        """End the last archive; returns the tables of the index."""
        self._end()
        lengths = torch.tensor([len(name) for name in self._ids], dtype=torch.int64)
        found = {
            "ids": torch.frombuffer(bytearray(b"".join(self._ids)), dtype=torch.uint8),
            "ends": lengths.cumsum(0),
            "places": torch.tensor(self._places, dtype=torch.int64),
            "archives": torch.tensor(self._archives, dtype=torch.int64),
        }
        return {f"{self._split}.{name}": table for name, table in found.items()}

    def _put(self, name: str, data: bytes) -> tuple[int, int, int]:
        """Where the bytes begin, how many they are, and their sum."""
        assert self._open is not None
        file, archive = self._open
        about = tarfile.TarInfo(name)  # owner, mode and times are the same everywhere, so equal data packs equally
        about.size = len(data)
        archive.addfile(about, BytesIO(data))
        return file.tell() - -(-len(data) // _BLOCK) * _BLOCK, len(data), zlib.crc32(data)

    def _code(self, ending: str) -> int:
        return self._endings.setdefault(ending, len(self._endings))

    def close(self) -> None:
        """Let go of the file that is open, after an error."""
        if self._open is not None:
            self._open[0].close()

    def _end(self) -> None:
        if self._open is None:
            return
        file, archive = self._open
        archive.close()
        file.flush()
        crash_point(f"fsync {Path(file.name).name}")
        os.fsync(file.fileno())
        self._archives.append(file.tell())
        file.close()
        self._open = None


def _content(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from error
    if not data:
        raise DataError(path, "is empty")
    return data


def _need_room(folder: Path, splits: Mapping[str, Sequence[Files]]) -> None:
    wanted = 0
    for path in (path for samples in splits.values() for sample in samples for path in sample[1:]):
        try:
            wanted += -(-path.stat().st_size // _BLOCK) * _BLOCK + 2 * _BLOCK
        except OSError as error:
            raise DataError(path, f"cannot be read: {error.strerror}") from error
    beside = next(parent for parent in folder.absolute().parents if parent.is_dir())
    if (free := shutil.disk_usage(beside).free) < wanted:
        raise ConfigError(
            f"{folder}: {wanted:,} bytes are to be written, {free:,} are free there: choose another --out"
        )
