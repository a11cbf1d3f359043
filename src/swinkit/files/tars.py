"""Pictures in a plain, uncompressed tar, read at their place without unpacking.

A file inside is named by the path through its archive, `pose/train_images.tar/train/0001.jpg`.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from swinkit.files.errors import DataError


def tar_of(path: Path | str) -> Path | None:
    """The tar that a path leads through; None for any other path."""
    place, parent = os.fspath(path), os.path.dirname(path)
    while parent != place and not os.path.isdir(parent):
        if os.path.isfile(parent):
            return Path(parent) if parent.lower().endswith(".tar") else None
        place, parent = parent, os.path.dirname(parent)
    return None


def tar_members(tar: Path | str) -> Mapping[str, tuple[int, int]]:
    """Name -> first byte and number of bytes of every plain file in it; listed once as long as the tar stays the same.

    Raises:
        DataError: it is missing, compressed, damaged or cut short, or two of its files have one name.
    """
    try:
        status = os.stat(tar)
    except OSError as error:
        raise DataError(tar, f"cannot be read: {error.strerror}") from error
    return _listed(os.fspath(tar), (status.st_mtime_ns, status.st_size, status.st_ino))


def tar_bytes(tar: Path, path: Path | str) -> bytes:
    """The content of a path that leads through `tar`. Raises DataError."""
    name = os.fspath(path)[len(os.fspath(tar)) :].replace(os.sep, "/").lstrip("/")
    place = tar_members(tar).get(name)
    if place is None:
        raise DataError(path, f"is not in {tar.name}")
    with tar.open("rb") as file:
        file.seek(place[0])
        return file.read(place[1])


@lru_cache(maxsize=8)
def _listed(tar: str, about: tuple[int, int, int]) -> Mapping[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(tar, "r:") as archive:
            for member in archive:
                archive.members = []  # pyright: ignore[reportAttributeAccessIssue]  # the listing holds all that is needed
                if not member.isreg() or member.issparse():
                    continue
                name = member.name.removeprefix("./")
                if name in found:
                    raise DataError(tar, f"holds {ascii(name)[1:-1][:100]} twice: pack it again")
                if member.offset_data + member.size > about[1]:
                    raise DataError(tar, "is cut short: copy it again")
                found[name] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        raise DataError(tar, "is no plain tar, or damaged: pack it again, without compression") from error
    return found
