"""Samples of one class each: what every layout for classification opens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from swinkit.datasets.splits import SPLITS, canonical, held_out, refuse
from swinkit.files import DataError
from swinkit.types import Record


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample before it is read."""

    id: str
    source: Path | int
    """A file, or the number of the picture in an array or a table."""
    label: str


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in one split."""

    entries: Sequence[Entry]
    problems: Sequence[DataError] = ()
    picture: Callable[[int], np.ndarray] | None = None
    """[h w 3] uint8 (or another modality's raw form) of a numbered source."""
    parts: Callable[[int], Mapping[str, Record]] | None = None
    """Of a numbered source that has several inputs, these instead."""


class ClassSplit:
    """One split; a record's target is the index of its class."""

    def __init__(
        self, found: Found, classes: tuple[str, ...], notes: Sequence[str] = (), problems: Sequence[DataError] = ()
    ) -> None:
        self.classes, self.ids = classes, tuple(range(len(classes)))
        self.notes, self.problems = tuple(notes), tuple(problems)
        self._entries, self._picture, self._parts = found.entries, found.picture, found.parts
        self._index = {name: index for index, name in enumerate(classes)}

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Record:
        entry = self._entries[index]
        source = entry.source
        if not isinstance(source, Path) and self._parts is not None:
            nothing = np.zeros(0, np.uint8)
            return Record(id=entry.id, source=nothing, target=self._index[entry.label], parts=self._parts(source))
        if not isinstance(source, Path):
            assert self._picture is not None, "numbered sources come with a reader"
            source = self._picture(source)
        return Record(id=entry.id, source=source, target=self._index[entry.label])


def class_names(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The classes that there are: numbers by value, else names in alphabetical order."""
    labels = {entry.label for entry in entries}
    return tuple(sorted(labels, key=int) if all(map(str.isdecimal, labels)) else sorted(labels))


def open_classes(
    path: str, split: str, find: Mapping[str, Callable[[], Found]], classes: tuple[str, ...], share: float, strict: bool
) -> ClassSplit:
    """The split of a layout.

    Args:
        find: split -> finds its entries.
        classes: their names; labels of no class are problems.
        share: of train to validate on where there is no validation split.
        strict: raise the first problem instead of leaving its entry out.

    Raises:
        DataError: there is no such split, or it holds nothing.
    """
    name = canonical(split)
    source = "train" if name == "val" and "val" not in find else name
    if source not in find:
        raise DataError(path, f"has no {name} split, only {', '.join(find)}", field="split")
    found = find[source]()
    known = set(classes)
    strange = [entry for entry in found.entries if entry.label not in known]
    problems = [
        *found.problems,
        *(
            DataError(
                entry.source if isinstance(entry.source, Path) else path,
                f"{entry.id}: {entry.label!r} is none of the {len(classes)} classes ({', '.join(classes[:6])} ...)",
                field="class",
            )
            for entry in strange
        ),
    ]
    if strict:
        refuse(problems, name)
    entries = [entry for entry in found.entries if entry.label in known]
    if not entries:
        raise problems[0] if problems else DataError(path, f"{source} holds no sample", field="split")
    notes: list[str] = []
    if "val" not in find and name != "test":
        out, note = held_out(path, [entry.id for entry in entries], share)
        entries = [entry for entry in entries if (entry.id in out) == (name == "val")]
        notes.append(note)
    return ClassSplit(replace(found, entries=entries), classes, notes, problems)


def find_files(root: Path, names: Callable[[str], Sequence[str]]) -> dict[str, Path]:
    """Split -> the first file in `root` of those that `names` lists for one of the split's names."""
    found: dict[str, Path] = {}
    for split, aliases in SPLITS.items():
        places = [root / name for alias in aliases for name in names(alias)]
        if (file := next((place for place in places if place.is_file()), None)) is not None:
            found[split] = file
    return found
