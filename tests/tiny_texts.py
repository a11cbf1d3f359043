"""Texts small enough to be learnt in a moment, and recipes that do so."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

WORDS = "the film was about a man and his dog who went to sea one day in may".split()
TELLING = {"bad": ("dull", "awful", "poor"), "good": ("great", "lovely", "fine")}
TINY = {
    "model.changes": {
        "width": 16,
        "depths": [1, 1],
        "heads": [1, 1],
        "window": [[4]],
        "drop_path": 0.0,
        "stem": {"kind": "tokens", "dropout": 0.0, "std": 0.5},
    },
    "modality.vocabulary": 64,
    "modality.grams": 2,
    "modality.pairs": False,
    "modality.buckets": 32,
    "modality.drop": 0.0,
    "training.batch": 16,
    "training.rate": 0.02,
    "training.precision": "fp32",
    "training.steps": 60,
    "training.evaluate_every": 30,
    "training.workers": 0,
    "training.ema": None,
}
"""Changes that make a recipe tiny."""


def sentences(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """(label, text): the label shows in one word."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, str]] = []
    for index in range(count):
        label = sorted(TELLING)[index % 2]
        words = [str(word) for word in rng.choice(WORDS, rng.integers(3, 9))]
        words.insert(int(rng.integers(len(words))), str(rng.choice(TELLING[label])))
        rows.append((label, " ".join(words)))
    return rows


def table(path: Path, rows: list[tuple[str, str]], header: tuple[str, str] = ("label", "text")) -> Path:
    """Write a CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def tables(folder: Path) -> Path:
    """train.csv, dev.csv and test.csv."""
    for name, count, seed in (("train", 64, 0), ("dev", 16, 1), ("test", 16, 2)):
        table(folder / f"{name}.csv", sentences(count, seed))
    return folder


def conll(folder: Path) -> Path:
    """train.conll and test.conll: telling words are spans of their label."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {word: label for label, words in TELLING.items() for word in words}
    for name, count, seed in (("train", 48, 0), ("test", 12, 1)):
        lines: list[str] = []
        for _, text in sentences(count, seed):
            lines += [f"{word}\t{'B-' + kinds[word] if word in kinds else 'O'}" for word in text.split()] + [""]
        (folder / f"{name}.conll").write_text("\n".join(lines), encoding="utf-8")
    return folder
