"""One COCO instances file, held against the rules: its pictures with their boxes, everything that is wrong named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from swinkit.datasets.object_split import Edges, Entry, Faulty, Found, add
from swinkit.files import DataError
from swinkit.files.json_text import read_json


def read_coco(path: Path, folders: Sequence[Path], *, faulty: Faulty = "refuse") -> Found:
    """Every picture of the file, with boxes or without.

    Args:
        folders: where its pictures may lie, most likely first.
        faulty: `drop` leaves single boxes that cannot be used out; `refuse` leaves their pictures out, as problems.

    Raises:
        DataError: the file is no COCO file.
    """
    return _Reading(path, faulty).found(folders)


class _Reading:
    def __init__(self, path: Path, faulty: Faulty) -> None:
        self.path, self.faulty = path, faulty
        content = read_json(path)
        if not isinstance(content, dict):
            raise DataError(path, "is no COCO file: wanted an object with images, annotations and categories")
        self.content: Mapping[str, Any] = content
        self.problems: list[DataError] = []
        self.bad: set[int] = set()
        """Ids of images that cannot be used."""
        self.dropped = 0

    def found(self, folders: Sequence[Path]) -> Found:
        """Everything in the file."""
        names, entries = self._categories(), self._images(folders)
        seen: set[int] = set()
        for place, row in self._rows("annotations"):
            try:
                self._annotation(place, row, names, entries, seen)
            except DataError as error:
                self.problems.append(error)
                if (image := row.get("image_id")) in entries:
                    self.bad.add(image)
        kept = [entry for number, entry in entries.items() if number not in self.bad]
        notes = [f"{self.path}: {self.dropped} faulty boxes are left out"] if self.dropped else []
        return Found(kept, self.problems, notes, tuple(names.values()))

    def _categories(self) -> dict[int, str]:
        """Id -> name, in the order of the ids."""
        names: dict[int, str] = {}
        for place, row in self._rows("categories"):
            number, name = self._whole(row, "id", place), row.get("name")
            if not isinstance(name, str) or not name.strip() or not name.isprintable():
                raise self._wrong(f"{place}.name", f"wanted a name, got {short(name)}")
            if number in names or name in names.values():
                what = f"id {number}" if number in names else f"name {name!r}"
                raise self._wrong(place, f"the {what} is there twice")
            names[number] = name
        if not names:
            raise self._wrong("categories", "is empty: there is no class to learn")
        return dict(sorted(names.items()))

    def _images(self, folders: Sequence[Path]) -> dict[int, Entry]:
        """Id -> picture, those that can be used."""
        entries: dict[int, Entry] = {}
        numbers: set[int] = set()
        stems: dict[str, str] = {}
        for place, row in self._rows("images"):
            try:
                number = self._whole(row, "id", place)
                if number in numbers:
                    raise self._wrong(f"{place}.id", f"{number} is the id of another image too")
                numbers.add(number)
                name = self._name(row, f"{place}.file_name")
                stem = str(PurePosixPath(name).with_suffix(""))
                if stem in stems:
                    raise self._wrong(f"{place}.file_name", f"{name}: another image is {stems[stem]}: keep one")
                stems[stem] = name
                entries[number] = Entry(
                    id=stem,
                    picture=self._picture(name, folders, place),
                    file=self.path,
                    place=place,
                    size=self._size(row, place),
                )
            except DataError as error:
                self.problems.append(error)
                if type(row.get("id")) is int:
                    self.bad.add(row["id"])
        if not numbers and not self.problems:
            raise self._wrong("images", "is empty")
        return entries

    def _annotation(
        self, place: str, row: Mapping[str, Any], names: Mapping[int, str], entries: Mapping[int, Entry], seen: set[int]
    ) -> None:
        if "id" in row:
            number = self._whole(row, "id", place)
            if number in seen:
                raise self._wrong(f"{place}.id", f"{number} is the id of another annotation too")
            seen.add(number)
        image, category = self._whole(row, "image_id", place), self._whole(row, "category_id", place)
        if image in self.bad and image not in entries:
            return  # said already
        if image not in entries:
            raise self._wrong(f"{place}.image_id", f"there is no image {image}")
        if category not in names:
            raise self._wrong(f"{place}.category_id", f"there is no category {category}")
        crowd = row.get("iscrowd", 0)
        if crowd not in (0, 1) or isinstance(crowd, float):
            raise self._wrong(f"{place}.iscrowd", f"wanted 0 or 1, got {short(crowd)}")
        try:
            edges = self._edges(row, f"{place}.bbox")
            shape = row.get("segmentation") or None
            add(entries[image], edges, names[category], f"{place}.bbox", crowd=bool(crowd), shape=shape)
        except DataError:
            if self.faulty == "refuse":
                raise
            self.dropped += 1

    def _edges(self, row: Mapping[str, Any], place: str) -> Edges:
        box = row.get("bbox")
        if not isinstance(box, list) or len(box) != 4:
            raise self._wrong(place, f"wanted [left, top, width, height], got {short(box)}")
        for value in box:
            if type(value) not in (int, float) or not -1e9 <= value <= 1e9:
                raise self._wrong(place, f"wanted four numbers, got {short(value)}")
        left, top, width, height = map(float, box)
        return left, top, left + width, top + height

    def _name(self, row: Mapping[str, Any], place: str) -> str:
        name = row.get("file_name")
        if not isinstance(name, str) or not name or not name.isprintable():
            raise self._wrong(place, f"wanted the name of a file, got {short(name)}")
        parts = PurePosixPath(name).parts
        if ".." in parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive or "\\" in name:
            raise self._wrong(place, f"{short(name)} is no name below the folder of pictures")
        return str(PurePosixPath(name))

    def _picture(self, name: str, folders: Sequence[Path], place: str) -> Path:
        for folder in folders:
            if os.path.isfile(folder / name):
                return folder / name
        where, want = folders[0], PurePosixPath(name).name
        near = where.joinpath(name).parent
        alike = [other.name for other in near.iterdir() if other.name.lower() == want.lower()] if near.is_dir() else []
        hint = f"; {alike[0]} is there" if alike else ""
        raise self._wrong(f"{place}.file_name", f"{short(name)} is not in {where}{hint}")

    def _size(self, row: Mapping[str, Any], place: str) -> tuple[int, int] | None:
        """Height and width, where the file says them."""
        if row.get("height") is None and row.get("width") is None:
            return None
        height, width = (self._whole(row, name, place) for name in ("height", "width"))
        if min(height, width) < 1:
            raise self._wrong(f"{place}.width", f"a picture of {width}x{height} px is none")
        return height, width

    def _whole(self, row: Mapping[str, Any], name: str, place: str) -> int:
        value = row.get(name)
        if type(value) is not int:
            raise self._wrong(f"{place}.{name}", f"wanted a whole number, got {short(value)}")
        return value

    def _rows(self, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        rows = self.content.get(name)
        if not isinstance(rows, list):
            raise self._wrong(name, f"wanted a list, got {short(rows)}: is this a COCO file?")
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                raise self._wrong(f"{name}[{index}]", f"wanted an object, got {short(row)}")
            yield f"{name}[{index}]", row

    def _wrong(self, place: str, text: str) -> DataError:
        return DataError(self.path, text, field=place)


def short(value: object) -> str:
    """A value for a message, on one line."""
    text = "nothing" if value is None else ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
