"""Overlap of predicted and true label maps, from one confusion matrix over the whole split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from swinkit.types import Batch, LabelMap


class MeanIou:
    """Intersection over union of every class, over all cells of a split whose truth is not ignored.

    The mean is over the classes that occur in the truth or in a prediction; a class that does neither has no IoU and is
    left out, one that is only predicted counts as 0 (the rule of the VOC, Cityscapes and ADE20K evaluations).
    """

    main: ClassVar[str] = "miou"

    def __init__(self, classes: Sequence[str], ignore: Sequence[int] = (255,)) -> None:
        self.classes, self.ignore = tuple(classes), tuple(ignore)
        self.confusion: Int[Tensor, "truth prediction"] = torch.zeros(len(classes), len(classes), dtype=torch.int64)

    def update(self, predictions: Sequence[LabelMap], batch: Batch) -> None:
        """Count one batch; `batch.target` holds a map for each prediction, padded at the high end beyond its size."""
        if len(predictions) != len(batch.target):
            raise ValueError(f"{len(predictions)} predictions for {len(batch.target)} targets: pass one for each")
        for index, prediction in enumerate(predictions):
            target = batch.target[index]
            if batch.sizes:
                target = target[tuple(slice(n) for n in batch.sizes[index])]
            self.count(prediction.labels, target, prediction.id)

    def count(self, labels: Integer[Tensor, "*space"], target: Int[Tensor, "*same"], id: str = "map") -> None:
        """Count one map; `id` names it in an error."""
        if labels.shape != target.shape:
            raise ValueError(f"{id}: prediction {tuple(labels.shape)} and target {tuple(target.shape)} differ in size")
        truth, chosen, k = target.flatten().cpu().long(), labels.flatten().cpu().long(), len(self.classes)
        for value in self.ignore:
            kept = truth != value
            truth, chosen = truth[kept], chosen[kept]
        if truth.numel() and (int(truth.min()) < 0 or int(truth.max()) >= k):
            raise ValueError(f"{id}: the target holds class {int(truth.max())}, but there are {k}; add it or ignore it")
        # As torchmetrics counts; its own bincount becomes k * k passes where deterministic algorithms are asked for.
        self.confusion += torch.bincount(truth * k + chosen, minlength=k * k).view(k, k)

    def score(self, prediction: LabelMap, batch: Batch) -> float | None:
        """The mean IoU of one map alone."""
        alone = MeanIou(self.classes, self.ignore)
        alone.update([prediction], batch)
        return alone.result().get(self.main)

    def merge(self, other: MeanIou) -> None:
        """Add what another process counted."""
        if other.classes != self.classes:
            raise ValueError(f"cannot add counts of classes {other.classes} to those of {self.classes}")
        self.confusion += other.confusion

    def result(self) -> dict[str, float]:
        """`miou`, `pixel_accuracy`, `mean_accuracy` (over classes in the truth) and `iou/NAME`, as fractions."""
        rows = self._rows()
        found = {
            "miou": [row["iou"] for row in rows if row["iou"] is not None],
            "pixel_accuracy": [self.confusion.trace().item() / cells] if (cells := self.confusion.sum().item()) else [],
            "mean_accuracy": [row["accuracy"] for row in rows if row["accuracy"] is not None],
        }
        figures = {name: sum(values) / len(values) for name, values in found.items() if values}
        return figures | {f"iou/{row['name']}": row["iou"] for row in rows if row["iou"] is not None}

    def details(self) -> dict[str, Any]:
        """The confusion matrix; per class IoU, accuracy (recall) and true cells, None where undefined."""
        return {"classes": list(self.classes), "confusion": self.confusion.tolist(), "per_class": self._rows()}

    def _rows(self) -> list[dict[str, Any]]:
        hits, truth, chosen = self.confusion.diag(), self.confusion.sum(1), self.confusion.sum(0)
        rows: list[dict[str, Any]] = []
        for name, hit, true, guess in zip(self.classes, hits.tolist(), truth.tolist(), chosen.tolist(), strict=True):
            union = true + guess - hit
            rows.append(
                {
                    "name": name,
                    "iou": hit / union if union else None,
                    "accuracy": hit / true if true else None,
                    "count": true,
                }
            )
        return rows
