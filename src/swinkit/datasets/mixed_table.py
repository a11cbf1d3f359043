"""Samples of several inputs listed in CSV tables: a line a sample with a file for each input, and its class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from swinkit.datasets.class_split import ClassSplit, Entry, Found, class_names, open_classes
from swinkit.datasets.class_table import tables
from swinkit.datasets.splits import SPLITS, canonical, named
from swinkit.files import ConfigError, DataError, UserError, did_you_mean, safe_join
from swinkit.files.series import read_series
from swinkit.files.sound_tables import columns
from swinkit.files.tables import Row, read_rows
from swinkit.files.texts import raw_text
from swinkit.types import Dataset, PartOf, Record

INPUTS = ("image", "audio", "video", "text", "series")
"""Columns that hold inputs, called like the modality that reads them."""
SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Line:
    """One usable line."""

    number: int
    parts: Mapping[str, Path | np.ndarray]
    """Input -> its file, or the text itself as `raw_text` has it; what the line lacks is left out."""
    label: str
    split: str
    """Train, val or test; empty where the line does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixedTable:
    """`train.csv`, `val.csv`, `test.csv` in a folder, or one table with a column `split`.

    At least two columns are called image, audio, video, text or series and hold files relative to the table, of `text`
    the text itself; an empty cell is an input that the sample lacks. One more column is the class.
    """

    path: str
    """The folder, or one .csv file."""
    classes: tuple[str, ...] = ()
    """In the order of the model's answers; empty: those of train, numbers by value, else in alphabetical order."""
    columns: tuple[str, ...] = ()
    """The inputs that are learnt from; empty: all that the first table has."""
    label: str = "class"
    """The column of classes."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    modality: ClassVar[str] = "mixed"
    looks_for: ClassVar[str] = (
        f"a .csv file, or train.csv in a folder, with a column class and at least two of {', '.join(INPUTS)}"
    )
    serves: ClassVar[tuple[str, ...]] = ("classify",)

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")
        for name in self.columns:
            if name not in INPUTS:
                raise ConfigError(f"columns: {name!r} is no input: {did_you_mean(name, INPUTS)}")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether it is such a table or holds some, by the names of the columns."""
        found = tables(Path(path))
        names = columns(next(iter(found.values()))) if found else []
        return "class" in names and len(_inputs(names)) > 1

    @property
    def told(self) -> dict[str, Any]:
        """What the modality has to know of these files."""
        return {"inputs": {name: {"kind": name, **self.part(name).told} for name in self.columns}}

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(self._found())

    def resolved(self, *, strict: bool = True) -> MixedTable:
        """The same with its classes and inputs filled in."""
        if self.classes and self.columns:
            return self
        found = self._found()
        entries = (found.get("train") or next(iter(found.values()))).entries
        listed = self._tables()
        inputs = self.columns or _inputs(columns(listed.get("train") or next(iter(listed.values()))))
        return replace(self, classes=self.classes or class_names(entries), columns=tuple(inputs))

    def open(self, split: str = "train", *, strict: bool = True) -> ClassSplit:
        """One split; a record's `parts` are its inputs. Raises DataError; with `strict=False`, lines that cannot be
        used are left out and listed."""
        layout = self.resolved(strict=strict)
        found = layout._found()
        find: dict[str, Callable[[], Found]] = {name: lambda name=name: found[name] for name in found}
        return open_classes(self.path, split, find, layout.classes, self.holdout, strict)

    def part(self, name: str) -> Part:
        """One input of these samples as a layout of its own."""
        return Part(path=self.path, table=self, name=name)

    def lines(self, table: Path, *, labelled: bool = True) -> tuple[list[Line], list[DataError]]:
        """The usable lines of a table, and what is wrong with others.

        Args:
            labelled: every line needs a class.

        Raises:
            DataError: it is no table, or has no column of classes or of inputs.
        """
        names, rows = read_rows(table)
        for name in (self.label, *self.columns) if labelled else self.columns:
            if names.count(name) != 1 and (labelled or name in names):
                came = "is there twice" if name in names else f"is no column: {did_you_mean(name, names)}"
                raise DataError(table, f"line 1: {came}", field=name)
        inputs = self.columns or _inputs(names)
        if not [name for name in inputs if name in names]:
            raise DataError(table, f"line 1: has no column of inputs: wanted some of {', '.join(inputs or INPUTS)}",
                            field=(inputs or INPUTS)[0])  # fmt: skip
        good: list[Line] = []
        bad: list[DataError] = []
        for row in rows:
            try:
                good.append(self._line(table, row, inputs, labelled=labelled))
            except DataError as error:
                bad.append(error)
        return good, bad

    def _line(self, table: Path, row: Row, inputs: Sequence[str], *, labelled: bool) -> Line:
        """DataError for one that cannot be used."""
        if row.problem is not None:
            raise row.problem
        label, split = row.cells.get(self.label, "").strip(), row.cells.get(SPLIT, "").strip()
        if labelled and not label:
            raise DataError(table, f"line {row.line}: is empty", field=self.label)
        if split and not any(split in aliases for aliases in SPLITS.values()):
            raise DataError(table, f"line {row.line}: {split!r} is none of {', '.join(SPLITS)}", field=SPLIT)
        parts = {
            name: raw_text(cell) if name == "text" else _file(table, row.line, name, cell.strip())
            for name in inputs
            if (cell := row.cells.get(name, "")).strip()
        }
        if not parts:
            raise DataError(table, f"line {row.line}: has no input: fill one of {', '.join(inputs)}", field=inputs[0])
        return Line(row.line, parts, label, canonical(split) if split else "")

    def _tables(self) -> dict[str, Path]:
        if not (found := tables(Path(self.path))):
            came = "is or holds no such table" if Path(self.path).exists() else "does not exist"
            raise DataError(self.path, f"{came}; looked for {self.looks_for}")
        return found

    def _found(self) -> dict[str, Found]:
        """Split -> its lines, and what is wrong with others."""
        rows: dict[str, list[tuple[Path, Line]]] = defaultdict(list)
        problems: dict[str, list[DataError]] = defaultdict(list)
        for split, table in self._tables().items():
            good, bad = self.lines(table)
            for line in good:
                rows[split or line.split or "train"].append((table, line))
            problems[split or "train"] += bad
            if split and not good:
                rows[split] = []
        if not rows:
            raise next((each[0] for each in problems.values() if each), DataError(self.path, "holds no line"))
        return {name: _split(found, problems[name]) for name, found in rows.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One input of the samples of a table."""

    path: str
    table: MixedTable
    name: str

    @property
    def told(self) -> dict[str, Any]:
        """What the modality has to know of these files: of series what the first of train holds."""
        if self.name != "series":
            return {}
        for split in self.splits()[:1]:
            data = self.open(split, strict=False)
            if len(data) and isinstance(source := data[0].source, Path):
                series = read_series(source)
                return {"names": list(series.names), "form": "points" if series.points else "columns"}
        return {}

    def splits(self) -> tuple[str, ...]:
        """Those of the table."""
        return self.table.splits()

    def resolved(self, *, strict: bool = True) -> Part:
        """The same."""
        return self

    def open(self, split: str = "train", *, strict: bool = True) -> Dataset:
        """The samples of a split that have this input. DataError: there is none."""
        found = PartOf(self.table.open(split, strict=strict), self.name)
        if strict and not len(found):
            raise DataError(self.path, f"no sample of {split} has this input", field=self.name)
        return found


def records(lines: Sequence[tuple[Path, Line]], row: int) -> dict[str, Record]:
    """The inputs of one of these lines."""
    table, line = lines[row]
    return {name: Record(id=f"{table.name}:{line.number}", source=source) for name, source in line.parts.items()}


def _split(found: Sequence[tuple[Path, Line]], problems: Sequence[DataError]) -> Found:
    entries = [Entry(f"{table.name}:{line.number}", row, line.label) for row, (table, line) in enumerate(found)]
    return Found(entries, problems, parts=lambda row: records(found, row))


def _inputs(names: Sequence[str]) -> list[str]:
    return [name for name in names if name in INPUTS]


def _file(table: Path, line: int, name: str, cell: str) -> Path:
    try:
        file = safe_join(table.parent, cell)
    except UserError as error:
        raise DataError(table, f"line {line}: {error}", field=name) from error
    if not file.is_file():
        raise DataError(table, f"line {line}: there is no file {cell}", field=name)
    return file
