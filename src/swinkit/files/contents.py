"""Opening what a path leads to: a plain file, a file in an archive of a packed folder, or one in a plain tar."""

from __future__ import annotations

import os
import stat
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from swinkit.files.errors import DataError
from swinkit.files.packed import archive_of, packed_bytes
from swinkit.files.tars import tar_bytes, tar_of


def open_content(path: Path | str, kind: str) -> BinaryIO:
    """The file, opened; `kind` is what it should be, for messages. Links are followed.

    Raises:
        DataError: it is missing, empty, or no plain file (a pipe would block).
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        if (archive := archive_of(path)) is not None:
            return BytesIO(packed_bytes(archive, path))
        if (tar := tar_of(path)) is not None:
            return BytesIO(tar_bytes(tar, path))
        raise DataError(path, "is a link to nothing" if os.path.islink(path) else "does not exist") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "bad name"
        raise DataError(path, f"cannot be read: {reason}") from error
    if stat.S_ISDIR(status.st_mode):
        raise DataError(path, f"is a folder, not a {kind}: rename it or move it away")
    if not stat.S_ISREG(status.st_mode):
        raise DataError(path, "is not a plain file")
    if status.st_size == 0:
        raise DataError(path, "is empty")
    try:
        return open(path, "rb")
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from error
