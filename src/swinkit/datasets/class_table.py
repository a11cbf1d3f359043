"""Pictures listed in CSV tables: a line a picture with its file and its class."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from swinkit.datasets.class_split import ClassSplit, Entry, Found, class_names, find_files, open_classes
from swinkit.datasets.splits import SPLITS, canonical, named
from swinkit.files import ConfigError, DataError, did_you_mean

LARGEST = 256 << 20
"""Bytes of a table."""
Row = tuple[str, Entry | DataError]
"""(split or "", what the line says)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTable:
    """`train.csv`, `val.csv`, `test.csv` in a folder, or one table with a column that names the split.

    A header names the columns; files are relative to the table's folder.
    """

    path: str
    """The folder, or one .csv file."""
    classes: tuple[str, ...] = ()
    """In the order of the model's answers; empty: those of train, in alphabetical order."""
    file: str = "file"
    """The column of files."""
    label: str = "label"
    """The column of classes."""
    split: str = "split"
    """The column of splits, of one table for all; a table without it is all train."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    looks_for: ClassVar[str] = "a .csv file, or train.csv in a folder, with the columns file and label"
    serves: ClassVar[tuple[str, ...]] = ("classify",)

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether it is such a table or holds some."""
        return bool(tables(Path(path)))

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(self.found())

    def resolved(self, *, strict: bool = True) -> ClassTable:
        """The same with its classes filled in."""
        if self.classes:
            return self
        found = self.found()
        return replace(self, classes=class_names((found.get("train") or next(iter(found.values()))).entries))

    def open(self, split: str = "train", *, strict: bool = True) -> ClassSplit:
        """One split. Raises DataError; with `strict=False`, lines that cannot be used are left out and listed."""
        layout, found = self.resolved(strict=strict), self.found()
        find: dict[str, Callable[[], Found]] = {name: lambda name=name: found[name] for name in found}
        return open_classes(self.path, split, find, layout.classes, self.holdout, strict)

    def found(self) -> dict[str, Found]:
        """Split -> its lines, and what is wrong with others. DataError: there is no such table."""
        listed = tables(Path(self.path))
        if not listed:
            raise DataError(self.path, f"is or holds no such table; looked for {self.looks_for}")
        rows: dict[str, list[Entry | DataError]] = defaultdict(list)
        for name, table in listed.items():
            for said, row in self._rows(table):
                rows[name or said or "train"].append(row)
        return {
            name: Found(
                [row for row in several if isinstance(row, Entry)],
                [row for row in several if isinstance(row, DataError)],
            )
            for name, several in rows.items()
        }

    def _rows(self, table: Path) -> list[Row]:
        try:
            if table.stat().st_size > LARGEST:
                raise DataError(table, f"has more than {LARGEST >> 20} MiB")
            text = table.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise DataError(table, f"cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise DataError(table, "is not UTF-8 text") from error
        reader = csv.DictReader(text.splitlines(), strict=True)
        names = reader.fieldnames or []
        for column in (self.file, self.label):
            if names.count(column) != 1:
                came = "is there twice" if column in names else f"is no column: {did_you_mean(column, names)}"
                raise DataError(table, f"{came}", field=column)
        try:
            return [self._row(table, reader.line_num, row) for row in reader]
        except csv.Error as error:
            raise DataError(table, f"line {reader.line_num}: is no CSV: {error}") from error

    def _row(self, table: Path, line: int, row: dict[str, str | None]) -> Row:
        name, label, split = (row.get(column) for column in (self.file, self.label, self.split))
        if not name or not label:
            column = self.label if name else self.file
            return "", DataError(table, f"line {line}: is empty", field=column)
        if split and not any(split in aliases for aliases in SPLITS.values()):
            return "", DataError(table, f"line {line}: {split!r} is none of {', '.join(SPLITS)}", field=self.split)
        file = table.parent / name
        where = canonical(split) if split else ""
        if not file.is_file():
            return where, DataError(table, f"line {line}: there is no file {name}", field=self.file)
        return where, Entry(name, file, label)


def tables(path: Path) -> dict[str, Path]:
    """Split ("" where the table says it itself) -> table."""
    if path.suffix.lower() == ".csv" and path.is_file():
        return {"": path}
    if found := find_files(path, lambda alias: [f"{alias}.csv"]):
        return found
    return {"": file} if (file := path / "labels.csv").is_file() else {}
