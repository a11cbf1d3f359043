"""Pictures with the things in them: what every layout of boxes opens, and the rules that all their boxes keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from swinkit.datasets.object_masks import check_form, drawn, repeats_box
from swinkit.datasets.splits import canonical, held_out, refuse
from swinkit.files import DataError
from swinkit.files.pictures import picture_size
from swinkit.types import Objects, Record

SLACK = 2.0
"""Pixels that a box may reach beyond its picture: tools round in their own ways. Such boxes are cut."""
Faulty = Literal["refuse", "drop"]
Edges = tuple[float, float, float, float]


@dataclass(slots=True, kw_only=True)
class Entry:
    """One picture before it is opened."""

    id: str
    picture: Path
    file: Path
    """Where its things are told, and at which place in it."""
    place: str = ""
    size: tuple[int, int] | None = None
    """[height width] as the file says."""
    relative: bool = False
    """Boxes and shapes are shares of the picture's width and height."""
    boxes: list[Edges] = field(default_factory=list[Edges])
    names: list[str] = field(default_factory=list[str])
    crowd: list[bool] = field(default_factory=list[bool])
    shapes: list[Any] = field(default_factory=list[Any])
    """As the file has them, looked at only where masks are wanted."""
    places: list[str] = field(default_factory=list[str])
    """Of every box, for errors."""


@dataclass(slots=True)
class Found:
    """What lies in one split."""

    entries: Sequence[Entry]
    problems: Sequence[DataError] = ()
    notes: Sequence[str] = ()
    names: tuple[str, ...] = ()
    """The classes, where the file lists them."""


def shaped(found: Found) -> bool:
    """Whether every thing has a shape (a crowd may be without), and they do not all just repeat their boxes."""
    things = [thing for entry in found.entries for thing in zip(entry.shapes, entry.boxes, entry.crowd, strict=True)]
    told = all(crowd or shape is not None for shape, _, crowd in things)
    return told and any(not repeats_box(shape, edges) for shape, edges, _ in things)


def add(entry: Entry, edges: Edges, name: str, place: str, *, crowd: bool = False, shape: Any = None) -> None:
    """Give a thing to an entry.

    Raises:
        DataError: its box is no box, or not in the picture.
    """
    left, top, right, bottom = edges
    if right <= left or bottom <= top:
        wide, high = f"{right - left:g}", f"{bottom - top:g}"
        raise DataError(entry.file, f"is {wide} wide and {high} high: both must be above 0", field=place)
    if (size := (1, 1) if entry.relative else entry.size) is not None:
        check_inside(entry, edges, size, place)
    entry.boxes.append(edges)
    entry.names.append(name)
    entry.crowd.append(crowd)
    entry.shapes.append(shape)
    entry.places.append(place)


def check_inside(entry: Entry, edges: Edges, size: tuple[int, int], place: str) -> None:
    """DataError for a box beyond a picture of [height width], but for a slack."""
    slack = 0.01 if entry.relative else SLACK
    left, top, right, bottom = edges
    if min(left, top) < -slack or right > size[1] + slack or bottom > size[0] + slack:
        where = ", ".join(f"{value:g}" for value in edges)
        room = "0 to 1" if entry.relative else f"{size[1]}x{size[0]} px"
        raise DataError(entry.file, f"reaches from {where} (left, top, right, bottom) beyond {room}", field=place)


