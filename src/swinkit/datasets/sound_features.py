"""Sounds as frames of features: `train.npz` with all frames in a row, and `train.csv` with a line an utterance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from swinkit.datasets.class_split import find_files
from swinkit.datasets.sound_split import Said, SoundLayout
from swinkit.files import DataError
from swinkit.files.arrays import npz_names, read_npz
from swinkit.files.sound_tables import read_table

ARRAYS = ("features", "offsets")


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFeatures(SoundLayout):
    """`<split>.npz` with `features` [frames numbers] and `offsets` [utterances + 1]: utterance i is
    features[offsets[i]:offsets[i + 1]] and line i of `<split>.csv`."""

    name: str = "utt_id"
    """The column of names, if there is one; else utterances are called by their numbers."""

    looks_for: ClassVar[str] = "train.npz with features and offsets, beside train.csv"

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether such a pair lies there."""
        root = Path(path)
        return any(
            set(ARRAYS) <= set(npz_names(file)) and file.with_suffix(".csv").is_file() for file in _files(root).values()
        )

    def found(self) -> tuple[list[Said], list[DataError], Callable[[int], np.ndarray] | None]:
        """The lines of all tables; utterances are numbered through all files."""
        files = _files(Path(self.path))
        if not files:
            raise DataError(self.path, f"holds no such files; looked for {self.looks_for}")
        rows: list[Said] = []
        problems: list[DataError] = []
        pieces: list[tuple[Path, int]] = []
        for split, file in files.items():
            table = file.with_suffix(".csv")
            names, lines = read_table(table)
            self.check_columns(table, names)
            count = len(_arrays(file, _stamp(file))[1]) - 1
            if count != len(lines):
                raise DataError(table, f"has {len(lines)} lines, but {file.name} has {count} utterances")
            for index, (line, cells) in enumerate(lines):
                name = cells.get(self.name) or f"{file.stem}-{index:06d}"
                row = self.said(table, (line, {**cells, self.split: split}), name, len(pieces))
                (problems if isinstance(row, DataError) else rows).append(row)  # type: ignore[arg-type]
                pieces.append((file, index))
        return rows, problems, lambda number: _utterance(*pieces[number])


def _files(root: Path) -> dict[str, Path]:
    return find_files(root, lambda alias: [f"{alias}.npz"])


def _utterance(file: Path, index: int) -> np.ndarray:
    features, offsets = _arrays(file, _stamp(file))
    frames = features[offsets[index] : offsets[index + 1]].astype(np.float32)
    if not len(frames):
        raise DataError(file, f"utterance {index} has no frames", field="offsets")
    return frames


def _stamp(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError as error:
        raise DataError(file, f"cannot be read: {error.strerror}") from error
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _arrays(file: Path, stamp: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    features, offsets = read_npz(file, ARRAYS)
    if features.ndim != 2 or features.dtype.kind != "f":
        raise DataError(file, f"is {features.dtype} {features.shape}: wanted float [frames numbers]", field="features")
    if offsets.ndim != 1 or offsets.dtype.kind not in "iu" or len(offsets) < 2:
        raise DataError(file, f"is {offsets.dtype} {offsets.shape}: wanted whole [utterances + 1]", field="offsets")
    offsets = offsets.astype(np.int64)
    if offsets[0] != 0 or offsets[-1] != len(features):
        text = f"run from {offsets[0]} to {offsets[-1]}, the frames from 0 to {len(features)}"
        raise DataError(file, text, field="offsets")
    if (steps := np.flatnonzero(np.diff(offsets) < 0)).size:
        raise DataError(file, f"decrease after number {steps[0]}: they must rise", field="offsets")
    return features, offsets
