"""Pictures with boxes in COCO's instances files (Lin et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

from swinkit.datasets.coco_file import read_coco
from swinkit.datasets.object_split import Faulty, Found, ObjectSplit, object_classes, open_objects, shaped
from swinkit.datasets.splits import SPLITS, named
from swinkit.files import ConfigError, DataError

PEEK = 1 << 20
"""Bytes of a file without a split in its name that must speak of images and their boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coco:
    """A folder with a JSON file a split, or one file for all.

    Pictures are looked for in `images/<split>`, `<split>`, `images` and beside the file, `<split>` with what follows it
    in the file's name (`instances_train2017.json`: `train2017`).
    """

    path: str
    classes: tuple[str, ...] = ()
    """Names of categories, in the order of the model's answers; empty: those of train, by their ids."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""
    masks: bool | None = None
    """Things come with their masks; None: where every thing of train has a shape that is more than its box."""
    faulty: Faulty = "refuse"
    """What becomes of a box that is empty, no box or outside of its picture: `drop` leaves it out and counts it."""

    looks_for: ClassVar[str] = (
        "<split>.json, annotations/instances_<split>*.json, <split>/_annotations.coco.json or a single JSON file of "
        "COCO's form, with the pictures in images/<split>, <split> or images"
    )
    serves: ClassVar[tuple[str, ...]] = ("detect",)

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether such files are there."""
        return bool(_files(Path(path)))

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(_files(Path(self.path)))

    def resolved(self, *, strict: bool = True) -> Coco:
        """The same with its classes, and whether there are masks, filled in."""
        if self.classes and self.masks is not None:
            return self
        finders = self._finders()
        found = (finders.get("train") or next(iter(finders.values())))()
        masks = shaped(found) if self.masks is None else self.masks
        return replace(self, classes=self.classes or object_classes(found, self.path), masks=masks)

    def open(self, split: str = "train", *, strict: bool = True) -> ObjectSplit:
        """One split. Raises DataError; with `strict=False`, entries that cannot be used are left out and listed."""
        whole = self.resolved(strict=strict)
        masks = bool(whole.masks)
        return open_objects(self.path, split, self._finders(), whole.classes, self.holdout, masks=masks, strict=strict)

    def _finders(self) -> dict[str, Callable[[], Found]]:
        path = Path(self.path)
        if not (files := _files(path)):
            came = "holds no such file" if path.is_dir() else "is no folder" if path.exists() else "does not exist"
            raise DataError(path, f"{came}; looked for {self.looks_for}")
        return {
            split: partial(read_coco, file, _folders(path, file, split), faulty=self.faulty)
            for split, file in files.items()
        }


def _files(root: Path) -> dict[str, Path]:
    """Split -> its file; a single file is all train."""
    if not root.is_dir():
        return {}
    found: dict[str, Path] = {}
    for split, aliases in SPLITS.items():
        for alias in aliases:
            places = [root / f"{alias}.json", root / alias / "_annotations.coco.json"]
            places += [root / f"instances_{alias}.json", *sorted(root.glob(f"annotations/instances_{alias}*.json"))]
            if split not in found and (file := next((place for place in places if place.is_file()), None)):
                found[split] = file
    if found:
        return found
    single = [*root.glob("*.json"), *root.glob("annotations/*.json")]
    return {"train": single[0]} if len(single) == 1 and _speaks_of_boxes(single[0]) else {}


def _speaks_of_boxes(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            start = content.read(PEEK)
    except OSError:
        return False
    return any(word in start for word in (b'"images"', b'"annotations"'))


def _folders(root: Path, file: Path, split: str) -> list[Path]:
    """Where the pictures may lie, most likely first."""
    own = file.stem.removeprefix("instances_")
    names = dict.fromkeys([own, *SPLITS[split]])
    places = [place for name in names for place in (root / "images" / name, root / name)]
    found = [place for place in [*places, root / "images", root] if place.is_dir()]
    return [file.parent, *found] if file.name.startswith("_") else found
