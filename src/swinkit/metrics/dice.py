"""Overlap and surface distance of label maps, case by case, as medical challenges report them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from swinkit.types import Batch, LabelMap


class DiceScore:
    """Dice coefficient of every class but the first (the background), averaged over cases, then over classes; and the
    95th percentile of the Hausdorff distance in millimetres.

    A class that a case has neither in truth nor in prediction has no figure there (as in nnU-Net's evaluation); one
    that only one of them has counts as Dice 0 and has no distance. Where the cells' size is unknown it is 1.
    """

    main: ClassVar[str] = "dice"

    def __init__(self, classes: Sequence[str], ignore: Sequence[int] = (255,)) -> None:
        self.classes, self.ignore = tuple(classes), tuple(ignore)
        self.cases: list[dict[str, Any]] = []
        """{"id", "dice" [classes - 1], "hd95" [classes - 1]}; None where undefined."""

    def update(self, predictions: Sequence[LabelMap], batch: Batch) -> None:
        """Count one batch; `batch.target` holds a map for each prediction, padded at the high end beyond its size."""
        if len(predictions) != len(batch.target):
            raise ValueError(f"{len(predictions)} predictions for {len(batch.target)} targets: pass one for each")
        for index, prediction in enumerate(predictions):
            target = batch.target[index]
            if batch.sizes:
                target = target[tuple(slice(n) for n in batch.sizes[index])]
            spacing = batch.spacings[index] if batch.spacings else ()
            self.count(prediction.labels.numpy(), target.cpu().numpy(), spacing, prediction.id)

    def count(self, labels: np.ndarray, target: np.ndarray, spacing: Sequence[float] = (), id: str = "map") -> None:
        """Count one case [*space]; `spacing`: millimetres of a cell along each axis."""
        if labels.shape != target.shape:
            raise ValueError(f"{id}: prediction {labels.shape} and target {target.shape} differ in size")
        known = ~np.isin(target, self.ignore)
        spacing = tuple(spacing) or (1.0,) * labels.ndim
        pairs = [((labels == k) & known, (target == k) & known) for k in range(1, len(self.classes))]
        self.cases.append(
            {"id": id, "dice": [overlap(*pair) for pair in pairs], "hd95": [distance(*pair, spacing) for pair in pairs]}
        )

    def score(self, prediction: LabelMap, batch: Batch) -> float | None:
        """The mean Dice of one case."""
        alone = DiceScore(self.classes, self.ignore)
        alone.update([prediction], batch)
        return alone.result().get(self.main)

    def merge(self, other: DiceScore) -> None:
        """Add what another process counted."""
        if other.classes != self.classes:
            raise ValueError(f"cannot add counts of classes {other.classes} to those of {self.classes}")
        self.cases += other.cases

    def result(self) -> dict[str, float]:
        """`dice` and `hd95_mm`, means over the classes, and `dice/NAME`."""
        rows = self._rows()
        found: dict[str, float] = {}
        for key, name in (("dice", "dice"), ("hd95", "hd95_mm")):
            values = [row[key] for row in rows if row[key] is not None]
            found |= {name: float(np.mean(values))} if values else {}
        return found | {f"dice/{row['name']}": row["dice"] for row in rows if row["dice"] is not None}

    def details(self) -> dict[str, Any]:
        """Per class Dice, distance and number of cases; every case."""
        return {"classes": list(self.classes), "per_class": self._rows(), "cases": self.cases}

    def _rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for place, name in enumerate(self.classes[1:]):
            found = {
                key: [case[key][place] for case in self.cases if case[key][place] is not None]
                for key in ("dice", "hd95")
            }
            means = {key: float(np.mean(values)) if values else None for key, values in found.items()}
            rows.append({"name": name, **means, "count": len(found["dice"])})
        return rows


def overlap(ours: Bool[np.ndarray, "*space"], truth: Bool[np.ndarray, "*space"]) -> float | None:
    """2 |A and B| / (|A| + |B|); None where both are empty."""
    total = int(ours.sum()) + int(truth.sum())
    return 2 * int((ours & truth).sum()) / total if total else None


def distance(
    ours: Bool[np.ndarray, "*space"], truth: Bool[np.ndarray, "*space"], spacing: Sequence[float]
) -> float | None:
    """The larger of the two 95th percentiles of the distances from the surface cells of one to those of the other
    (as MONAI's compute_hausdorff_distance), in the unit of `spacing`; None where one is empty."""
    if not ours.any() or not truth.any():
        return None
    both = ours | truth
    box = tuple(
        slice(max(0, int(places.min()) - 1), int(places.max()) + 2) for places in (axis for axis in both.nonzero())
    )
    surfaces = [mask & ~ndimage.binary_erosion(mask) for mask in (np.pad(each[box], 1) for each in (ours, truth))]
    to = [ndimage.distance_transform_edt(~surface, sampling=spacing) for surface in surfaces]
    return float(max(np.percentile(to[1][surfaces[0]], 95), np.percentile(to[0][surfaces[1]], 95)))
