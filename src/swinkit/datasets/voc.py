"""Pictures with boxes in an XML file each, as PASCAL VOC has them (Everingham et al. 2010) and many tools write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import Element

from swinkit.datasets.coco_file import short
from swinkit.datasets.mask_pairs import by_stem
from swinkit.datasets.object_split import Edges, Entry, Faulty, Found, ObjectSplit, add, object_classes, open_objects
from swinkit.datasets.splits import SPLITS, named
from swinkit.files import ConfigError, DataError
from swinkit.files.xml_text import read_xml

ANNOTATIONS = ("Annotations", "annotations", "voc_xml", "labels")
PICTURES = ("JPEGImages", "images")
LISTS = "ImageSets/Main"
LARGEST = 64 << 20
"""Bytes of a list of names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voc:
    """A folder `Annotations` of XML files beside `JPEGImages`, with lists of names in `ImageSets/Main/<split>.txt`.

    Without lists all is train. `difficult` things are neither right nor wrong to find.
    """

    path: str
    classes: tuple[str, ...] = ()
    """Names, in the order of the model's answers; empty: those of the training things, in alphabetical order."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""
    from_one: bool | None = None
    """Whether pixels are counted from 1 and the last one belongs to the box, as in VOC's own files; None: yes where
    there are lists in ImageSets/Main, else coordinates are edges."""
    faulty: Faulty = "refuse"
    """What becomes of a box that is empty, no box or outside of its picture: `drop` leaves it out and counts it."""

    looks_for: ClassVar[str] = (
        f"{'|'.join(ANNOTATIONS)} of .xml files beside {'|'.join(PICTURES)}, with {LISTS}/<split>.txt or without"
    )
    serves: ClassVar[tuple[str, ...]] = ("detect",)

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether both folders are there, with an XML file in the first."""
        return _folders(Path(path)) is not None

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(_lists(Path(self.path))) if _folders(Path(self.path)) else ()

    def resolved(self, *, strict: bool = True) -> Voc:
        """The same with its classes, and how its pixels are counted, filled in."""
        layout = self
        if layout.from_one is None:
            layout = replace(layout, from_one=Path(self.path, LISTS).is_dir())
        if layout.classes:
            return layout
        finders = layout._finders()
        first = finders.get("train") or next(iter(finders.values()))
        return replace(layout, classes=object_classes(first(), self.path))

    def open(self, split: str = "train", *, strict: bool = True) -> ObjectSplit:
        """One split. Raises DataError; with `strict=False`, entries that cannot be used are left out and listed."""
        layout = self.resolved(strict=strict)
        finders = layout._finders()
        return open_objects(self.path, split, finders, layout.classes, self.holdout, masks=False, strict=strict)

    def _finders(self) -> dict[str, Callable[[], Found]]:
        path = Path(self.path)
        if _folders(path) is None:
            came = "holds no such folders" if path.is_dir() else "is no folder" if path.exists() else "does not exist"
            raise DataError(path, f"{came}; looked for {self.looks_for}")
        return {split: partial(_find, path, names, self) for split, names in _lists(path).items()}


def _folders(root: Path) -> tuple[Path, Path] | None:
    """Those of the XML files and of the pictures."""
    pictures = next((root / name for name in PICTURES if (root / name).is_dir()), None)
    for name in ANNOTATIONS:
        if pictures is not None and (root / name).is_dir() and next((root / name).glob("*.xml"), None) is not None:
            return root / name, pictures
    return None


def _lists(root: Path) -> dict[str, Path | None]:
    """Split -> its list of names; None: all files."""
    folder = root / LISTS
    names = {**{split: [*aliases] for split, aliases in SPLITS.items()}}
    names["train"].append("trainval")
    found = {
        split: file
        for split, aliases in names.items()
        if (file := next((folder / f"{a}.txt" for a in aliases if (folder / f"{a}.txt").is_file()), None))
    }
    return {**found} or {"train": None}


