"""How often every word gets its class, and how many spans are found whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from swinkit.types import Batch, Tags


class TagAccuracy:
    """Accuracy over words; per class F1, recall and precision; F1 of spans where the classes are O, B-NAME, I-NAME.

    Words of class -1 are not labelled and do not count.
    """

    main: ClassVar[str] = "accuracy"

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)
        """[truth prediction] words."""
        self.spans = {"found": 0, "true": 0, "right": 0}
        self.whole = [0, 0]
        """Texts without a mistake, and all."""

    @property
    def chunked(self) -> bool:
        """Whether the classes say where spans begin."""
        return any(name.startswith("B-") for name in self.classes)

    def update(self, predictions: Sequence[Tags], batch: Batch) -> None:
        """Count one batch; `batch.target` [b length] holds the classes of cells."""
        if len(predictions) != len(batch.target):
            raise ValueError(f"{len(predictions)} predictions for {len(batch.target)} targets: pass one for each")
        count = len(self.classes)
        for row, prediction in enumerate(predictions):
            truth, found = self._known(prediction, batch, row)
            if not len(truth):
                continue
            self.confusion += torch.bincount(truth * count + found, minlength=count * count).view(count, count)
            self.whole[0] += int(truth.equal(found))
            self.whole[1] += 1
            if self.chunked:
                mine, true = (spans([self.classes[label] for label in each.tolist()]) for each in (found, truth))
                for name, several in (("found", mine), ("true", true), ("right", mine & true)):
                    self.spans[name] += len(several)

    def score(self, prediction: Tags, batch: Batch) -> float | None:
        """The share of words that are right."""
        truth, found = self._known(prediction, batch, 0)
        return float((truth == found).double().mean()) if len(truth) else None

    def merge(self, other: TagAccuracy) -> None:
        """Add what another process counted."""
        if other.classes != self.classes:
            raise ValueError(f"cannot add counts of classes {other.classes} to those of {self.classes}")
        self.confusion += other.confusion
        self.spans = {name: value + other.spans[name] for name, value in self.spans.items()}
        self.whole = [mine + theirs for mine, theirs in zip(self.whole, other.whole, strict=True)]

    def result(self) -> dict[str, float]:
        """`accuracy`, `whole_texts` without a mistake, `macro_f1` over the classes in the truth, `span_f1` where there
        are spans, and `f1/NAME`, as fractions."""
        total = int(self.confusion.sum())
        if not total:
            return {}
        each = {row["name"]: row["f1"] for row in self._rows() if row["count"] and row["f1"] is not None}
        figures = {"accuracy": self.confusion.trace().item() / total, "whole_texts": self.whole[0] / self.whole[1]}
        figures["macro_f1"] = sum(each.values()) / max(len(each), 1)
        if (some := self.spans["found"] + self.spans["true"]) and self.chunked:
            figures["span_f1"] = 2 * self.spans["right"] / some
        return figures | {f"f1/{name}": value for name, value in each.items()}

    def details(self) -> dict[str, Any]:
        """The confusion matrix; per class F1, recall, precision and true words."""
        return {"classes": list(self.classes), "confusion": self.confusion.tolist(), "per_class": self._rows()}

    def _known(self, prediction: Tags, batch: Batch, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        truth = batch.target[row].cpu()[batch.cells(row)]
        return truth[truth >= 0], prediction.labels[truth >= 0]

    def _rows(self) -> list[dict[str, Any]]:
        hits, truth, chosen = self.confusion.diag(), self.confusion.sum(1), self.confusion.sum(0)
        rows = zip(self.classes, hits.tolist(), truth.tolist(), chosen.tolist(), strict=True)
        return [
            {
                "name": name,
                "f1": 2 * hit / (true + guess) if true + guess else None,
                "recall": hit / true if true else None,
                "precision": hit / guess if guess else None,
                "count": true,
            }
            for name, hit, true, guess in rows
        ]


def spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """(name, first word, word after the last) of every span, as CoNLL's `conlleval` counts them: one begins with B-, or
    with I- where no span of its name goes on (Tjong Kim Sang and Buchholz 2000)."""
    found: set[tuple[str, int, int]] = set()
    name, start = "", 0
    for at, tag in enumerate([*tags, "O"]):
        kind, _, of = tag.partition("-")
        goes_on = kind == "I" and name == of and bool(name)
        if name and not goes_on:
            found.add((name, start, at))
            name = ""
        if kind in ("B", "I") and of and not goes_on:
            name, start = of, at
    return found
