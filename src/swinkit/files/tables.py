"""Tables of texts: CSV, TSV and JSON lines, read whole; a line that cannot be used is told by its number."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swinkit.files.errors import DataError
from swinkit.files.json_text import parse_json
from swinkit.files.texts import read_plain

LARGEST = 256 << 20
"""Bytes of a table."""
FIELD = 4 << 20
"""Characters of one field."""
SEPARATORS = ",;\t|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a table."""

    line: int
    """Counted from 1, the header included; of a line that goes on over several, the last of them."""
    cells: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: DataError | None = None
    """Why it cannot be used; it has no cells then."""


def read_rows(path: Path) -> tuple[list[str], list[Row]]:
    """The names of the columns and the lines of a .csv (commas), .tsv (tabs, no quotes) or .jsonl file.

    Raises:
        DataError: the file is missing, too large, no UTF-8, holds a NUL, has no header, or a quote is never closed.
    """
    if path.is_file() and os.stat(path).st_size == 0:
        raise DataError(path, "is empty")
    text = read_plain(path, largest=LARGEST)
    return _json_lines(path, text) if path.suffix.lower() == ".jsonl" else _separated(path, text)


def _separated(path: Path, text: str) -> tuple[list[str], list[Row]]:
    tabs = path.suffix.lower() == ".tsv"
    style: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tabs else {"strict": True}
    reader = csv.reader(io.StringIO(text, newline=""), **style)
    rows: list[Row] = []
    line = 0
    with _wide_fields():
        try:
            names = [name.strip() for name in next(reader)]
            _check_separator(path, names, "\t" if tabs else ",")
            line = reader.line_num
            for cells in reader:
                line = reader.line_num
                if cells:
                    rows.append(_row(path, line, names, cells))
        except csv.Error as error:
            raise DataError(path, f"line {reader.line_num}: {_said(error)}", field="text") from error
    return names, rows


def _row(path: Path, line: int, names: list[str], cells: list[str]) -> Row:
    if len(cells) == len(names):
        return Row(line=line, cells=dict(zip(names, cells, strict=True)))
    text = f"line {line}: has {len(cells)} fields, the header {len(names)}: put texts with a separator into quotes"
    return Row(line=line, problem=DataError(path, text, field=names[min(len(cells), len(names)) - 1]))


def _check_separator(path: Path, names: list[str], wanted: str) -> None:
    if len(names) == 1 and (other := next((sign for sign in SEPARATORS if sign in names[0]), None)) is not None:
        raise DataError(
            path, f"line 1: its columns are separated by {other!r}: save them with {wanted!r}", field="text"
        )


def _said(error: csv.Error) -> str:
    if "end of data" in str(error):
        return "a quote is opened and never closed"
    return f"is no CSV: {error}"


def _json_lines(path: Path, text: str) -> tuple[list[str], list[Row]]:
    rows = list(_json_rows(path, text))
    if all(row.problem is not None for row in rows):
        raise rows[0].problem or DataError(path, "holds no line", field="text")
    names = list(dict.fromkeys(name for row in rows for name in row.cells))
    missing = ((row, name) for row in rows if row.problem is None for name in names if name not in row.cells)
    gaps = {row.line: name for row, name in missing}
    return names, [
        Row(line=row.line, problem=DataError(path, f"line {row.line}: is missing", field=gaps[row.line]))
        if row.line in gaps
        else row
        for row in rows
    ]


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            value = parse_json(content)
        except ValueError as error:
            what = str(error).removeprefix("line 1: ")
            yield Row(line=line, problem=DataError(path, f"line {line}: {what}", field="text"))
            continue
        odd = None if isinstance(value, dict) else "text"
        odd = odd or next(
            (k for k, v in value.items() if not isinstance(v, (str, int, float)) or len(str(v)) > FIELD), None
        )
        if odd is None:
            yield Row(line=line, cells={name: str(cell) for name, cell in value.items()})
        else:
            wanted = 'wanted {"text": "...", "label": "..."}, each a text or a number'
            yield Row(line=line, problem=DataError(path, f"line {line}: {wanted}", field=odd))


@contextmanager
def _wide_fields() -> Generator[None]:
    """The csv module refuses fields of more than 128 KiB, which a document may have."""
    before = csv.field_size_limit(FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
