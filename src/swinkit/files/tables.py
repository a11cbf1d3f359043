"""CSV tables: lines that are as long as their header."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swinkit.files.errors import DataError

LARGEST = 256 << 20
"""Bytes of a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The lines of a file, each as long as its header."""

    path: Path
    header: tuple[str, ...]
    lines: tuple[tuple[int, list[str]], ...]
    """Number of the line in the file, and its cells."""

    def one_of(self, names: Sequence[str]) -> str | None:
        """The first of these columns that there is."""
        return next((name for name in names if name in self.header), None)

    def cells(self, name: str) -> list[str]:
        """A column as text."""
        place = self.header.index(name)
        return [row[place].strip() for _, row in self.lines]

    def numbers(self, name: str) -> np.ndarray:
        """[lines] float64 a column, NaN where it is empty. DataError: what is no number."""
        cells = [cell or "nan" for cell in self.cells(name)]
        try:
            found = np.array(cells, np.float64)
        except ValueError:
            wrong = next(place for place, cell in enumerate(cells) if not _is_number(cell))
            raise self.error(wrong, f"{cells[wrong]!r} is no number", name) from None
        for place in np.flatnonzero(np.isinf(found))[:1].tolist():
            raise self.error(place, f"{cells[place]!r} is no number that can be used", name)
        return found

    def error(self, place: int, message: str, field: str) -> DataError:
        """What is wrong in one of the lines."""
        return DataError(self.path, f"line {self.lines[place][0]}: {message}", field=field)


def read_table(path: Path) -> Table:
    """The lines of a CSV file. DataError: it is none, or a line is longer or shorter than the header."""
    text = table_text(path)
    reader, lines = csv.reader(text.splitlines(), strict=True), list[tuple[int, list[str]]]()
    try:
        header = tuple(name.strip() for name in next(reader, []))
        for row in reader:
            if row and len(row) != len(header):
                raise DataError(path, f"line {reader.line_num}: has {len(row)} cells, the header has {len(header)}")
            if row:
                lines.append((reader.line_num, row))
    except csv.Error as error:
        raise DataError(path, f"line {reader.line_num}: is no CSV: {error}") from error
    if not lines:
        raise DataError(path, "is empty" if not header else "holds no line below its header")
    if twice := [name for name in header if header.count(name) > 1]:
        raise DataError(path, "is a column twice", field=twice[0] or "header")
    return Table(path=path, header=header, lines=tuple(lines))


def table_text(path: Path) -> str:
    """What is in the file. DataError: it cannot be read, is too large, or is not UTF-8 text."""
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(path, f"has more than {LARGEST >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(path, "is not UTF-8 text") from error
    return text


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
