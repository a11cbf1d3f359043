"""Tables of text: CSV with a header, or JSON lines; bounded, and every fault with its line."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from swinkit.files.errors import DataError
from swinkit.files.json_text import parse_json

LARGEST = 256 << 20
"""Bytes of a table."""
TABLE_SUFFIXES = (".csv", ".jsonl")
Row = tuple[int, dict[str, str]]
"""Number of the line, counted from 1, and its cells by the names of their columns."""


def read_table(path: Path) -> tuple[list[str], list[Row]]:
    """The columns of a `.csv` or `.jsonl` file, and its rows. Cells that a line lacks are empty.

    Raises:
        DataError: it is missing, too large, no UTF-8, or no such table; says in which line.
    """
    text = table_text(path)
    return _json_lines(path, text) if path.suffix.lower() == ".jsonl" else _csv(path, text)


def table_text(path: Path) -> str:
    """The text of a table. Raises DataError."""
    try:
        if not path.is_file():
            raise DataError(path, "is no plain file" if path.exists() else "does not exist")
        if path.stat().st_size > LARGEST:
            raise DataError(path, f"has more than {LARGEST >> 20} MiB")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(path, "is not UTF-8 text") from error


def columns(path: Path) -> list[str]:
    """The names of the columns, by the first line; [] for what is no table."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            line = file.readline(1 << 16)
        if path.suffix.lower() == ".jsonl":
            value = parse_json(line)
            return list(value) if isinstance(value, dict) else []
        return next(csv.reader([line], strict=True), [])
    except (OSError, ValueError, csv.Error):
        return []


def _csv(path: Path, text: str) -> tuple[list[str], list[Row]]:
    if "\0" in text:
        raise DataError(path, "holds a zero byte: it is no text")
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        names = list(reader.fieldnames or [])
        rows = [(reader.line_num, _cells(path, reader.line_num, row)) for row in reader]
    except csv.Error as error:
        raise DataError(path, f"line {reader.line_num + 1}: is no CSV: {error}") from error
    for name in names:
        if names.count(name) > 1:
            raise DataError(path, "is there twice", field=name)
    return names, rows


def _cells(path: Path, line: int, row: dict[str, str | None]) -> dict[str, str]:
    if None in row:  # pyright: ignore[reportUnnecessaryContains]  # what is beyond the header
        raise DataError(path, f"line {line}: has more cells than the header has columns: quote cells with commas")
    return {sys.intern(name): value or "" for name, value in row.items()}


def _json_lines(path: Path, text: str) -> tuple[list[str], list[Row]]:
    rows: list[Row] = []
    names: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = parse_json(line, deepest=4)
        except ValueError as error:
            said = str(error).removeprefix("line 1: ")
            raise DataError(path, f"line {number}: {said}") from error
        if not isinstance(value, dict):
            raise DataError(path, f"line {number}: wanted names with values, got {str(value)[:40]!r}")
        rows.append((number, {name: "" if cell is None else str(cell) for name, cell in value.items()}))
        names |= dict.fromkeys(value)
    return list(names), rows
