"""Made tracks of key points of people who walk, run, limp, hop, sneak or march, filmed from any side.

A clip is 40 to 100 frames of 13 points as a pose estimator would give them (`gait_figures`): its length, phase, vigour,
view, size, noise and lost points are drawn anew, and people differ in proportions, pace, posture and evenness. No
person of one split is in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from swinkit.datasets.class_split import ClassSplit, Entry, Found
from swinkit.datasets.gait_figures import GAITS, POINTS, Person, figure, filmed
from swinkit.datasets.splits import SPLITS, canonical
from swinkit.files import ConfigError

FRAMES = (40, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaits:
    """The made data set; each clip is a function of (seed, split, index)."""

    path: str = "gaits"
    """Only the name by which the data set is asked for; nothing is read from disk."""
    seed: int = 0
    people: tuple[int, int, int] = (120, 20, 40)
    """In train, val and test."""
    clips: int = 2
    """Of every person in every gait."""

    serves: ClassVar[tuple[str, ...]] = ("classify",)
    looks_for: ClassVar[str] = "the word gaits (made on the spot)"
    modality: ClassVar[str] = "series"

    def __post_init__(self) -> None:
        if self.seed < 0 or min(self.people) < 1 or self.clips < 1:
            raise ConfigError(
                f"seed {self.seed}, people {self.people}, clips {self.clips}: give a seed from 0 and at least one each"
            )

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether the data set is asked for by its name."""
        return str(path) == "gaits" and not Path(path).exists()

    @property
    def told(self) -> dict[str, Any]:
        """What the modality has to know of these clips."""
        return {"names": list(POINTS), "form": "points"}

    def splits(self) -> tuple[str, ...]:
        """train, val and test."""
        return tuple(SPLITS)

    def resolved(self, *, strict: bool = True) -> Gaits:
        """Itself: its classes are known."""
        return self

    def open(self, split: str = "train", *, strict: bool = True) -> ClassSplit:
        """One split; a record's source is an array [points * 3, frames]."""
        name = canonical(split)
        count = self.people[list(SPLITS).index(name)] * len(GAITS) * self.clips
        labels = [list(GAITS)[index % len(GAITS)] for index in range(count)]
        entries = [Entry(f"{name}-{index:05d}", index, label) for index, label in enumerate(labels)]
        return ClassSplit(Found(entries, picture=lambda index: self.clip(name, index)), tuple(GAITS))

    def clip(self, split: str, index: int) -> np.ndarray:
        """[points * 3, frames] float32: x, y and score of every point; clips of a person follow each other."""
        place = list(SPLITS).index(split)
        person = Person.drawn(np.random.default_rng([self.seed, place, index // (len(GAITS) * self.clips)]))
        rng = np.random.default_rng([self.seed, place, index, 1])
        body = figure(list(GAITS.values())[index % len(GAITS)], person, int(rng.integers(*FRAMES)), rng)
        return filmed(body, rng).reshape(3 * len(POINTS), -1)
