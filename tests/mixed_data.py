"""Samples of a picture and a sound, small enough to make anew in every test."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from sound_data import tone, wav

CLASSES = ("high", "low")
TINY = {
    "model.changes": {"width": 16, "depths": [1], "heads": [1], "drop_path": 0.0, "conditional_position": False},
    "model.inputs": {
        "audio": {"changes": {"window": [[4, 4]], "merge": [[1, 1]]}},
        "image": {"changes": {"window": [[4, 4]], "merge": [[1, 1]]}},
    },
    "model.joining": {"tokens": 4, "width": 16, "depth": 1, "heads": 2},
    "modality.inputs": {"audio": {"bands": 12}, "image": {"flip": 0.0}},
    "training.batch": 8,
    "training.rate": 0.005,
    "training.precision": "fp32",
    "training.steps": 4,
    "training.evaluate_every": 2,
    "training.workers": 0,
    "training.ema": None,
}
"""Changes that make a recipe tiny."""


def table(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = ("image", "audio", "class")) -> Path:
    """Write a CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def files(folder: Path, name: str, high: bool, seed: int = 0, side: int = 16) -> tuple[str, str]:
    """A picture that is bright above or below and a sound that is high or low, as paths below the folder."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 80, (side, side, 3), dtype=np.uint8)
    picture[: side // 2] += np.uint8(120 * high)
    picture[side // 2 :] += np.uint8(120 * (not high))
    Image.fromarray(picture).save(folder / f"{name}.png")
    (folder / f"{name}.wav").write_bytes(wav(tone(2000.0 if high else 300.0, 0.2 + 0.01 * (seed % 4))))
    return f"{name}.png", f"{name}.wav"


def pairs(folder: Path, counts: Sequence[int] = (12, 4, 6)) -> Path:
    """train.csv, val.csv and test.csv; every fourth sample lacks its picture, the one after it its sound."""
    folder.mkdir(parents=True, exist_ok=True)
    for first, (split, count) in enumerate(zip(("train", "val", "test"), counts, strict=True)):
        rows: list[tuple[str, str, str]] = []
        for index in range(count):
            image, audio = files(folder, f"{split}{index}", index % 2 == 0, seed=100 * first + index)
            rows.append(("" if index % 4 == 2 else image, "" if index % 4 == 3 else audio, CLASSES[index % 2]))
        table(folder / f"{split}.csv", rows)
    return folder
