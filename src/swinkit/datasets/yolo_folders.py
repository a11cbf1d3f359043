"""Where the pictures and text files of a YOLO data set lie: as its data.yaml says, or by the names of the folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from swinkit.datasets.coco_file import short
from swinkit.datasets.splits import SPLITS
from swinkit.files import DataError
from swinkit.files.yaml_text import parse_yaml

TABLES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
LARGEST = 1 << 20
"""Bytes of data.yaml or classes.txt."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where one split lies."""

    pairs: tuple[tuple[Path, Path], ...]
    """Pictures and their text files, folder by folder."""

    def has_labels(self) -> bool:
        """Whether there is any text file."""
        return any(next(labels.rglob("*.txt"), None) is not None for _, labels in self.pairs if labels.is_dir())


def find_splits(root: Path) -> dict[str, Folders]:
    """Split -> its folders; folders without splits are all train. DataError: the data.yaml is damaged."""
    found = _told(root)
    for split, aliases in SPLITS.items():
        if split in found:
            continue
        places = [place for alias in aliases for place in (root / alias / "images", root / "images" / alias)]
        if pairs := [pair for place in places if (pair := _pair(place, root))]:
            found[split] = Folders((pairs[0],))
    if not found and (pair := _pair(root / "images", root)):
        found["train"] = Folders((pair,))
    return found


def class_names(root: Path) -> tuple[str, ...]:
    """Names in the order of the numbers, from data.yaml or classes.txt; () where neither is there."""
    file, table = _table(root)
    names = table.get("names")
    if names is None:
        for place in (root / "classes.txt", root / "labels" / "classes.txt"):
            if place.is_file():
                file, names = place, [line.strip() for line in _text(place).splitlines() if line.strip()]
    if names is None:
        return ()
    if isinstance(names, dict):
        if sorted(map(str, names)) != sorted(map(str, range(len(names)))):
            raise DataError(file, f"wanted the numbers 0 to {len(names) - 1}, got {short(list(names))}", field="names")
        names = [value for _, value in sorted(names.items(), key=lambda item: int(item[0]))]
    good = isinstance(names, list) and names and all(isinstance(n, str) and n and n.isprintable() for n in names)
    if not good or len(set(names)) < len(names):
        raise DataError(file, f"wanted a list of different names, got {short(names)}", field="names")
    count = table.get("nc", len(names))
    if count != len(names):
        raise DataError(file, f"nc is {short(count)}, but there are {len(names)} names", field="nc")
    return tuple(names)


def _told(root: Path) -> dict[str, Folders]:
    """Split -> folders that the data.yaml names and that are there."""
    file, table = _table(root)
    found: dict[str, Folders] = {}
    for split, aliases in SPLITS.items():
        named = next((table[alias] for alias in aliases if table.get(alias)), None)
        if named is None:
            continue
        rows = named if isinstance(named, list) else [named]
        if not all(isinstance(row, str) for row in rows):
            raise DataError(file, f"wanted a folder or a list of folders, got {short(named)}", field=split)
        pairs = [pair for row in rows if (pair := _named(row, table.get("path"), root))]
        if pairs:
            found[split] = Folders(tuple(pairs))
    return found


def _named(row: str, above: Any, root: Path) -> tuple[Path, Path] | None:
    """The folder that a data.yaml names, below the root: what it says of places elsewhere is left to itself."""
    parts = [part for part in PurePosixPath(row.replace("\\", "/")).parts if part not in ("/", ".", "..")]
    inside = [part for part in PurePosixPath(str(above or "")).parts if part not in ("/", ".", "..")]
    for start in range(len(inside) + 1):
        if pair := _pair(root.joinpath(*inside[start:], *parts), root):
            return pair
    for start in range(1, len(parts)):
        if pair := _pair(root.joinpath(*parts[start:]), root):
            return pair
    return None


def _pair(pictures: Path, root: Path) -> tuple[Path, Path] | None:
    """A folder of pictures and that of its text files: `labels` in the place of the last `images`, else the same."""
    if not pictures.is_dir():
        return None
    parts = list(pictures.relative_to(root).parts)
    if "images" in parts:
        place = len(parts) - 1 - parts[::-1].index("images")
        return pictures, root.joinpath(*parts[:place], "labels", *parts[place + 1 :])
    inner = pictures / "images"
    return (inner, pictures / "labels") if inner.is_dir() else (pictures, pictures)


def _table(root: Path) -> tuple[Path, dict[Any, Any]]:
    """The data.yaml and what it says; nothing where there is none."""
    file = next((root / name for name in TABLES if (root / name).is_file()), None)
    if file is None:
        return root, {}
    try:
        table = parse_yaml(_text(file))
    except ValueError as error:
        raise DataError(file, str(error)) from error
    if not isinstance(table, dict):
        raise DataError(file, f"wanted names with values, got {short(table)}")
    return file, table


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > LARGEST:
            raise DataError(file, "is too large")
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(file, "cannot be read as UTF-8 text") from error