def _find(root: Path, names: Path | None, layout: Voc) -> Found:
    folders = _folders(root)
    assert folders is not None, "the layout was recognised"
    pictures, doubtful, problems = by_stem(folders[1], "picture")
    files = _named(names, folders[0]) if names is not None else sorted(folders[0].glob("*.xml"))
    entries: list[Entry] = []
    seen: set[str] = set()
    dropped = 0
    for file in files:
        if file.stem in doubtful:
            continue  # said already
        try:
            if file.stem in seen:
                raise DataError(names or file, f"{file.stem} is there twice", field="name")
            seen.add(file.stem)
            if file.stem not in pictures:
                alike = [name for name in pictures if name.lower() == file.stem.lower()]
                hint = f"; {pictures[alike[0]].name} is there" if alike else ""
                raise DataError(file, f"no picture {file.stem} in {folders[1]}{hint}", field="filename")
            entry = Entry(id=file.stem, picture=pictures[file.stem], file=file)
            dropped += _fill(entry, layout)
            entries.append(entry)
        except DataError as error:
            problems.append(error)
    notes = [f"{folders[0]}: {dropped} faulty boxes are left out"] if dropped else []
    if names is None and (without := len(pictures.keys() - {file.stem for file in files})):
        notes.append(f"{folders[1]}: {without} pictures have no .xml file and are passed over")
    return Found(entries, problems, notes)


def _named(names: Path, folder: Path) -> list[Path]:
    """The files of a list's names."""
    try:
        if names.stat().st_size > LARGEST:
            raise DataError(names, "is too long for a list of names")
        lines = names.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(names, "cannot be read as UTF-8 text") from error
    found: list[Path] = []
    for number, line in enumerate(lines, start=1):
        if not (words := line.split()):
            continue
        if "/" in words[0] or "\\" in words[0] or words[0] in (".", "..") or not words[0].isprintable():
            raise DataError(names, f"{short(words[0])} is no name of a picture", field=f"line {number}")
        found.append(folder / f"{words[0]}.xml")
    return found


def _fill(entry: Entry, layout: Voc) -> int:
    """Read the file's things into the entry; how many faulty ones were left out."""
    root = read_xml(entry.file)
    if root.tag != "annotation":
        raise DataError(entry.file, f"its root is <{short(root.tag)}>, wanted <annotation>", field="annotation")
    if (size := root.find("size")) is not None:
        height, width = (_number(entry, size, name, f"size.{name}") for name in ("height", "width"))
        if height > 0 and width > 0:  # tools that do not know write 0
            entry.size = (round(height), round(width))
    entry.place = "size"
    dropped = 0
    for index, thing in enumerate(root.findall("object")):
        place = f"object[{index}]"
        name = (thing.findtext("name") or "").strip()
        if not name or not name.isprintable():
            raise DataError(entry.file, f"wanted a name, got {short(name)}", field=f"{place}.name")
        difficult = (thing.findtext("difficult") or "0").strip()
        if difficult not in ("0", "1"):
            raise DataError(entry.file, f"wanted 0 or 1, got {short(difficult)}", field=f"{place}.difficult")
        try:
            edges = _edges(entry, thing, place, bool(layout.from_one))
            add(entry, edges, name, f"{place}.bndbox", crowd=difficult == "1")
        except DataError:
            if layout.faulty == "refuse":
                raise
            dropped += 1
    return dropped


def _edges(entry: Entry, thing: Element, place: str, from_one: bool) -> Edges:
    box = thing.find("bndbox")
    if box is None:
        raise DataError(entry.file, "is missing", field=f"{place}.bndbox")
    left, top, right, bottom = (
        _number(entry, box, name, f"{place}.bndbox.{name}") for name in ("xmin", "ymin", "xmax", "ymax")
    )
    return (left - 1, top - 1, right, bottom) if from_one else (left, top, right, bottom)


def _number(entry: Entry, parent: Element, name: str, place: str) -> float:
    text = (parent.findtext(name) or "").strip()
    try:
        value = float(text) if text.isascii() and "_" not in text else float("nan")
    except ValueError:
        value = float("nan")
    if not isfinite(value) or abs(value) > 1e9:
        raise DataError(entry.file, f"wanted a number, got {short(text or None)}", field=place)
    return value
