"""Which pictures and masks a folder holds: its splits, and each picture with the mask of the same stem."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from swinkit.datasets.splits import SPLITS, smallest_hashes
from swinkit.files import DataError
from swinkit.files.pictures import PICTURE_SUFFIXES

PICTURES = "images"
MASKS = ("labels", "masks", "annotations")
_EITHER = "|".join(MASKS)
LOOKS_FOR = (
    f"<split>/{PICTURES} beside <split>/{_EITHER}, {PICTURES}/<split> beside {_EITHER}/<split>, "
    f"or {PICTURES} beside {_EITHER} (splits {', '.join('|'.join(names) for names in SPLITS.values())})"
)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where one split lies."""

    pictures: Path
    masks: Path | None
    """None: there are pictures, but no folder of masks for them."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and its mask."""

    id: str
    picture: Path
    mask: Path


def find_splits(root: Path) -> dict[str, Folders]:
    """The splits that lie in `root`, whichever of the layouts it has; a folder without splits is all train."""
    found: dict[str, Folders] = {}
    for split, aliases in SPLITS.items():
        for alias in aliases:
            inner = _folders(root / alias / PICTURES, [root / alias / name for name in MASKS])
            outer = _folders(root / PICTURES / alias, [root / name / alias for name in MASKS])
            if split not in found and (folders := inner or outer):
                found[split] = folders
    if not found and (flat := _folders(root / PICTURES, [root / name for name in MASKS])):
        found["train"] = flat
    return found


def _folders(pictures: Path, masks: list[Path]) -> Folders | None:
    return Folders(pictures, next((mask for mask in masks if mask.is_dir()), None)) if pictures.is_dir() else None


def find_pairs(folders: Folders) -> tuple[list[Pair], list[DataError], list[str]]:
    """Pairs in the order of their ids, everything that keeps an entry from being used, and remarks."""
    if folders.masks is None:
        where = " or ".join(f"a folder {name}" for name in MASKS)
        raise DataError(folders.pictures, f"has pictures but no masks: {where} is wanted beside it", field="mask")
    pictures, doubtful_pictures, problems = by_stem(folders.pictures, "picture")
    masks, doubtful_masks, more = by_stem(folders.masks, "mask")
    problems += more
    if not pictures and not problems:
        suffixes = " ".join(sorted(PICTURE_SUFFIXES))
        raise DataError(folders.pictures, f"holds no picture ({suffixes})")
    missing = [stem for stem in pictures if stem not in masks and stem not in doubtful_masks]
    problems += [
        DataError(
            pictures[stem],
            f"no {folders.masks.name}/{stem}.png for this picture ({len(missing)} of {len(pictures)} have no mask)",
            field="mask",
        )
        for stem in missing
    ]
    orphans = [stem for stem in masks if stem not in pictures and stem not in doubtful_pictures]
    notes = (
        [f"{folders.masks}: {len(orphans)} masks have no picture, first {masks[orphans[0]].name}"] if orphans else []
    )
    return [Pair(stem, path, masks[stem]) for stem, path in pictures.items() if stem in masks], problems, notes


def held_out(pairs: list[Pair], share: float) -> set[str]:
    """Ids to validate on where there is no validation split: the smallest hashes, so adding files moves few of them."""
    return smallest_hashes([pair.id for pair in pairs], share)


def by_stem(folder: Path, field: str) -> tuple[dict[str, Path], set[str], list[DataError]]:
    """Stem (with subfolders, without suffix) -> file, sorted; stems with a problem; the problems.

    Hidden files and other kinds of file are passed over.
    """
    files: dict[str, list[Path]] = defaultdict(list)
    doubtful: set[str] = set()
    problems: list[DataError] = []
    for place, folders, names in os.walk(folder, onerror=_unreadable):
        for path in (Path(place, name) for name in sorted(folders)):
            if path.suffix.lower() in PICTURE_SUFFIXES:
                doubtful.add(_stem(path, folder))
                problems.append(DataError(path, f"is a folder, not a {field}: rename it or move it away"))
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if path.suffix.lower() in PICTURE_SUFFIXES:
                files[_stem(path, folder)].append(path)
    for stem, paths in sorted(files.items()):
        if len(paths) > 1:
            doubtful.add(stem)
            copies = ", ".join(sorted(path.name for path in paths))
            problems.append(
                DataError(paths[0], f"{stem} is there {len(paths)} times ({copies}): keep one", field=field)
            )
    return {stem: paths[0] for stem, paths in sorted(files.items()) if stem not in doubtful}, doubtful, problems


def _stem(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _unreadable(error: OSError) -> None:
    raise DataError(error.filename, f"cannot be read: {error.strerror}") from error
