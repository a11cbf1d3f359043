"""Digit scenes: real handwritten digits on real photographs, with exact masks and boxes, made on the spot from what
scikit-learn ships.

A scene is 64x64 RGB. Its background is a square crop (128 to 256 px) of one of scikit-learn's two photographs,
reduced to 64 px and half as bright. On it lie 2 to 4 of scikit-learn's 8x8 handwritten digits, each enlarged 3 to 4.5
times, turned by up to 20 degrees and in a flat colour with channels of 140 to 255; they lie wholly inside, and at
most 20 % of a digit's pixels are covered by the later ones.

How a digit becomes pixels: its 8x8 grey values (0..1, with an empty border) are enlarged and turned in one cubic warp
to v; the ink's opacity is clip((v - 0.35) * 3 + 0.5, 0, 1), which leaves an edge about one pixel soft. A pixel
belongs to the digit where the opacity is at least one half, and to the last such digit where several are; the mask,
the instances and the boxes (of the pixels still seen) follow from that. Colours are mixed by the opacity, so a pixel
outside the mask may carry up to half of a digit's colour.

Splits share nothing: the handwritten digits are dealt out once (70 % train, 10 % val, 20 % test, whatever the seed),
and the backgrounds come from the left 70 % of the photographs for train and val, from the right 30 % for test (192 px
wide, so crops end there).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
import torch

from swinkit.datasets.digit_sources import handwritten, photographs
from swinkit.files import ConfigError
from swinkit.types import Objects, Record

SIDE = 64
CROPS = (128, 256)
SCALES = (3.0, 4.5)
DEGREES = 20.0
CHANNELS = (140, 255)
COVERED = 0.2
KEPT = 8192
"""Records that stay in memory once they are drawn: 16 KB each."""
LEAST, MOST = 2, 4  # digits in a scene
CLASSES = ("background", *"0123456789")
_NAMES = {"mask": CLASSES, "count": ("two", "three", "four"), "all": ()}
Target = Literal["mask", "boxes", "instances", "count", "all"]
_OF_TASK: dict[str, Target] = {"detect": "boxes", "classify": "count", "several": "all"}
_SPLITS = {"train": (0.0, 0.7), "val": (0.7, 0.8), "test": (0.8, 1.0)}  # shares of the handwritten digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One picture with everything there is to know about it."""

    picture: np.ndarray
    """[64 64 3] uint8 RGB."""
    mask: np.ndarray
    """[64 64] uint8: 0 background, d + 1 for digit d."""
    instances: np.ndarray
    """[64 64] uint8: 0 background, i + 1 for the i-th digit of `labels`."""
    boxes: np.ndarray
    """[n 4] float32: left, top, right, bottom edges in pixels, of what is seen of each digit."""
    labels: np.ndarray
    """[n] int64: the digits, in the order they were laid down."""

    def target(self, kind: str) -> Any:
        """What `DigitScenes.target` asks for."""
        if kind == "all":
            return {"segment": self.mask, "detect": self.target("boxes"), "classify": self.target("count")}
        if kind in ("mask", "count"):
            return self.mask if kind == "mask" else len(self.labels) - LEAST
        return self.objects(masks=kind == "instances")

    def objects(self, *, masks: bool) -> Objects:
        """The digits as things to find, with their masks where they are asked for."""
        seen = self.instances == np.arange(1, len(self.labels) + 1)[:, None, None]
        return Objects(
            boxes=torch.from_numpy(self.boxes),
            labels=torch.from_numpy(self.labels),
            crowd=torch.zeros(len(self.labels), dtype=torch.bool),
            masks=torch.from_numpy(seen) if masks else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitScenes:
    """The made data set; each scene is a function of (seed, split, index)."""

    path: str = "digit_scenes"
    """Only the name by which the data set is asked for; nothing is read from disk but scikit-learn's own files."""
    seed: int = 0
    counts: tuple[int, int, int] = (4000, 400, 400)
    """How many scenes train, val and test have."""
    target: Target = "mask"
    """What is to be learnt: a class for every pixel, the boxes of the digits, their masks with them, how many there
    are, or mask, boxes and number as the targets of three tasks: segment, detect, classify."""

    serves: ClassVar[tuple[str, ...]] = ("segment", "classify", "detect", "several")
    looks_for: ClassVar[str] = "the word digit_scenes (made on the spot)"

    def __post_init__(self) -> None:
        if self.seed < 0 or min(self.counts) < 1:
            raise ConfigError(
                f"seed {self.seed}, counts {self.counts}: give a seed from 0 and at least one scene a split"
            )

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether the data set is asked for by its name."""
        return str(path) == "digit_scenes" and not Path(path).exists()

    def of_task(self, task: str) -> DigitScenes:
        """The same for a task, where no other target was asked for than the first one's."""
        wanted: Target = _OF_TASK.get(task, "mask")
        return replace(self, target=wanted) if self.target == "mask" else self

    def splits(self) -> tuple[str, ...]:
        """train, val and test."""
        return tuple(_SPLITS)

    def resolved(self, *, strict: bool = True) -> DigitScenes:
        """Itself: its classes are known."""
        return self

    def open(self, split: str = "train", *, strict: bool = True) -> DigitScenesSplit:
        """One split; a record's target is what `target` says."""
        if split not in _SPLITS:
            raise ConfigError(f"no split {split!r}: there are {', '.join(_SPLITS)}")
        return DigitScenesSplit(self, split)


class DigitScenesSplit:
    """One split of the digit scenes, drawn when they are first asked for (about a millisecond each) and kept."""

    problems: tuple[()] = ()
    notes: tuple[()] = ()

    def __init__(self, layout: DigitScenes, split: str) -> None:
        self._place = list(_SPLITS).index(split)
        self._split, self._seed, self._count = split, layout.seed, layout.counts[self._place]
        self._target = layout.target
        self.classes = _NAMES.get(layout.target, CLASSES[1:])
        self.ids = tuple(range(len(self.classes)))
        self.digits = dealt(split)
        """Which of scikit-learn's 1797 digits this split uses."""
        self._ink, self._values = handwritten(self.digits)
        self._photographs = photographs(right=split == "test")
        self._records: dict[int, Record] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Record:
        index = range(self._count)[index]
        if index not in self._records:
            scene = self.scene(index)
            for array in (scene.picture, scene.mask):
                array.setflags(write=False)  # others will get the same ones
            name = f"{self._split}-{index:05d}"
            record = Record(id=name, source=scene.picture, target=scene.target(self._target))
            if len(self._records) >= KEPT:
                return record
            self._records[index] = record
        return self._records[index]

    def scene(self, index: int) -> Scene:
        """The whole scene: picture, mask, instances, boxes and labels."""
        if not -self._count <= index < self._count:
            raise IndexError(f"scene {index} of {self._count}")
        rng = np.random.default_rng([self._seed, self._place, index % self._count])
        picture = self._background(rng)
        instances, labels = np.zeros((SIDE, SIDE), np.uint8), []
        for opacity, top, left, digit in self._layout(rng):
            height, width = opacity.shape
            here = np.s_[top : top + height, left : left + width]
            colour = rng.integers(CHANNELS[0], CHANNELS[1] + 1, 3)
            picture[here] += opacity[..., None] * (colour.astype(np.float32) - picture[here])
            labels.append(int(self._values[digit]))
            instances[here][opacity >= 0.5] = len(labels)
        classes = np.array([0, *(label + 1 for label in labels)], np.uint8)
        return Scene(
            picture=np.rint(picture).astype(np.uint8),
            mask=classes[instances],
            instances=instances,
            boxes=np.array([_box(instances == number) for number in range(1, len(labels) + 1)], np.float32),
            labels=np.array(labels, np.int64),
        )

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        photograph = self._photographs[rng.integers(len(self._photographs))]
        height, width = photograph.shape[:2]
        side = int(rng.integers(CROPS[0], min(CROPS[1], height, width) + 1))
        top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
        crop = photograph[top : top + side, left : left + side]
        return cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32) / 2

    def _layout(self, rng: np.random.Generator) -> list[tuple[np.ndarray, int, int, int]]:
        """Opacity, top, left and index of 2 to 4 digits. The number is drawn first and kept: a crowded draw starts
        over.
        """
        wanted = int(rng.integers(LEAST, MOST + 1))
        while True:
            laid: list[tuple[np.ndarray, int, int, int]] = []
            instances, sizes = np.zeros((SIDE, SIDE), np.uint8), [0]
            for _ in range(20):
                digit = int(rng.integers(len(self._values)))
                opacity = _drawn(self._ink[digit], rng.uniform(*SCALES), rng.uniform(-DEGREES, DEGREES))
                top, left = (int(rng.integers(SIDE - length + 1)) for length in opacity.shape)
                ink, after = opacity >= 0.5, instances.copy()
                after[top : top + ink.shape[0], left : left + ink.shape[1]][ink] = len(sizes)
                seen = np.bincount(after.ravel(), minlength=len(sizes))[1 : len(sizes)]
                if all(left_over >= (1 - COVERED) * size for left_over, size in zip(seen, sizes[1:], strict=True)):
                    instances = after
                    laid.append((opacity, top, left, digit))
                    sizes.append(int(ink.sum()))
                if len(laid) == wanted:
                    return laid


def dealt(split: str) -> np.ndarray:
    """Which of scikit-learn's handwritten digits a split uses; the same for every seed, so splits never share one."""
    order = np.random.default_rng(1797).permutation(1797)
    first, last = (round(share * len(order)) for share in _SPLITS[split])
    return np.sort(order[first:last])


def _drawn(ink: np.ndarray, scale: float, degrees: float) -> np.ndarray:
    """[h w] float32 opacity of one enlarged, turned digit, cut to where there is any."""
    cosine, sine = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    old, new = (ink.shape[0] - 1) / 2, (SIDE - 1) / 2
    matrix = np.array([[cosine, sine, new - (cosine + sine) * old], [-sine, cosine, new - (cosine - sine) * old]])
    value = cv2.warpAffine(ink, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC)
    opacity = np.clip((value - 0.35) * 3 + 0.5, 0, 1)
    rows, columns = np.flatnonzero(opacity.any(axis=1)), np.flatnonzero(opacity.any(axis=0))
    return opacity[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _box(seen: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
