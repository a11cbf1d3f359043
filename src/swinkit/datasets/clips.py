"""Clips with a class each: films or folders of frames in a folder a class, or listed in a table."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from swinkit.datasets.class_split import ClassSplit, Entry, Found, class_names, open_classes
from swinkit.datasets.splits import SPLITS, canonical, named
from swinkit.files import ConfigError, DataError
from swinkit.files.clips import ARRAYS, FILMS, is_clip
from swinkit.files.tars import tar_members

TABLE = "manifest.csv"
PLACES = ("", "frames", "clips", "videos", "frames.tar", "frames.tar/frames")
"""Where the clips of a table lie, in its folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clips:
    """`<split>/<class>/` (or `<class>/`) with films, arrays or folders of frames; or manifest.csv with a line a clip:
    its file or folder, its class, and its split or fold.

    A clip of the table lies beside it, in `frames`, `clips`, `videos`, or in frames.tar.
    """

    path: str
    classes: tuple[str, ...] = ()
    """In the order of the model's answers; empty: those of train, in alphabetical order."""
    label: str = "label"
    """The table's column of classes."""
    fold: int = 0
    """The fold that is the test split, where the table has folds."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    serves: ClassVar[tuple[str, ...]] = ("classify",)
    modality: ClassVar[str] = "video"
    looks_for: ClassVar[str] = f"<split>/<class>/ or <class>/ folders of films ({' '.join(FILMS)}), or {TABLE} of clips"

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether there are folders of films, or a table whose first clip is there."""
        path = Path(path)
        if (path / TABLE).is_file():
            try:
                rows = _rows(path / TABLE)
            except DataError:
                return False
            return bool(rows) and _column(rows[0][1]) == "clip"
        return any(
            file.suffix.lower() in (*FILMS, *ARRAYS)
            for place in _places(path).values()
            for folder in _folders(place)
            for file in folder.iterdir()
        )

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(self._finders())

    def resolved(self, *, strict: bool = True) -> Clips:
        """The same with its classes filled in."""
        if self.classes:
            return self
        finders = self._finders()
        return replace(self, classes=class_names((finders.get("train") or next(iter(finders.values())))().entries))

    def open(self, split: str = "train", *, strict: bool = True) -> ClassSplit:
        """One split. Raises DataError; with `strict=False`, entries that cannot be used are left out and listed."""
        layout = self.resolved(strict=strict)
        return open_classes(self.path, split, self._finders(), layout.classes, self.holdout, strict)

    def _finders(self) -> dict[str, Callable[[], Found]]:
        path = Path(self.path)
        if (path / TABLE).is_file():
            found = self._listed(path / TABLE)
            return {name: partial(found.__getitem__, name) for name in found}
        if not (places := _places(path)):
            came = "holds no such folders" if path.is_dir() else "is no folder" if path.exists() else "does not exist"
            raise DataError(path, f"{came}; looked for {self.looks_for}")
        return {split: partial(_find, place) for split, place in places.items()}

    def _listed(self, table: Path) -> dict[str, Found]:
        entries: dict[str, list[Entry]] = defaultdict(list)
        problems: dict[str, list[DataError]] = defaultdict(list)
        for line, row in _rows(table):
            column = _column(row)
            if column is None or self.label not in row:
                raise DataError(table, f"columns clip (or file) and {self.label} are wanted", field="header")
            split = self._split(table, line, row)
            name, label = row[column] or "", row[self.label] or ""
            clip = _clip(table.parent, name) if name else None
            if not label or clip is None:
                came = "has no class" if name and not label else f"there is no clip {name!r}"
                problems[split].append(DataError(table, f"line {line}: {came}", field=self.label if name else column))
            else:
                entries[split].append(Entry(name, clip, label))
        return {name: Found(entries[name], problems[name]) for name in {*entries, *problems}}

    def _split(self, table: Path, line: int, row: dict[str, str | None]) -> str:
        said = row.get("split")
        if said:
            if not any(said in aliases for aliases in SPLITS.values()):
                raise DataError(table, f"line {line}: {said!r} is none of {', '.join(SPLITS)}", field="split")
            return canonical(said)
        fold = row.get("fold")
        if fold and not fold.strip().isdecimal():
            raise DataError(table, f"line {line}: {fold!r} is no number", field="fold")
        return "test" if fold and int(fold) == self.fold else "train"


def _rows(table: Path) -> list[tuple[int, dict[str, str | None]]]:
    try:
        reader = csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines(), strict=True)
        return [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise DataError(table, f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(table, f"is no CSV in UTF-8 ({error})") from error


def _column(row: dict[str, str | None]) -> str | None:
    return next((name for name in ("clip", "file") if name in row), None)


def _clip(folder: Path, name: str) -> Path | None:
    """The clip of that name, on disk or in frames.tar."""
    for place in PLACES:
        path = folder / place / name
        if ".tar" in place:
            tar = folder / place.split("/", 1)[0]
            begin = f"{path.relative_to(tar).as_posix()}/"
            if tar.is_file() and any(member.startswith(begin) for member in tar_members(tar)):
                return path
        elif path.exists() and is_clip(path):
            return path
    return None


def _find(place: Path) -> Found:
    entries: list[Entry] = []
    problems: list[DataError] = []
    for folder in _folders(place):
        clips = sorted(clip for clip in folder.iterdir() if not clip.name.startswith(".") and is_clip(clip))
        if not clips:
            problems.append(DataError(folder, "holds no clip: every folder here is a class", field="class"))
        entries += [Entry(clip.relative_to(place).as_posix(), clip, folder.name) for clip in clips]
    return Found(entries, problems)


def _places(root: Path) -> dict[str, Path]:
    """Split -> the folder that holds a folder a class; without splits all is train."""
    if not root.is_dir():
        return {}
    found = {
        split: place
        for split, aliases in SPLITS.items()
        if (place := next((root / alias for alias in aliases if (root / alias).is_dir()), None)) is not None
    }
    return found or ({"train": root} if _folders(root) else {})


def _folders(place: Path) -> list[Path]:
    return sorted(folder for folder in place.iterdir() if folder.is_dir() and not folder.name.startswith("."))
