"""Files in a folder a class, as ImageNet's: `train/cat/1.jpg`, `train/bark/1.wav`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from swinkit.datasets.class_split import ClassSplit, Entry, Found, class_names, open_classes
from swinkit.datasets.splits import SPLITS, named
from swinkit.files import ConfigError, DataError
from swinkit.files.pictures import PICTURE_SUFFIXES
from swinkit.files.sounds import SOUND_SUFFIXES

SHOWN = PICTURE_SUFFIXES | SOUND_SUFFIXES
SUFFIXES = SHOWN | {".txt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFolder:
    """A folder with `<split>/<class>/` pictures, sounds or .txt files at any depth, or `<class>/` where there are no
    splits."""

    path: str
    classes: tuple[str, ...] = ()
    """Names of the folders, in the order of the model's answers; empty: those of train, in alphabetical order."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    looks_for: ClassVar[str] = "<split>/<class>/ or <class>/ folders of pictures, sounds or texts"
    serves: ClassVar[tuple[str, ...]] = ("classify",)

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether there are at least two folders with pictures, under `train` or in the folder itself."""
        found = places(Path(path))
        return bool(found) and len([f for f in folders(next(iter(found.values()))) if any(_pictures(f))]) > 1

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(places(Path(self.path)))

    def resolved(self, *, strict: bool = True) -> ClassFolder:
        """The same with its classes filled in."""
        if self.classes:
            return self
        finders = self._finders()
        first = finders.get("train") or next(iter(finders.values()))
        return replace(self, classes=class_names(first().entries))

    def open(self, split: str = "train", *, strict: bool = True) -> ClassSplit:
        """One split. Raises DataError; with `strict=False`, entries that cannot be used are left out and listed."""
        layout = self.resolved(strict=strict)
        return open_classes(self.path, split, self._finders(), layout.classes, self.holdout, strict)

    def _finders(self) -> dict[str, Callable[[], Found]]:
        found = known_places(Path(self.path), self.looks_for)
        return {split: partial(_find, place) for split, place in found.items()}


def _find(place: Path) -> Found:
    entries: list[Entry] = []
    problems: list[DataError] = []
    for folder in folders(place):
        pictures = list(_pictures(folder))
        if not pictures:
            problems.append(DataError(folder, "holds no picture: every folder here is a class", field="class"))
        entries += [Entry(picture.relative_to(place).as_posix(), picture, folder.name) for picture in pictures]
    return Found(entries, problems)


def places(root: Path) -> dict[str, Path]:
    """Split -> the folder that holds a folder a class; without splits all is train."""
    if not root.is_dir():
        return {}
    found = {
        split: place
        for split, aliases in SPLITS.items()
        if (place := next((root / alias for alias in aliases if (root / alias).is_dir()), None)) is not None
    }
    if found:
        return found
    return {"train": root} if folders(root) else {}


def known_places(path: Path, wanted: str) -> dict[str, Path]:
    """`places`; DataError where there are none, with what was looked for."""
    if not (found := places(path)):
        came = "holds no such folders" if path.is_dir() else "is no folder" if path.exists() else "does not exist"
        raise DataError(path, f"{came}; looked for {wanted}")
    return found


def folders(place: Path) -> list[Path]:
    """One a class."""
    return sorted(folder for folder in place.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _pictures(folder: Path) -> list[Path]:
    """Of a folder without pictures or sounds, its texts."""
    files = [file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()]
    shown = sorted(file for file in files if not file.name.startswith("."))
    return [file for file in shown if file.suffix.lower() in SHOWN] or shown
