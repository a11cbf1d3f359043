"""Pictures with a text file of boxes each, a line `class x y width height` in shares of the picture (YOLO's form)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, ClassVar

from swinkit.datasets.coco_file import short
from swinkit.datasets.mask_pairs import by_stem
from swinkit.datasets.object_split import (
    Edges,
    Entry,
    Faulty,
    Found,
    ObjectSplit,
    add,
    object_classes,
    open_objects,
    shaped,
)
from swinkit.datasets.splits import named
from swinkit.datasets.yolo_folders import Folders, class_names, find_splits
from swinkit.files import ConfigError, DataError

LARGEST = 16 << 20
"""Bytes of one text file."""
MANY = 100_000
"""Numbers of classes end here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Yolo:
    """Folders `images` beside `labels`, in folders of splits or with such folders in them, and a data.yaml.

    Lines with more than five numbers are polygons, whose boxes are taken. A picture without a text file shows nothing
    that is looked for.
    """

    path: str
    classes: tuple[str, ...] = ()
    """Names in the order of the numbers; empty: those of data.yaml or classes.txt, else `class 0`, `class 1` ..."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""
    masks: bool | None = None
    """Things come with their masks; None: where every thing of train has a polygon that is more than its box."""
    faulty: Faulty = "refuse"
    """What becomes of a box that is empty, no box or outside of its picture: `drop` leaves it out and counts it."""

    looks_for: ClassVar[str] = (
        "data.yaml, or images beside labels with .txt files (<split>/images, images/<split> or images)"
    )
    serves: ClassVar[tuple[str, ...]] = ("detect",)

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether there are folders of pictures with text files beside them."""
        try:
            return any(folders.has_labels() for folders in find_splits(Path(path)).values())
        except DataError:  # a damaged data.yaml is one all the same; `open` says what is wrong
            return True

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(find_splits(Path(self.path)))

    def resolved(self, *, strict: bool = True) -> Yolo:
        """The same with its classes, and whether there are masks, filled in."""
        whole = self if self.classes else replace(self, classes=class_names(Path(self.path)))
        if whole.classes and whole.masks is not None:
            return whole
        finders = whole._finders()
        found = (finders.get("train") or next(iter(finders.values())))()
        masks = shaped(found) if self.masks is None else self.masks
        if whole.classes:
            return replace(whole, masks=masks)
        count = 1 + max((int(name) for entry in found.entries for name in entry.names), default=-1)
        return replace(whole, classes=object_classes(Found((), names=_numbered(count)), self.path), masks=masks)

    def open(self, split: str = "train", *, strict: bool = True) -> ObjectSplit:
        """One split. Raises DataError; with `strict=False`, entries that cannot be used are left out and listed."""
        layout = self.resolved(strict=strict)
        finders = layout._finders()
        masks = bool(layout.masks)
        return open_objects(self.path, split, finders, layout.classes, self.holdout, masks=masks, strict=strict)

    def _finders(self) -> dict[str, Callable[[], Found]]:
        path = Path(self.path)
        if not (places := find_splits(path)):
            came = "holds no such folders" if path.is_dir() else "is no folder" if path.exists() else "does not exist"
            raise DataError(path, f"{came}; looked for {self.looks_for}")
        return {split: partial(_find, folders, self) for split, folders in places.items()}


def _find(folders: Folders, layout: Yolo) -> Found:
    entries: list[Entry] = []
    problems: list[DataError] = []
    empty = dropped = 0
    labelled: set[str] = set()
    for pictures, labels in folders.pairs:
        found, _, doubtful = by_stem(pictures, "picture")
        problems += doubtful
        for stem, picture in found.items():
            file = labels / f"{stem}.txt"
            entry = Entry(id=stem, picture=picture, file=file, relative=True)
            labelled.add(str(file))
            if not file.is_file():
                empty += 1
                entries.append(entry)
                continue
            try:
                dropped += _fill(entry, layout)
                entries.append(entry)
            except DataError as error:
                problems.append(error)
    if not entries and not problems:
        raise DataError(folders.pairs[0][0], "holds no picture")
    where = folders.pairs[0][1]
    notes = [f"{where}: {dropped} faulty boxes are left out"] if dropped else []
    if empty:
        notes.append(f"{where}: {empty} pictures have no .txt file: nothing that is looked for is in them")
    orphans = [f for _, labels in folders.pairs for f in sorted(labels.rglob("*.txt")) if str(f) not in labelled]
    orphans = [file for file in orphans if file.name != "classes.txt"]
    if orphans:
        notes.append(f"{where}: {len(orphans)} .txt files have no picture, first {orphans[0].name}")
    return Found(entries, problems, notes)


def _fill(entry: Entry, layout: Yolo) -> int:
    """Read the file's lines into the entry; how many faulty ones were left out."""
    try:
        if entry.file.stat().st_size > LARGEST:
            raise DataError(entry.file, "is larger than any picture's boxes")
        lines = entry.file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(entry.file, "cannot be read as UTF-8 text") from error
    dropped = 0
    for number, line in enumerate(lines, start=1):
        if not (words := line.split()):
            continue
        place = f"line {number}"
        name = _class(entry.file, words[0], layout.classes, place)
        try:
            edges, shape = _box([_number(entry.file, word, place) for word in words[1:]], entry.file, place)
            add(entry, edges, name, place, shape=shape)
        except DataError:
            if layout.faulty == "refuse":
                raise
            dropped += 1
    return dropped


def _class(file: Path, word: str, classes: tuple[str, ...], place: str) -> str:
    """The class of a number; the number itself where there are no names yet."""
    if not (word.isascii() and word.isdecimal()) or len(word) > 6:
        raise DataError(file, f"wanted the number of a class, got {short(word)}", field=place)
    index = int(word)
    if index >= (len(classes) or MANY):
        raise DataError(file, f"class {index}: there are {len(classes) or MANY}, from 0", field=place)
    return classes[index] if classes else word


def _box(values: list[float], file: Path, place: str) -> tuple[Edges, Any]:
    """Edges and, of a polygon, its corners."""
    if len(values) == 4:
        x, y, width, height = values
        return (x - width / 2, y - height / 2, x + width / 2, y + height / 2), None
    if len(values) < 6 or len(values) % 2:
        raise DataError(
            file, f"{len(values)} numbers after the class: wanted 4 (x y width height) or the x y of 3 or more corners",
            field=place,
        )  # fmt: skip
    xs, ys = values[::2], values[1::2]
    return (min(xs), min(ys), max(xs), max(ys)), [values]


def _number(file: Path, word: str, place: str) -> float:
    try:
        value = float(word) if word.isascii() and "_" not in word else float("nan")
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise DataError(file, f"wanted a number, got {short(word)}", field=place)
    return value


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"class {index}" for index in range(count))
