"""One COCO keypoint file, held against the rules: what it calls its points, and every person that can be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from swinkit.files import ConfigError, DataError, did_you_mean
from swinkit.files.json_text import read_json

Pairs = tuple[tuple[int, int], ...]
PIXEL = 0.5
"""COCO's points name pixels: 0 is the middle of the first one, which here is half a pixel from the edge."""

FAR = 1e6
"""Coordinates beyond this many pixels are taken for mistakes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """The points of one kind of thing."""

    id: int
    category: str
    points: tuple[str, ...]
    skeleton: Pairs
    """Points that a line joins, counted from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An entry of `images`."""

    name: str
    size: tuple[int, int] | None
    """[height width], where the file says both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One annotated thing, in pixels with edges at whole numbers."""

    number: int
    picture: Picture
    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""
    points: np.ndarray
    """[k 3] float32: x, y, visibility."""
    area: float | None


class KeypointFile:
    """The parts of a file that are lists, as they should be."""

    def __init__(self, path: Path) -> None:
        """Raises DataError: the file cannot be read, or is no COCO file."""
        self.path = path
        content = read_json(path)
        if not isinstance(content, dict):
            raise DataError(path, "is no COCO file: wanted an object with images, annotations and categories")
        self._lists: dict[str, list[Any]] = {}
        for name in ("images", "annotations", "categories"):
            if not isinstance(part := content.get(name), list):
                raise DataError(path, f"wanted a list, got {_short(part)}: is this a COCO file?", field=name)
            self._lists[name] = part

    def anatomy(self, category: str = "") -> Anatomy:
        """What is learnt: the one category with keypoints, or the one that is named."""
        known: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for field, row in self._rows("categories"):
            if isinstance(row.get("keypoints"), list):
                known[str(row.get("name"))] = (field, row)
        if category and category not in known:
            raise ConfigError(f"data.category: {self.path} has no {category!r}: {did_you_mean(category, known)}")
        if len(known) != 1 and not category:
            came = f"{', '.join(known)} have keypoints: name one (data.category)" if known else "none has keypoints"
            raise DataError(self.path, came, field="categories")
        field, row = known[category or next(iter(known))]
        names = tuple(row["keypoints"])
        if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            raise DataError(self.path, "wanted different names", field=f"{field}.keypoints")
        return Anatomy(
            id=self._whole(row, "id", field),
            category=str(row.get("name")),
            points=names,
            skeleton=self._skeleton(row, len(names), field),
        )

    def people(self, anatomy: Anatomy) -> tuple[list[Person], list[DataError], list[str]]:
        """Those with at least one labelled point, in the order of the file; what is wrong with others; remarks."""
        pictures, problems = self._pictures()
        numbers: set[int] = set()
        found: list[Person] = []
        empty = 0
        for field, row in self._rows("annotations"):
            try:
                if row.get("category_id") != anatomy.id or row.get("iscrowd") == 1:
                    continue
                number = self._whole(row, "id", field)
                if number in numbers:
                    raise DataError(self.path, f"{number} is the id of another annotation too", field=f"{field}.id")
                numbers.add(number)
                person = self._person(row, number, field, pictures, len(anatomy.points))
                if (person.points[:, 2] > 0).any():
                    found.append(person)
                else:
                    empty += 1
            except DataError as error:
                problems.append(error)
        notes = [f"{self.path}: {empty} annotations have no labelled point and are passed over"] if empty else []
        return found, problems, notes

    def _pictures(self) -> tuple[dict[Any, Picture | None], list[DataError]]:
        """Id -> picture; None for one with a problem."""
        found: dict[Any, Picture | None] = {}
        names: set[str] = set()
        problems: list[DataError] = []
        for field, row in self._rows("images"):
            number, name = row.get("id"), row.get("file_name")
            wrong = None
            if isinstance(number, bool) or not isinstance(number, (int, str)):
                wrong = DataError(self.path, f"wanted a number, got {_short(number)}", field=f"{field}.id")
            elif number in found:
                wrong = DataError(self.path, f"{number} is the id of another image too", field=f"{field}.id")
            elif not isinstance(name, str) or not name or ".." in Path(name).parts or Path(name).is_absolute():
                wrong = DataError(self.path, f"{_short(name)} is no name in a folder", field=f"{field}.file_name")
            elif name in names:
                wrong = DataError(self.path, f"{name} is there twice", field=f"{field}.file_name")
            if wrong is not None:
                problems.append(wrong)
                if isinstance(number, (int, str)):
                    found.setdefault(number, None)
                continue
            names.add(str(name))
            size = (row.get("height"), row.get("width"))
            known = all(isinstance(side, int) and side > 0 for side in size)
            found[number] = Picture(name=str(name), size=size if known else None)  # type: ignore[arg-type]
        return found, problems

    def _person(
        self, row: Mapping[str, Any], number: int, field: str, pictures: Mapping[Any, Picture | None], count: int
    ) -> Person:
        image = row.get("image_id")
        if not isinstance(image, (int, str)) or image not in pictures:
            raise DataError(self.path, f"{_short(image)} is the id of no image", field=f"{field}.image_id")
        picture = pictures[image]
        if picture is None:
            raise DataError(self.path, f"the image {image} cannot be used", field=f"{field}.image_id")
        points = self._points(row, field, count)
        labelled = points[points[:, 2] > 0, :2]
        box = self._box(row, labelled, field)
        high, wide = picture.size or (float("inf"), float("inf"))
        if not (box[0] < wide and box[1] < high and box[2] > 0 and box[3] > 0):
            raise DataError(self.path, f"lies outside of {picture.name}", field=f"{field}.bbox")
        area = row.get("area")
        if isinstance(area, bool) or not isinstance(area, (int, float)) or area <= 0:
            area = None
        return Person(number=number, picture=picture, box=box, points=points, area=area)

    def _points(self, row: Mapping[str, Any], field: str, count: int) -> np.ndarray:
        """[k 3] float32."""
        field, values = f"{field}.keypoints", row.get("keypoints")
        if not isinstance(values, list) or len(values) != 3 * count:
            came = f"{len(values)} numbers" if isinstance(values, list) else _short(values)
            raise DataError(
                self.path, f"wanted {3 * count} numbers ({count} points of x, y, v), got {came}", field=field
            )
        self._numbers(values, field)
        points = np.array(values, np.float32).reshape(count, 3)
        if not np.isin(points[:, 2], (0, 1, 2)).all():
            wrong = points[~np.isin(points[:, 2], (0, 1, 2)), 2][0]
            raise DataError(self.path, f"visibility {wrong:g}: wanted 0, 1 or 2", field=field)
        labelled, said = int((points[:, 2] > 0).sum()), row.get("num_keypoints")
        if said is not None and said != labelled:
            raise DataError(self.path, f"num_keypoints is {_short(said)}, but {labelled} are labelled", field=field)
        points[:, :2] += PIXEL
        points[points[:, 2] == 0] = 0
        return points

    def _box(self, row: Mapping[str, Any], labelled: np.ndarray, field: str) -> tuple[float, float, float, float]:
        """Edges of `bbox`, or, where there is none, of the labelled points."""
        field, values = f"{field}.bbox", row.get("bbox")
        if values is None and len(labelled):
            left, top, right, bottom = (float(v) for v in (*(labelled.min(0) - PIXEL), *(labelled.max(0) + PIXEL)))
            return left, top, right, bottom
        if not isinstance(values, list) or len(values) != 4:
            raise DataError(self.path, f"wanted left, top, width and height, got {_short(values)}", field=field)
        left, top, width, height = self._numbers(values, field)
        if width <= 0 or height <= 0:
            raise DataError(self.path, f"is {width:g} wide and {height:g} high: both must be above 0", field=field)
        return left, top, left + width, top + height

    def _skeleton(self, row: Mapping[str, Any], count: int, field: str) -> Pairs:
        pairs = row.get("skeleton") or []
        good = isinstance(pairs, list) and all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(i, int) and 1 <= i <= count for i in pair)
            for pair in pairs
        )
        if not good:
            raise DataError(self.path, f"wanted pairs of 1 to {count}, got {_short(pairs)}", field=f"{field}.skeleton")
        return tuple((first - 1, second - 1) for first, second in pairs)

    def _numbers(self, values: Sequence[Any], field: str) -> list[float]:
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise DataError(self.path, f"{_short(value)} is no number", field=field)
            if not abs(value) <= FAR:
                raise DataError(self.path, f"{value:g} is no place in a picture", field=field)
        return [float(value) for value in values]

    def _whole(self, row: Mapping[str, Any], name: str, field: str) -> int:
        value = row.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise DataError(self.path, f"wanted a whole number, got {_short(value)}", field=f"{field}.{name}")
        return value

    def _rows(self, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for index, row in enumerate(self._lists[name]):
            if not isinstance(row, dict):
                raise DataError(self.path, f"wanted an object, got {_short(row)}", field=f"{name}[{index}]")
            yield f"{name}[{index}]", row


def mirrored(names: Sequence[str]) -> Pairs:
    """Points that change places in a mirror, by their names: left and right, or a single l and r (`l_knee`)."""
    places = {name.lower(): index for index, name in enumerate(names)}
    pairs = ((index, places.get(_other_side(name))) for name, index in places.items())
    return tuple((i, j) for i, j in pairs if j is not None and i < j)


def _other_side(name: str) -> str:
    for one, other in (("left", "right"), ("right", "left")):
        if one in name:
            return name.replace(one, other)
    letters = {"l": "r", "r": "l"}
    for mark in "_-. ":
        parts = name.split(mark)
        if sum(part in letters for part in parts) == 1:
            return mark.join(letters.get(part, part) for part in parts)
    return ""


def _short(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
