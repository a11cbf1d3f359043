"""Texts listed in tables: CSV, TSV or JSON lines with a column of texts and one of classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from swinkit.datasets.class_split import ClassSplit, Entry, Found, class_names, find_files, open_classes
from swinkit.datasets.splits import named
from swinkit.files import ConfigError, DataError, did_you_mean
from swinkit.files.tables import Row, read_rows
from swinkit.files.texts import raw_text

KNOWN = {
    "text": ("text", "sentence", "content", "review", "question"),
    "label": ("label", "class", "category", "target"),
}
"""Names that the columns are found by, in this order."""
OTHERS = ("file", "audio", "path", "image", "wav", "video")
"""A table with such a column lists files."""
ENDINGS = (".csv", ".tsv", ".jsonl")
_PEEK = 1 << 14


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """`train.csv`, `val.csv` (or `dev.csv`), `test.csv` in a folder, or one table for all, `all.csv`; .tsv and .jsonl
    likewise.

    Of one table for all, stratified folds are made: one is tested on, the others are train.
    """

    path: str
    """The folder, or one table."""
    classes: tuple[str, ...] = ()
    """In the order of the model's answers; empty: those of train, numbers by value, else in alphabetical order."""
    text: str = ""
    """The column of texts; empty: the first of text, sentence, content, review, question that there is."""
    label: str = ""
    """The column of classes; empty: the first of label, class, category, target that there is."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""
    folds: int = 10
    """Parts of one table for all."""
    fold: int = 0
    """The one of them to test on."""

    modality: ClassVar[str] = "text"
    looks_for: ClassVar[str] = (
        "train.csv, .tsv or .jsonl in a folder, or one such file, with the columns text and label"
    )
    serves: ClassVar[tuple[str, ...]] = ("classify", "reconstruct")

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")
        if self.folds < 2 or not 0 <= self.fold < self.folds:
            raise ConfigError(
                f"folds {self.folds}, fold {self.fold}: give two folds or more, and one of 0 to folds - 1"
            )

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether it is such a table or holds some, by the names of the columns."""
        tables = _tables(Path(path))
        return bool(tables) and _holds_texts(next(iter(tables.values())))

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        tables = self._tables()
        return ("train", "val", "test") if "" in tables else named(tables)

    def resolved(self, *, strict: bool = True) -> TextTable:
        """The same with its columns and classes filled in."""
        if self.classes and self.text and self.label:
            return self
        tables = self._tables()
        table = tables.get("train") or next(iter(tables.values()))
        text, label, rows = self._columns(table)
        classes = self.classes or class_names([Entry("", 0, row.cells[label]) for row in rows if _usable(row, label)])
        if not classes:
            raise DataError(table, "no line has a class", field=label)
        return replace(self, classes=classes, text=text, label=label)

    def open(self, split: str = "train", *, strict: bool = True) -> ClassSplit:
        """One split. Raises DataError; with `strict=False`, lines that cannot be used are left out and listed."""
        layout = self.resolved(strict=strict)
        find: dict[str, Callable[[], Found]] = {}
        for name, table in self._tables().items():
            if name:
                find[name] = lambda table=table: layout.found(table)
            else:
                find |= {part: lambda part=part, table=table: layout.fold_of(table, part) for part in ("train", "test")}
        return open_classes(self.path, split, find, layout.classes, self.holdout, strict)

    def found(self, table: Path) -> Found:
        """The lines of a table."""
        text, label, rows = self._columns(table)
        entries: list[Entry] = []
        problems: list[DataError] = []
        texts: list[str] = []
        for row in rows:
            if row.problem is not None:
                problems.append(row.problem)
                continue
            empty = next((column for column in (text, label) if not row.cells[column].strip()), None)
            if empty is not None:
                problems.append(DataError(table, f"line {row.line}: is empty", field=empty))
                continue
            entries.append(Entry(f"{table.name}:{row.line}", len(texts), row.cells[label]))
            texts.append(row.cells[text])
        return Found(entries, problems, lambda number: raw_text(texts[number]))

    def fold_of(self, table: Path, split: str) -> Found:
        """The lines that one fold leaves for train or gives to test; each class is shared out evenly, with seed 0."""
        found = self.found(table)
        labels = np.array([entry.label for entry in found.entries])
        folds = np.zeros(len(labels), np.int64)
        rng = np.random.default_rng(0)
        for name in sorted(set(labels.tolist())):
            members = rng.permutation(np.flatnonzero(labels == name))
            folds[members] = np.arange(len(members)) % self.folds
        kept = [entry for entry, at in zip(found.entries, folds, strict=True) if (at == self.fold) == (split == "test")]
        return Found(kept, found.problems, found.picture)

    def _tables(self) -> dict[str, Path]:
        if not (tables := _tables(Path(self.path))):
            came = "holds no such table" if Path(self.path).exists() else "does not exist"
            raise DataError(self.path, f"{came}; looked for {self.looks_for}")
        return tables

    def texts(self, table: Path) -> tuple[list[tuple[int, str]], list[DataError]]:
        """The texts of a table with their lines, whatever else it holds, and why others cannot be used."""
        names, rows = read_rows(table)
        column = _column(table, names, self.text, "text")
        found = [(row.line, row.cells[column]) for row in rows if row.problem is None]
        return found, [row.problem for row in rows if row.problem is not None]

    def _columns(self, table: Path) -> tuple[str, str, list[Row]]:
        """The names of the columns of texts and classes, and the lines."""
        names, rows = read_rows(table)
        text, label = _column(table, names, self.text, "text"), _column(table, names, self.label, "label")
        if not rows:
            raise DataError(table, "has a header and no line below it", field=text)
        return text, label, rows


def _column(table: Path, names: Sequence[str], wanted: str, setting: str) -> str:
    """The name of the column, as it was said or as it is known."""
    near = wanted or next((name for name in KNOWN[setting] if name in names), setting)
    if names.count(near) != 1:
        came = "is there twice" if near in names else f"is no column: {did_you_mean(near, names)}"
        raise DataError(table, f"line 1: {came}; say data.{setting}=NAME for another one", field=near)
    return near


def _usable(row: Row, label: str) -> bool:
    return row.problem is None and bool(row.cells[label].strip())


def _tables(path: Path) -> dict[str, Path]:
    """Split ("" for one table of all) -> table."""
    if path.suffix.lower() in ENDINGS and path.is_file():
        return {"": path}
    if found := find_files(path, lambda alias: [alias + ending for ending in ENDINGS]):
        return found
    return next(({"": path / f"all{ending}"} for ending in ENDINGS if (path / f"all{ending}").is_file()), {})


def _holds_texts(table: Path) -> bool:
    """By the names in the first line, whatever stands between them."""
    try:
        with table.open("rb") as file:
            line = file.read(_PEEK).decode("utf-8-sig", "replace").split("\n", 1)[0]
    except OSError:
        return False
    found = re.findall(r'"(\w+)"\s*:' if table.suffix.lower() == ".jsonl" else r"\w+", line)
    names = {name.lower() for name in found}
    return (table.suffix.lower() != ".csv" or bool(names & set(KNOWN["text"]))) and not names & set(OTHERS)
