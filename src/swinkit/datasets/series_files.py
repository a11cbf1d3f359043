"""Numeric series as CSV files, of one class each: tracks of key points, or any columns over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from swinkit.datasets.class_folder import folders, known_places, places
from swinkit.datasets.class_split import ClassSplit, Entry, Found, class_names, open_classes
from swinkit.datasets.class_table import ClassTable, tables
from swinkit.datasets.splits import named
from swinkit.files import ConfigError, DataError
from swinkit.files.series import address, addresses, read_series, read_table

SUFFIX = ".csv"
WRITTEN = "-tracks.csv"
"""Where `swinkit predict` wrote such files, the other tables beside them are no series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFiles:
    """`<split>/<class>/` folders of CSV files (`<class>/` where there are no splits), or a table that lists them.

    A file with a column `track` is a sample a track. The table is one .csv file, labels.csv, or train.csv, val.csv and
    test.csv in a folder, with the columns path and class, and split where it is one for all; paths are relative to it.
    """

    path: str
    """The folder, or the table."""
    classes: tuple[str, ...] = ()
    """In the order of the model's answers; empty: those of train, in alphabetical order."""
    names: tuple[str, ...] = ()
    """Points or columns that every file holds; empty: those of the first file."""
    form: str = ""
    """`points` or `columns`; empty: what the first file holds."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    looks_for: ClassVar[str] = "<split>/<class>/ or <class>/ folders of .csv series, or a .csv with path and class"
    serves: ClassVar[tuple[str, ...]] = ("classify",)
    modality: ClassVar[str] = "series"

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")
        if self.form not in ("", "points", "columns"):
            raise ConfigError(f"form {self.form!r}: there are points and columns")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether there are at least two folders of such files, or a table that lists some."""
        if listed := tables(Path(path)):
            return _lists_series(next(iter(listed.values())))
        found = places(Path(path))
        return bool(found) and len([f for f in folders(next(iter(found.values()))) if _files(f)]) > 1

    @property
    def told(self) -> dict[str, Any]:
        """What the modality has to know of these files."""
        return {"names": list(self.names), "form": self.form} if self.form else {}

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(self._finders())

    def resolved(self, *, strict: bool = True) -> SeriesFiles:
        """The same with classes, names and form filled in, the last two from the first file that can be read."""
        if self.classes and self.names and self.form:
            return self
        finders = self._finders()
        first = (finders.get("train") or next(iter(finders.values())))()
        classes = self.classes or class_names(first.entries)
        problem: DataError | None = None
        for entry in first.entries:
            try:
                series = read_series(Path(str(entry.source)))
            except DataError as error:
                problem = problem or error
                if strict:
                    break
                continue
            form = "points" if series.points else "columns"
            return replace(self, classes=classes, names=self.names or series.names, form=self.form or form)
        raise problem or next(iter(first.problems), DataError(self.path, f"holds no series; wanted {self.looks_for}"))

    def open(self, split: str = "train", *, strict: bool = True) -> ClassSplit:
        """One split. Raises DataError; with `strict=False`, files that cannot be used are left out and listed."""
        layout = self.resolved(strict=strict)
        return open_classes(self.path, split, self._finders(), layout.classes, self.holdout, strict)

    def _finders(self) -> dict[str, Callable[[], Found]]:
        path = Path(self.path)
        if tables(path):
            listed = ClassTable(path=self.path, file="path", label="class").found()
            return {split: partial(_tracks, found.entries, found.problems) for split, found in listed.items()}
        return {split: partial(_find, place) for split, place in known_places(path, self.looks_for).items()}


def _find(place: Path) -> Found:
    entries: list[Entry] = []
    problems: list[DataError] = []
    for folder in folders(place):
        files = _files(folder)
        if not files:
            problems.append(DataError(folder, f"holds no {SUFFIX} file: every folder here is a class", field="class"))
        entries += [Entry(file.relative_to(place).as_posix(), file, folder.name) for file in files]
    return _tracks(entries, problems)


def _tracks(entries: Sequence[Entry], problems: Sequence[DataError]) -> Found:
    """An entry a track."""
    found, wrong = list[Entry](), list(problems)
    for entry in entries:
        try:
            each = addresses(Path(str(entry.source)))
        except DataError as error:
            wrong.append(error)
            continue
        marks = ["" if (track := address(one)[1]) is None else f"#{track}" for one in each]
        found += [Entry(entry.id + mark, one, entry.label) for mark, one in zip(marks, each, strict=True)]
    return Found(found, wrong)


def _files(folder: Path) -> list[Path]:
    every = sorted(file for file in folder.rglob(f"*{SUFFIX}") if file.is_file() and not file.name.startswith("."))
    return [file for file in every if file.name.endswith(WRITTEN)] or every


def _lists_series(table: Path) -> bool:
    try:
        read = read_table(table)
    except DataError:
        return False
    return {"path", "class"} <= set(read.header) and read.cells("path")[0].lower().endswith(SUFFIX)
