"""metrics.csv: one row a step or evaluation, readable by anything while the run goes on."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TextIO

from swinkit.files import DataError, replace_file

Value = float | int | str | None


class Track:
    """Appends rows to a table; a new column is added to the whole table when it first appears."""

    def __init__(self, path: Path | str, *, step: int = 0) -> None:
        """Open `path`; of an existing table the rows up to `step` stay: later ones and a torn line were never saved."""
        self.path = Path(path)
        self.columns: list[str] = ["step"]
        self._file: TextIO | None = None
        rows = self._rows(step) if self.path.exists() else []
        self._rewrite(rows)

    def add(self, row: Mapping[str, Value]) -> None:
        """Append a row, which has a `step`; it is in the file when this returns."""
        if new := [name for name in row if name not in self.columns]:
            rows = self._rows(None)
            self.columns.extend(new)
            self._rewrite([*rows, row])
            return
        if self._file is None:
            raise ValueError(f"{self.path}: the table is closed")
        self._file.write(self._line(row))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Track:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _rows(self, step: int | None) -> list[Mapping[str, Value]]:
        text = self.path.read_text(encoding="utf-8")
        header, *lines = csv.reader(io.StringIO(text[: text.rfind("\n") + 1])) if "\n" in text else [["step"]]
        if "step" not in header:
            raise DataError(
                self.path, "is no table of a run: wanted a column 'step'; move the file away", field="header"
            )
        self.columns = list(header)
        rows = [dict(zip(header, line, strict=False)) for line in lines if len(line) == len(header)]
        return [row for row in rows if step is None or (row["step"].isdigit() and int(row["step"]) <= step)]

    def _rewrite(self, rows: list[Mapping[str, Value]]) -> None:
        if self._file is not None:
            self._file.close()
        head = self._line({name: name for name in self.columns})
        replace_file(self.path, (head + "".join(self._line(row) for row in rows)).encode())
        self._file = self.path.open("a", encoding="utf-8", newline="")

    def _line(self, row: Mapping[str, Value]) -> str:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(
            ["" if (value := row.get(name)) is None else value for name in self.columns]
        )
        return line.getvalue()
