"""How often, and how honestly, one class is chosen for a whole sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from swinkit.types import Batch, ClassScores

BINS = 15
"""Equal intervals of confidence for the calibration error (Guo et al. 2017)."""
TOP = 5


class Accuracy:
    """Top-1 and top-5 accuracy, the mean over classes, the calibration error and the confusion matrix.

    Samples of class -1 are not labelled and do not count.
    """

    main: ClassVar[str] = "accuracy"

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.confusion = torch.zeros(len(classes), len(classes), dtype=torch.int64)
        """[truth prediction] samples."""
        self.near = 0
        """Samples whose truth is among the five most probable classes."""
        self.bins = torch.zeros(3, BINS, dtype=torch.float64)
        """Samples, sum of their confidence, and how many of them are right, in each interval of confidence."""

    def update(self, predictions: Sequence[ClassScores], batch: Batch) -> None:
        """Count one batch; `batch.target` [b] holds the classes."""
        if len(predictions) != len(batch.target):
            raise ValueError(f"{len(predictions)} predictions for {len(batch.target)} targets: pass one for each")
        truth = batch.target.cpu()
        if int(truth.max()) >= len(self.classes):
            raise ValueError(f"the target holds class {int(truth.max())}, but there are {len(self.classes)}")
        known = truth >= 0
        if not known.any():
            return
        scores = torch.stack([prediction.scores for prediction in predictions]).double()[known]
        truth = truth[known]
        confidence, chosen = scores.max(1)
        right = chosen == truth
        k = len(self.classes)
        self.confusion += torch.bincount(truth * k + chosen, minlength=k * k).view(k, k)
        self.near += int((scores.topk(min(TOP, k)).indices == truth[:, None]).any(1).sum())
        places = (confidence * BINS).ceil().long().sub(1).clamp(0, BINS - 1)
        self.bins += torch.stack(
            [
                torch.bincount(places, weights=values, minlength=BINS)
                for values in (torch.ones_like(confidence), confidence, right.double())
            ]
        )

    def score(self, prediction: ClassScores, batch: Batch) -> float | None:
        """The probability of the true class."""
        truth = int(batch.target[0])
        return float(prediction.scores[truth]) if truth >= 0 else None

    def merge(self, other: Accuracy) -> None:
        """Add what another process counted."""
        if other.classes != self.classes:
            raise ValueError(f"cannot add counts of classes {other.classes} to those of {self.classes}")
        self.confusion += other.confusion
        self.near += other.near
        self.bins += other.bins

    def result(self) -> dict[str, float]:
        """`accuracy`, `top5_accuracy` (of more than five classes), `mean_accuracy` over the classes in the truth,
        `calibration_error` (expected, 15 intervals) and `recall/NAME`, as fractions."""
        total = int(self.confusion.sum())
        if not total:
            return {}
        rows = self._rows()
        recalls = {row["name"]: row["recall"] for row in rows if row["recall"] is not None}
        figures = {"accuracy": self.confusion.trace().item() / total}
        if len(self.classes) > TOP:
            figures["top5_accuracy"] = self.near / total
        figures["mean_accuracy"] = sum(recalls.values()) / len(recalls)
        figures["calibration_error"] = float((self.bins[1] - self.bins[2]).abs().sum() / total)
        return figures | {f"recall/{name}": value for name, value in recalls.items()}

    def details(self) -> dict[str, Any]:
        """The confusion matrix; per class F1, recall, precision and true samples; the reliability diagram's points."""
        return {
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "per_class": self._rows(),
            "calibration": [
                {"samples": int(count), "confidence": confidence / count, "accuracy": right / count}
                for count, confidence, right in self.bins.T.tolist()
                if count
            ],
        }

    def _rows(self) -> list[dict[str, Any]]:
        hits, truth, chosen = self.confusion.diag(), self.confusion.sum(1), self.confusion.sum(0)
        rows: list[dict[str, Any]] = []
        for name, hit, true, guess in zip(self.classes, hits.tolist(), truth.tolist(), chosen.tolist(), strict=True):
            rows.append(
                {
                    "name": name,
                    "f1": 2 * hit / (true + guess) if true + guess else None,
                    "recall": hit / true if true else None,
                    "precision": hit / guess if guess else None,
                    "count": true,
                }
            )
        return rows
