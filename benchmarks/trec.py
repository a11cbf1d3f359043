"""TREC questions as words for a rank-1 Swin: what `mixing_quality.py` needs of text, and no more."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swinkit.backbone import SwinConfig, Tokens
from swinkit.engine import Training
from swinkit.engine.optimise import adamw, set_rate
from swinkit.models.build import classifier

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "trec"
UNKNOWN = 1  # 0 is padding, which `valid` hides
HELD_OUT = 10
"""Every tenth training question is for validation."""


@dataclass(frozen=True, slots=True)
class Questions:
    """Word ids and a class for every question."""

    words: list[list[int]]
    classes: list[int]

    def batches(self, size: int, order: list[int]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """ids [b 1 length], valid [b length], classes [b]."""
        for start in range(0, len(order), size):
            rows = [self.words[i] for i in order[start : start + size]]
            ids = torch.zeros(len(rows), 1, max(map(len, rows)), dtype=torch.int64)
            for place, row in zip(ids, rows, strict=True):
                place[0, : len(row)] = torch.tensor(row)
            yield ids, ids[:, 0] != 0, torch.tensor([self.classes[i] for i in order[start : start + size]])


def read(data: Path = DATA) -> tuple[dict[str, Questions], int]:
    """train, val and test, and the size of the vocabulary: words that two training questions have."""
    rows = {name: list(csv.DictReader((data / f"{name}.csv").open(encoding="utf-8"))) for name in ("train", "test")}
    train = [row for i, row in enumerate(rows["train"]) if i % HELD_OUT]
    held = rows["train"][::HELD_OUT]
    counts = Counter(word for row in train for word in set(_words(row["text"])))
    table = {word: i + 2 for i, word in enumerate(sorted(word for word, count in counts.items() if count > 1))}
    names = sorted({row["coarse"] for row in train})

    def numbered(rows: list[dict[str, str]]) -> Questions:
        words = [[table.get(word, UNKNOWN) for word in _words(row["text"])] for row in rows]
        return Questions(words, [names.index(row["coarse"]) for row in rows])

    return {"train": numbered(train), "val": numbered(held), "test": numbered(rows["test"])}, len(table) + 2


def train(changes: dict[str, Any], seed: int, *, epochs: int, splits: list[str]) -> dict[str, float]:
    """Accuracy on `splits` of a small Swin after so many epochs; `changes` are fields of its configuration."""
    data, vocabulary = read()
    torch.manual_seed(seed)
    base: dict[str, Any] = dict(
        stem=Tokens(vocabulary=vocabulary), width=64, depths=(2,), heads=(2,), window=((8,),), small_map="pad",
        drop_path=0.1, init_std=None,
    )  # fmt: skip
    model = classifier(SwinConfig(**{**base, **changes}), classes=6).train()
    nn.init.normal_(model.stem.table.weight, std=1.0)
    training = Training(epochs=epochs, batch=50, rate=4e-3, betas=(0.9, 0.98), warmup=0.1)
    optimiser, steps = adamw(model, training), training.total(len(data["train"].words))
    for step, (ids, valid, classes) in enumerate(_passes(data["train"], training.batch, epochs)):
        set_rate(optimiser, training.rate * training.factor(step, steps))
        ids = ids.masked_fill((torch.rand(ids.shape) < 0.1) & (ids > 0), UNKNOWN)  # word dropout
        loss = F.cross_entropy(model(ids, valid), classes, label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return {split: _accuracy(model.eval(), data[split]) for split in splits}


def _words(text: str) -> list[str]:
    return re.sub(r"\d+", "0", text.lower()).split()


def _passes(questions: Questions, batch: int, epochs: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    for _ in range(epochs):
        yield from questions.batches(batch, torch.randperm(len(questions.words)).tolist())


@torch.no_grad()
def _accuracy(model: nn.Module, questions: Questions) -> float:
    right = sum(
        int((model(ids, valid).argmax(-1) == classes).sum())
        for ids, valid, classes in questions.batches(100, list(range(len(questions.words))))
    )
    return right / len(questions.words)
