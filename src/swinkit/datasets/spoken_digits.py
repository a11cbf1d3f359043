"""Spoken digits, made on the spot by the formant synthesiser: single ones to classify, strings to transcribe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from swinkit.datasets.formants import RATE, WORDS, Speaker, spoken
from swinkit.datasets.splits import canonical
from swinkit.files import ConfigError, DataError
from swinkit.types import Record

NAMES = tuple(WORDS)
UNITS = tuple(sorted({" ", *"".join(WORDS)}))
LEAST, MOST = 2, 5
"""Digits of a string."""
PAUSE = (0.06, 0.3)
"""Seconds between two digits."""
_SPLITS = {"train": 0, "val": 1, "test": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenDigits:
    """The made data set; each sound is a function of (seed, split, index), and no speaker is in two splits."""

    path: str = "spoken_digits"
    """Only the name by which the data set is asked for; nothing is read from disk."""
    seed: int = 0
    counts: tuple[int, int, int] = (1200, 100, 200)
    """How many sounds train, val and test have."""
    speakers: tuple[int, int, int] = (40, 6, 10)
    """How many voices speak in each."""
    target: Literal["label", "text"] = "label"
    """One digit and its class, or a string of digits and its transcript."""

    serves: ClassVar[tuple[str, ...]] = ("classify", "transcribe")
    looks_for: ClassVar[str] = "the word spoken_digits (made on the spot)"
    modality: ClassVar[str] = "audio"

    def __post_init__(self) -> None:
        if self.seed < 0 or min(*self.counts, *self.speakers) < 1:
            raise ConfigError(
                f"seed {self.seed}, counts {self.counts}, speakers {self.speakers}: give a seed from 0, at least one "
                "sound and one speaker a split"
            )

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether the data set is asked for by its name."""
        return str(path) == "spoken_digits" and not Path(path).exists()

    def of_task(self, task: str) -> SpokenDigits:
        """The same with what the task learns."""
        return replace(self, target="text" if task == "transcribe" else "label")

    def splits(self) -> tuple[str, ...]:
        """All three."""
        return tuple(_SPLITS)

    def resolved(self, *, strict: bool = True) -> SpokenDigits:
        """The same: nothing has to be looked for."""
        return self

    def open(self, split: str = "train", *, strict: bool = True) -> SpokenSplit:
        """One split. DataError where there is none of that name."""
        name = canonical(split)
        if name not in _SPLITS:
            raise DataError(self.path, f"has no split {split!r}", field="split")
        return SpokenSplit(self, _SPLITS[name])


class SpokenSplit:
    """One split; records hold waveforms at `rate`."""

    rate = RATE

    def __init__(self, layout: SpokenDigits, number: int) -> None:
        self._layout, self._number = layout, number
        self.classes = NAMES if layout.target == "label" else UNITS

    def __len__(self) -> int:
        return self._layout.counts[self._number]

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(index)
        layout = self._layout
        words, samples = _made(layout.seed, self._number, index, layout.speakers[self._number], layout.target)
        name = f"{'-'.join(words)}-{index:05d}"
        if layout.target == "label":
            return Record(id=name, source=samples, target=NAMES.index(words[0]))
        return Record(id=name, source=samples, target=np.array([UNITS.index(unit) for unit in " ".join(words)]))


@lru_cache(maxsize=4096)
def _made(seed: int, split: int, index: int, speakers: int, target: str) -> tuple[Sequence[str], np.ndarray]:
    rng = np.random.default_rng((seed, split, index))
    speaker = Speaker.draw(np.random.default_rng((seed, split, 1 << 20, int(rng.integers(speakers)))))
    count = 1 if target == "label" else int(rng.integers(LEAST, MOST + 1))
    words = [NAMES[number] for number in rng.integers(0, len(NAMES), count)]
    parts: list[np.ndarray] = []
    for word in words:
        parts += [np.zeros(round(rng.uniform(*PAUSE) * RATE), np.float32), spoken(word, speaker, rng)]
    samples = np.concatenate([*parts, np.zeros(round(rng.uniform(*PAUSE) * RATE), np.float32)])
    return words, samples + (rng.standard_normal(len(samples)) * 0.002).astype(np.float32)
