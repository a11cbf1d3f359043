"""Sounds listed in manifests: CSV or JSON lines with a line a sound, its class or its transcript."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from swinkit.datasets.class_split import find_files
from swinkit.datasets.sound_split import Said, SoundLayout
from swinkit.files import DataError, UserError, safe_join
from swinkit.files.sound_tables import TABLE_SUFFIXES, Row, columns, read_table
from swinkit.files.sounds import SOUND_SUFFIXES
from swinkit.files.tars import tar_members


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundTable(SoundLayout):
    """One manifest with a column of splits, or `train`, `val` and `test` beside each other.

    Sounds lie beside the manifest, in folders below it, or in plain tars beside it; a name without its folder is found
    in a tar where only one file has it. Nothing outside the manifest's folder is read.
    """

    file: str = "file"
    """The column of files; `audio_filepath`, `path` and `audio` are tried too."""

    looks_for: ClassVar[str] = "manifest.csv or .jsonl, or train.jsonl, with a column of sound files"

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether it is such a manifest or holds one."""
        tables = _tables(Path(path))
        return any(_lists_sounds(table, columns(table)) for table in tables.values())

    def found(self) -> tuple[list[Said], list[DataError], Callable[[int], np.ndarray] | None]:
        """Every usable line of all tables."""
        tables = _tables(Path(self.path))
        if not tables:
            raise DataError(self.path, f"is or holds no such table; looked for {self.looks_for}")
        rows: list[Said] = []
        problems: list[DataError] = []
        for name, table in tables.items():
            for row in self._rows(table, name):
                (problems if isinstance(row, DataError) else rows).append(row)  # type: ignore[arg-type]
        return rows, problems, None

    def _rows(self, table: Path, split: str) -> Iterator[Said | DataError]:
        names, rows = read_table(table)
        column = _file_column(names, self.file)
        if column is None:
            raise DataError(table, f"is no column: there are {', '.join(names)}; say which with data.file=NAME",
                            field=self.file)  # fmt: skip
        self.check_columns(table, names)
        find = _Finder(table.parent)
        for row in rows:
            yield self._row(table, row, column, split, find)

    def _row(self, table: Path, row: Row, column: str, split: str, find: _Finder) -> Said | DataError:
        line, cells = row
        name = cells.get(column, "")
        if not name:
            return DataError(table, f"line {line}: is empty", field=column)
        try:
            source = find(name)
        except DataError:  # a damaged tar concerns every line
            raise
        except UserError as error:
            return DataError(table, f"line {line}: {error}", field=column)
        if source is None:
            return DataError(table, f"line {line}: there is no file {name}", field=column)
        return self.said(table, (line, {**cells, self.split: split} if split else cells), name, source)


class _Finder:
    """Where the files of a manifest are: below its folder, or in the tars that lie there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._members: dict[str, list[Path]] | None = None

    def __call__(self, name: str) -> Path | None:
        """UserError for a name that leads elsewhere."""
        if os.path.isfile(os.path.join(self._folder, name)):
            return safe_join(self._folder, name)
        places = self._packed().get(name.removeprefix("./"), [])
        if len(places) != 1:
            safe_join(self._folder, name)
        return places[0] if len(places) == 1 else None

    def _packed(self) -> dict[str, list[Path]]:
        """By its whole name in a tar, and by every shorter end of that."""
        if self._members is None:
            self._members = {}
            for tar in sorted(self._folder.glob("*.tar")):
                for member in tar_members(tar):
                    parts = member.split("/")
                    if "." + parts[-1].rpartition(".")[2].lower() in SOUND_SUFFIXES:
                        for first in range(len(parts)):
                            self._members.setdefault("/".join(parts[first:]), []).append(tar / member)
        return self._members


def _tables(path: Path) -> dict[str, Path]:
    """Split ("" where the table says it itself) -> table."""
    if path.suffix.lower() in TABLE_SUFFIXES and path.is_file():
        return {"": path}
    for suffix in TABLE_SUFFIXES:
        if (file := path / f"manifest{suffix}").is_file():
            return {"": file}
        if found := find_files(path, lambda alias, suffix=suffix: [f"{alias}{suffix}"]):
            return found
    return {}


def _lists_sounds(table: Path, names: list[str]) -> bool:
    """Whether the first line names a sound, so that tables of pictures and of text are left to others."""
    column = _file_column(names, "file")
    if column is None:
        return False
    try:
        with table.open(encoding="utf-8-sig") as file:
            head = "".join(file.readline(1 << 16) for _ in range(2)).lower()
    except (OSError, ValueError):
        return False
    return any(suffix in head for suffix in SOUND_SUFFIXES)


def _file_column(names: list[str], wanted: str) -> str | None:
    return next((name for name in (wanted, "audio_filepath", "path", "audio") if name in names), None)
