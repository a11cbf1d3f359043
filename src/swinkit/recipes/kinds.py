"""Which modality a folder of files is for, found from the kinds of file in it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from swinkit.datasets import ClassFolder
from swinkit.files import ConfigError, DataError, did_you_mean
from swinkit.files.packed import is_packed, open_pack
from swinkit.modalities import MODALITIES
from swinkit.types import Layout

ENDINGS = {
    "image": (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"),
    "audio": (".wav", ".flac", ".ogg", ".mp3"),
    "video": (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"),
    "volume": (".nii", ".nii.gz", ".dcm", ".mha", ".nrrd"),
}
"""Modality -> endings of its files. Text is missing: lists of names and tables lie beside every kind of data, so .txt
files count in class folders where there is nothing else."""
MIXED = "mixed"
OF_LAYOUTS = {"series": (".csv",)}
"""The same where only the layout of the data can tell, for tables lie beside every kind of data."""


def find_modality(layout: Layout, wanted: str | None = None) -> tuple[str, str]:
    """The name of the modality for the files of a layout, and a sentence that says why.

    Raises:
        ConfigError: `wanted` does not exist.
        DataError: there are files of several kinds, or of none, or of one that this version does not read.
    """
    if wanted is not None:
        if wanted not in MODALITIES:
            raise ConfigError(f"--modality: no modality {wanted!r}: {did_you_mean(wanted, MODALITIES)}")
        if (wanted == MIXED) != (getattr(layout, "modality", None) == MIXED):
            has = "one input" if wanted == MIXED else "several inputs"
            raise ConfigError(f"--modality: {wanted}, but {layout.path} has {has} a sample: leave it out")
        return wanted, f"modality: {wanted}, as asked"
    if (known := getattr(layout, "modality", None)) is not None:  # its files hold nothing else
        return known, f"modality: {known}"
    if not Path(layout.path).exists():  # a built-in data set
        return "image", "modality: image"
    path = Path(layout.path)
    path = path.parent if path.suffix.lower() == ".csv" and path.is_file() else path  # a list lies beside what it lists
    found = _count(path)
    kinds = {kind: {end: found[end] for end in ends if found[end]} for kind, ends in ENDINGS.items()}
    kinds = {kind: ends for kind, ends in kinds.items() if ends}
    told = "; ".join(f"{kind}: {_told(ends)}" for kind, ends in kinds.items())
    if (
        not kinds
        and isinstance(layout, ClassFolder)
        and (texts := [file for file in path.rglob("*.txt") if file.is_file()])
    ):
        return "text", f"modality: text ({len(texts)} .txt)"
    if not kinds:
        raise DataError(path, f"holds no file of a known kind; wanted {', '.join(ENDINGS['image'])}")
    if len(kinds) > 1:
        raise DataError(path, f"holds files of several kinds ({told}): say which are the data with --modality")
    (kind,) = kinds
    if kind not in MODALITIES:
        raise DataError(path, f"holds {kind} files ({_told(kinds[kind])}); this version reads: {', '.join(MODALITIES)}")
    return kind, f"modality: {kind} ({_told(kinds[kind])})"


def _count(path: Path) -> Counter[str]:
    if is_packed(path):
        return Counter(open_pack(path).counts())
    try:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from error
    names = [file.name.lower() for file in files if not file.name.startswith(".")]
    return Counter(next((end for ends in ENDINGS.values() for end in ends if name.endswith(end)), "") for name in names)


def _told(ends: dict[str, int]) -> str:
    return ", ".join(f"{count} {end}" for end, count in ends.items())
