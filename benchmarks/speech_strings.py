"""Connected digits: clips of the Free Spoken Digit Dataset joined to strings, with one speaker left out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import soundfile

from swinkit.datasets import SoundTable
from swinkit.files.sounds import read_sound

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
RATE = 8000
COUNTS = {"train": 3000, "val": 100, "test": 150}
SINGLE = 0.5
"""Share of train that is one clip: they are cheap to learn from."""
LEAST, MOST = 3, 7
PAUSE = (0.05, 0.35)
"""Seconds between two clips."""


def write(data: Path, out: Path, left_out: str, seed: int, *, voice: str = "", alone: bool = False) -> Path:
    """A folder with a manifest and strings of one speaker each, written as numerals with spaces between.

    Test is all of who is left out; of the others, clips 5 and later are train, 0 to 4 validation. Half of train are
    single clips. `voice`: validation is all of this speaker, who is not in train either. `alone`: only a test split,
    of every clip of the speaker by itself.
    """
    (out / "sounds").mkdir(parents=True, exist_ok=True)
    clips: dict[tuple[str, str], list[tuple[Path, int]]] = {}
    layout = SoundTable(path=str(data), label="digit", speaker="speaker", holdout=0.01)
    for row in layout.found()[0]:
        index = int(Path(row.id).stem.rsplit("_", 1)[1])
        split = "val" if (row.speaker == voice if voice else index < 5) else "train"
        split = "test" if row.speaker == left_out else split
        assert isinstance(row.source, Path)
        clips.setdefault((split, row.speaker), []).append((row.source, int(row.words)))
    rng = np.random.default_rng(seed)
    with (out / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", "text", "split"])
        for split, count in COUNTS.items():
            voices = sorted(speaker for name, speaker in clips if name == split)
            strings = (_chosen(clips[split, voices[number % len(voices)]], split, rng) for number in range(count))
            if alone:
                strings = ([clip] for clip in (clips["test", left_out] if split == "test" else []))
            for number, chosen in enumerate(strings):
                name = f"sounds/{split}{number:05d}.flac"
                soundfile.write(out / name, _joined([path for path, _ in chosen], rng), RATE)
                table.writerow([name, " ".join(str(digit) for _, digit in chosen), split])
    return out


def _chosen(clips: list[tuple[Path, int]], split: str, rng: np.random.Generator) -> list[tuple[Path, int]]:
    single = split == "train" and rng.random() < SINGLE
    return [clips[index] for index in rng.integers(0, len(clips), 1 if single else rng.integers(LEAST, MOST + 1))]


def _joined(paths: list[Path], rng: np.random.Generator) -> np.ndarray:
    parts: list[np.ndarray] = []
    for path in paths:
        parts += [_pause(rng), read_sound(path, RATE)]
    return np.concatenate([*parts, _pause(rng)])


def _pause(rng: np.random.Generator) -> np.ndarray:
    """Nearly silent, as between words of one recording."""
    return (rng.standard_normal(round(rng.uniform(*PAUSE) * RATE)) * 1e-3).astype(np.float32)
