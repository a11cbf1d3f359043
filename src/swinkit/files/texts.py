"""Plain text from anywhere: UTF-8, bounded, without signs that no text has."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np

from swinkit.files.errors import DataError

LARGEST = 16 << 20
"""Bytes of one text."""


def read_plain(path: Path, *, largest: int = LARGEST) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises:
        DataError: the file is missing, no plain file, larger than `largest` bytes, or refused by `usable`.
    """
    return usable(bounded(path, largest), path)


def bounded(path: Path, largest: int) -> bytes:
    """What a plain file of at most `largest` bytes holds; DataError where it is none, larger, or not to be read."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise DataError(path, "is not a plain file")
        if status.st_size > largest:
            raise DataError(path, f"{status.st_size} bytes are more than the {largest} that are read")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(path, "does not exist") from error
    except (OSError, ValueError) as error:
        raise DataError(path, f"cannot be read: {getattr(error, 'strerror', None) or 'bad name'}") from error


def raw_text(text: str) -> np.ndarray:
    """[bytes] uint8: a text as records hold it; half characters become question marks."""
    return np.frombuffer(text.encode("utf-8", "replace"), np.uint8)


def is_text(word: str) -> bool:
    """Whether what was typed is a text and not the name of a file: it has a space, or no ending, and no file is called
    so."""
    try:
        return ((" " in word) or not Path(word).suffix) and not Path(word).exists()
    except (OSError, ValueError):  # a name longer than names may be
        return True


def usable(content: bytes, name: Path | str) -> str:
    """The text; DataError where it is no UTF-8, holds a NUL, or nothing but spaces."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            name, f"line {line}: byte {content[error.start]:#04x} is no UTF-8: save it as UTF-8", field="text"
        ) from error
    if (at := text.find("\0")) >= 0:
        line = text.count("\n", 0, at) + 1
        raise DataError(name, f"line {line}: holds a NUL, which no text does: is it UTF-16, or no text?", field="text")
    if not text.strip():
        raise DataError(name, "holds no text", field="text")
    return text
