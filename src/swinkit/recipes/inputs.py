"""What a user names as inputs: files, folders and patterns, found and given names to write under."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from swinkit.files import ConfigError, DataError
from swinkit.files.clips import is_clip
from swinkit.files.packed import is_packed, open_pack
from swinkit.files.series import addresses
from swinkit.files.volumes import is_volume, stem
from swinkit.recipes.kinds import ENDINGS, OF_LAYOUTS
from swinkit.recipes.videos import CAMERA, is_film
from swinkit.recipes.writing import LIST

SERIES, VIDEO = "series", "video"


def find_inputs(inputs: Sequence[str], modality: str) -> list[tuple[Path, bool]]:
    """Every file once, in order, and whether it was named itself; of a packed folder, the pictures in its archives.

    Raises:
        ConfigError: an input matches nothing.
    """
    found: dict[Path, bool] = {}
    for word in inputs:
        path = Path(word)
        if is_packed(path):
            files = list(open_pack(path).images())
        elif path.is_dir():
            files = _inside(path, modality)
        elif path.exists() or path.is_symlink() or word.startswith(CAMERA) or not glob.has_magic(word):
            found[path] = True  # one that is missing is a problem of its own, not of the others
            continue
        else:
            matched = map(Path, sorted(glob.glob(word, recursive=True)))
            files = [file for file in matched if not file.is_dir() or (modality == VIDEO and is_clip(file))]
            if not files:
                raise ConfigError(f"{word}: matches no file")
        for file in files:
            found.setdefault(file, False)
    return [(each, named) for path, named in found.items() for each in _tracks(path, modality)]


def _inside(folder: Path, modality: str) -> list[Path]:
    """What a folder holds, or itself where it is a series of slices or frames. Raises ConfigError: nothing."""
    if modality == "volume" and is_volume(folder):
        return [folder]
    within = sorted(folder.rglob("*"))
    if modality == VIDEO:
        files = [each for each in (folder, *within) if _is_clip(each)]
    else:
        files = [file for file in within if _is_kind(file, modality)]
    if not files:
        raise ConfigError(f"{folder}: holds no {modality} file ({', '.join(_endings(modality))})")
    return files


def _is_clip(path: Path) -> bool:
    """Whether this is a film or an array, or a folder with frames alone."""
    try:
        others = path.is_dir() and any(
            is_film(file) or file.name == LIST or file.suffix == ".npy" for file in path.iterdir()
        )
        return not path.name.startswith(".") and not others and is_clip(path)
    except OSError:  # as elsewhere, folders that may not be read are passed over
        return False


def _tracks(path: Path, modality: str) -> list[Path]:
    """Every series of a file; one that cannot be read is a problem of its own."""
    try:
        return addresses(path) if modality == SERIES and path.is_file() else [path]
    except DataError:
        return [path]


def _endings(modality: str) -> tuple[str, ...]:
    known = ENDINGS | OF_LAYOUTS
    if modality not in known:
        raise ConfigError(f"a run on {modality} data has no files of its own kind in folders: give files or tables")
    return known[modality]


def _is_kind(file: Path, modality: str) -> bool:
    return file.name.lower().endswith(_endings(modality)) and not file.name.startswith(".") and file.is_file()


def names_of(sources: Sequence[Path]) -> list[str]:
    """A name for every input: its stem, with as many of its folders in front as it takes to tell it from the others."""
    stems = [re.sub(r"\.csv#", "-", source.name) if "#" in source.suffix else stem(source) for source in sources]
    parts = [
        [part.strip("/\\:.") or "root" for part in (*source.parts[:-1], name)]
        for source, name in zip(sources, stems, strict=True)
    ]
    depth = [1] * len(sources)
    while True:
        names = ["-".join(row[-deep:]) for row, deep in zip(parts, depth, strict=True)]
        counts = Counter(names)
        grown = [index for index, name in enumerate(names) if counts[name] > 1 and depth[index] < len(parts[index])]
        if not grown:
            break
        for index in grown:
            depth[index] += 1
    taken: set[str] = set()
    for index, source in enumerate(sources):  # street.jpg beside street.png
        name, number = names[index], 1
        while names[index] in taken:
            number += 1
            names[index] = f"{name}-{source.suffix.lstrip('.')}" if number == 2 else f"{name}-{number}"
        taken.add(names[index])
    return names
