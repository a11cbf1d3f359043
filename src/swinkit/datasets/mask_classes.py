"""Which classes the masks of a folder hold: given, read from a file, or found in the masks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from swinkit.files import DataError
from swinkit.files.masks import IGNORE, MAX_CLASSES, Colour, read_ids

ADE = "objectInfo150.txt"
Names = dict[int, str]
"""File id -> name of the class."""


def names_in(root: Path) -> tuple[Names, tuple[int, ...]] | None:
    """Names from classes.txt, classes.json or ADE20K's own table in `root`, and ids that they say to ignore."""
    if (text := root / "classes.txt").is_file():
        return dict(enumerate(_lines(text))), ()
    if (table := root / "classes.json").is_file():
        return _names_of_json(table), ()
    if (ade := root / ADE).is_file():
        rows = [line.split("\t") for line in _lines(ade)[1:]]
        if not rows or not all(row[0].strip().isdecimal() for row in rows):
            raise DataError(ade, "lines must be Idx, Ratio, Train, Val, Name, separated by tabs", field="classes")
        return {int(row[0]): row[-1].split(",")[0].strip() for row in rows}, (0,)
    return None


def names_found(masks: Iterable[Path], *, strict: bool) -> Names:
    """`class 0` up to the largest id in the masks, 255 aside.

    Unreadable masks are passed over unless `strict`, or all are.
    """
    refused: list[DataError] = []

    def largest(path: Path) -> tuple[int, int, bool]:
        try:
            ids = np.unique(read_ids(path))
        except DataError as error:
            if strict:
                raise
            refused.append(error)
            return -1, 0, False
        kept = ids[ids != IGNORE]
        return (int(kept[-1]) if len(kept) else -1), len(kept), len(kept) < len(ids)

    paths = list(masks)
    with ThreadPoolExecutor(max_workers=4) as pool:  # decoding leaves Python's lock
        found = list(pool.map(largest, paths))
    if refused and len(refused) == len(paths):
        raise min(refused, key=str)
    top = max((row[0] for row in found), default=-1)
    if top == 0 and any(row[2] for row in found):
        raise DataError(
            paths[0].parent,
            "the masks hold only the ids 0 and 255, and 255 means ignored: say ids=[0, 255] if 255 is a class",
            field="mask",
        )
    if top < 0:
        raise DataError(
            paths[0].parent if paths else "masks", "no mask holds a class: all pixels are 255 (ignored)", field="mask"
        )
    if top >= MAX_CLASSES:
        raise DataError(
            paths[[row[0] for row in found].index(top)],
            f"class id {top}: without ids= or a classes.json, ids must be below {MAX_CLASSES}",
            field="mask",
        )
    return {index: f"class {index}" for index in range(top + 1)}


def read_colour_table(path: Path) -> tuple[list[str], tuple[Colour, ...]]:
    """Class names and colours from lines `R G B name` or a JSON object name -> [R, G, B]. Raises DataError: file and
    line.
    """
    if path.suffix.lower() == ".json":
        content = _json(path)
        rows = list(content.items()) if isinstance(content, dict) else []
    else:
        rows = [
            (words[3] if len(words) > 3 else "", words[:3])
            for words in (line.split(maxsplit=3) for line in _lines(path))
        ]
    names: list[str] = []
    colours: list[Colour] = []
    for number, (name, values) in enumerate(rows, start=1):
        colour = _colour(values)
        if colour is None or not name:
            raise DataError(path, f"{name!r} {values!r}: give R G B (0..255) and a name", field=f"row {number}")
        names.append(str(name).strip())
        colours.append(colour)
    if not names or len(set(colours)) < len(colours):
        raise DataError(path, "is an empty colour table" if not names else "names one colour twice", field="colours")
    return names, tuple(colours)


def _colour(values: Any) -> Colour | None:
    try:
        red, green, blue = (int(value) for value in values)
    except (TypeError, ValueError):
        return None
    return (red, green, blue) if all(0 <= value <= 255 for value in (red, green, blue)) else None


def _names_of_json(path: Path) -> Names:
    content = _json(path)
    if isinstance(content, list) and all(isinstance(name, str) for name in content):
        return dict(enumerate(content))
    if isinstance(content, dict) and all(
        str(key).isdecimal() and isinstance(name, str) for key, name in content.items()
    ):
        return {int(key): name for key, name in sorted(content.items(), key=lambda item: int(item[0]))}
    raise DataError(path, 'give a list of names or an object {"id": "name"}', field="classes")


def _json(path: Path) -> Any:
    try:
        return json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(path, f"is not valid JSON ({error})") from error


def _lines(path: Path) -> list[str]:
    lines = [line.strip() for line in _text(path).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines or not lines:
        raise DataError(path, f"line {lines.index('') + 1} is empty" if lines else "is empty", field="classes")
    return lines


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > 1_000_000:
            raise DataError(path, "is larger than 1 MB: a list of classes is wanted")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, "is not UTF-8 text") from error
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from error