class ObjectSplit:
    """One split; a record's target is `Objects`, in pixels of the picture as it should be seen."""

    def __init__(
        self, entries: Sequence[Entry], classes: tuple[str, ...], *, masks: bool, notes: Sequence[str] = (),
        problems: Sequence[DataError] = (),
    ) -> None:  # fmt: skip
        self.classes, self.ids = classes, tuple(range(len(classes)))
        self.notes, self.problems = tuple(notes), tuple(problems)
        self._entries, self._masks = list(entries), masks
        self._index = {name: index for index, name in enumerate(classes)}
        self._sizes: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> Record:
        """Raises DataError: the picture cannot be read, or is not of the size that its things were drawn in."""
        index = range(len(self._entries))[index]
        entry, size = self._entries[index], self._size(index)
        boxes = np.array(entry.boxes, np.float64).reshape(-1, 4)
        if entry.relative:
            boxes = boxes * np.array([size[1], size[0]] * 2)
        boxes = np.clip(boxes, 0, np.array([size[1], size[0]] * 2))
        return Record(
            id=entry.id,
            source=entry.picture,
            target=Objects(
                boxes=torch.from_numpy(boxes.astype(np.float32)),
                labels=torch.tensor([self._index[name] for name in entry.names], dtype=torch.int64),
                crowd=torch.tensor(entry.crowd, dtype=torch.bool),
                masks=torch.from_numpy(_masks(entry, size)) if self._masks else None,
            ),
        )

    def _size(self, index: int) -> tuple[int, int]:
        """Height and width of the picture, looked up once."""
        if index not in self._sizes:
            entry = self._entries[index]
            size = picture_size(entry.picture)
            if entry.size is not None and size != entry.size:
                raise DataError(
                    entry.file,
                    f"says {entry.size[1]}x{entry.size[0]} px, but {entry.picture.name} is {size[1]}x{size[0]} (after "
                    "EXIF rotation): export the boxes for the picture as it is",
                    field=f"{entry.place}.width" if entry.place else "size",
                )
            if entry.size is None and not entry.relative:
                for edges, place in zip(entry.boxes, entry.places, strict=True):
                    check_inside(entry, edges, size, place)
            self._sizes[index] = size
        return self._sizes[index]


def open_objects(
    path: str, split: str, find: Mapping[str, Callable[[], Found]], classes: tuple[str, ...], holdout: float,
    *, masks: bool, strict: bool,
) -> ObjectSplit:  # fmt: skip
    """The split of a layout.

    Args:
        find: split -> finds its entries.
        classes: their names; things of no class are problems of their pictures.
        holdout: share of train to validate on where there is no validation split.
        strict: raise the first problem instead of leaving its picture out.

    Raises:
        DataError: there is no such split, or it holds nothing.
    """
    name = canonical(split)
    source = "train" if name == "val" and "val" not in find else name
    if source not in find:
        raise DataError(path, f"has no {name} split, only {', '.join(find)}", field="split")
    found = find[source]()
    entries, problems = [], list(found.problems)
    for entry in found.entries:
        if (problem := _strange(entry, classes, masks=masks)) is None:
            entries.append(entry)
        else:
            problems.append(problem)
    if strict:
        refuse(problems, name)
    if not entries:
        raise DataError(path, f"{source} holds no usable picture", field="split")
    notes = list(found.notes)
    if "val" not in find and name != "test":
        out, note = held_out(path, [entry.id for entry in entries], holdout)
        entries = [entry for entry in entries if (entry.id in out) == (name == "val")]
        notes.append(note)
    return ObjectSplit(entries, classes, masks=masks, notes=notes, problems=problems)


def object_classes(found: Found, path: str) -> tuple[str, ...]:
    """The classes that the file lists, else those of its things in alphabetical order. DataError: there is none."""
    names = found.names or tuple(sorted({name for entry in found.entries for name in entry.names}))
    if not names:
        raise DataError(path, "holds no thing, so there is no class to learn", field="classes")
    return names


def _strange(entry: Entry, classes: tuple[str, ...], *, masks: bool) -> DataError | None:
    """What is wrong with one of its things: its class, or that it has no shape where masks are wanted."""
    for name, shape, crowd, place in zip(entry.names, entry.shapes, entry.crowd, entry.places, strict=True):
        if name not in classes:
            text = f"{name!r} is none of the {len(classes)} classes ({', '.join(classes[:6])})"
            return DataError(entry.file, text, field=place)
        if not masks or (crowd and shape is None):
            continue
        try:
            check_form(shape)
        except ValueError as error:
            missing = "the thing has a box but no shape, and masks are asked for: draw it, or say data.masks=false"
            return DataError(entry.file, missing if shape is None else str(error), field=_place(place))
    return None


def _masks(entry: Entry, size: tuple[int, int]) -> np.ndarray:
    masks = np.zeros((len(entry.shapes), *size), bool)
    for mask, shape, edges, place in zip(masks, entry.shapes, entry.boxes, entry.places, strict=True):
        left, top, right, bottom = edges
        whole = [[left, top, right, top, right, bottom, left, bottom]]  # of a crowd that has no shape
        try:
            mask[:] = drawn(whole if shape is None else shape, size, relative=entry.relative)
        except ValueError as error:
            raise DataError(entry.file, str(error), field=_place(place)) from error
    return masks


def _place(place: str) -> str:
    """Where a thing's shape is told: COCO's in a field of its own, YOLO's in the same line."""
    return f"{place.removesuffix('.bbox')}.segmentation" if place.endswith(".bbox") else place
