"""MNIST's own files, as Fashion-MNIST and others have them too: `train-images-idx3-ubyte.gz` and its labels."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path
from typing import ClassVar

import numpy as np

from swinkit.datasets.class_split import ClassSplit, Entry, Found, find_files, open_classes
from swinkit.datasets.splits import named
from swinkit.files import ConfigError, DataError

LARGEST = 1 << 30
"""Bytes that a file may have when it is unpacked."""
_TEST = ("t10k",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Idx:
    """A folder with `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, packed with gzip or not; test is `t10k`.

    The format: big-endian 2051, count, height, width, then a byte a pixel; 2049, count, then a byte a label (LeCun).
    """

    path: str
    classes: tuple[str, ...] = ()
    """Name of every label, from 0; empty: the numbers that the training labels hold."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    looks_for: ClassVar[str] = "train-images-idx3-ubyte(.gz) beside train-labels-idx1-ubyte(.gz)"
    serves: ClassVar[tuple[str, ...]] = ("classify",)
    modality: ClassVar[str] = "image"

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether such files lie there."""
        return bool(_images(Path(path)))

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(_images(Path(self.path)))

    def resolved(self, *, strict: bool = True) -> Idx:
        """The same with its classes filled in."""
        if self.classes:
            return self
        images = self._images()
        labels = _labels(images.get("train") or next(iter(images.values())))
        return replace(self, classes=tuple(str(index) for index in range(int(labels.max(initial=0)) + 1)))

    def open(self, split: str = "train", *, strict: bool = True) -> ClassSplit:
        """One split, held in memory. Raises DataError naming the file that does not fit."""
        layout = self.resolved(strict=strict)
        find: dict[str, Callable[[], Found]] = {
            name: partial(_find, file, layout.classes) for name, file in self._images().items()
        }
        return open_classes(self.path, split, find, layout.classes, self.holdout, strict)

    def _images(self) -> dict[str, Path]:
        if found := _images(Path(self.path)):
            return found
        raise DataError(self.path, f"holds no such files; looked for {self.looks_for}")


def _images(root: Path) -> dict[str, Path]:
    def names(alias: str) -> list[str]:
        starts = [alias, *(_TEST if alias == "test" else ())]
        return [f"{start}-images-idx3-ubyte{end}" for start in starts for end in ("", ".gz")]

    return find_files(root, names)


def _find(images: Path, classes: tuple[str, ...]) -> Found:
    pixels, labels = _read(images, 3), _labels(images)
    if len(pixels) != len(labels):
        raise DataError(_beside(images), f"{len(labels)} labels for {len(pixels)} pictures", field="count")
    start = images.name.split("-")[0]
    entries = [
        Entry(f"{start}-{index:06d}", index, classes[label] if label < len(classes) else str(label))
        for index, label in enumerate(labels.tolist())
    ]
    return Found(entries, (), lambda index: np.repeat(pixels[index][..., None], 3, 2))


def _labels(images: Path) -> np.ndarray:
    return _read(_beside(images), 1)


def _beside(images: Path) -> Path:
    return images.with_name(images.name.replace("images-idx3", "labels-idx1"))


def _read(path: Path, axes: int) -> np.ndarray:
    """[count ...] uint8."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(path, f"cannot be read: {getattr(error, 'strerror', None) or 'it is damaged'}") from error
    if len(content) > LARGEST:
        raise DataError(path, f"has more than {LARGEST >> 20} MiB when unpacked")
    head = 4 * (axes + 1)
    if len(content) < head or int.from_bytes(content[:4], "big") != 2048 + axes:
        raise DataError(path, f"does not begin with {2048 + axes}: this is no idx file of {axes} axes", field="magic")
    shape = [int(side) for side in np.frombuffer(content[4:head], ">u4")]
    if prod(shape) != len(content) - head or 0 in shape[1:]:
        raise DataError(path, f"says {shape}, but {len(content) - head} bytes follow", field="size")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)
