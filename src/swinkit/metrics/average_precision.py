"""How well things are found: COCO's average precision (Lin et al. 2014), computed by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from swinkit.files import DataError
from swinkit.files.run_lengths import Runs, encoded
from swinkit.ops.boxes import iou, pairwise
from swinkit.types import Batch, Detections, Objects, Window

ENOUGH = 0.5
"""IoU from which a box counts as found, where one figure is wanted for one picture."""


Kind = Literal["bbox", "segm"]
"""Which overlap counts: that of boxes or that of masks."""


class _Picture(NamedTuple):
    """What is true and what was found in one picture."""

    id: str
    size: Window
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    found: np.ndarray
    found_labels: np.ndarray
    scores: np.ndarray
    masks: list[Runs] | None = None
    found_masks: list[Runs] | None = None


class AveragePrecision:
    """Area under precision over recall, by class, over the best 100 answers of every picture.

    `map` is the mean over the classes that the truth holds and IoU thresholds from 0.5 to 0.95, `map50` and `map75` at
    one threshold, `recall` the largest share of things found, over the same thresholds. Crowds are neither right nor
    wrong to find. With masks, `mask_map` and so on are the same where masks overlap, not boxes, and come first.
    """

    def __init__(self, classes: Sequence[str], *, sure: float = 0.25, masks: bool = False) -> None:
        """`sure`: answers from this score on count in `score` of one picture."""
        self.classes, self.sure, self.masks = tuple(classes), sure, masks
        self._pictures: list[_Picture] = []

    @property
    def main(self) -> str:
        """The figure that matters most."""
        return "mask_map" if self.masks else "map"

    def update(self, predictions: Sequence[Detections], batch: Batch) -> None:
        """Count one batch; `batch.target` holds the things of each picture, in its original pixels.

        Raises:
            DataError: there are no masks where they are to be counted.
        """
        if len(predictions) != len(batch.target):
            raise ValueError(f"{len(predictions)} predictions for {len(batch.target)} targets: pass one for each")
        for prediction, truth in zip(predictions, batch.target, strict=True):
            self._pictures.append(_picture(prediction, truth, masks=self.masks))

    def score(self, prediction: Detections, batch: Batch) -> float | None:
        """F1 of the sure answers at an IoU of 0.5; None where there is nothing to find and nothing was found."""
        truth: Objects = batch.target[0].to("cpu")
        sure = prediction.scores >= self.sure
        overlap = self._overlap(prediction, truth)[sure] * (prediction.labels[sure][:, None] == truth.labels)
        free, right, wrong = ~truth.crowd, 0, 0
        for row in overlap:  # best first, as they come
            best = int((row * free).argmax()) if len(row) else 0
            if len(row) and free[best] and row[best] >= ENOUGH:
                free[best] = False
                right += 1
            elif not (row[truth.crowd] > 0).any():
                wrong += 1
        missed = int(free.sum())
        return 2 * right / (2 * right + wrong + missed) if right + wrong + missed else None

    def _overlap(self, prediction: Detections, truth: Objects) -> Tensor:
        """[n m] IoU of every answer with every true thing, of their masks where these are counted."""
        if not self.masks or not len(prediction) or not len(truth):
            return pairwise(iou, prediction.boxes, truth.boxes)
        from faster_coco_eval.core import mask as library  # pyright: ignore[reportMissingTypeStubs]

        picture = _picture(prediction, truth, masks=True)
        return torch.from_numpy(np.asarray(library.iou(picture.found_masks, picture.masks, [0] * len(truth))))

    def merge(self, other: AveragePrecision) -> None:
        """Add what another process counted."""
        if other.classes != self.classes or other.masks != self.masks:
            raise ValueError(f"cannot add counts of classes {other.classes} to those of {self.classes}, or of masks")
        self._pictures += other._pictures

    def result(self) -> dict[str, float]:
        """`map`, `map50`, `map75` and `recall` as fractions, with masks `mask_map` and so on before them; nothing where
        the truth holds nothing."""
        return {name: value for prefix, kind in self._kinds() for name, value in self._figures(prefix, kind).items()}

    def details(self) -> dict[str, Any]:
        """Per class `map50`, `map` (with masks `mask_map50`, `mask_map` before them), None where the truth does not
        hold it, and the `count` of true things; `chosen` holds the setting of the task, `sure`, that serves best
        here."""
        evaluated = {prefix: self._evaluated(kind) for prefix, kind in self._kinds()}
        counts = np.zeros(len(self.classes), np.int64)
        for picture in self._pictures:
            counts += np.bincount(picture.labels[~picture.crowd], minlength=len(counts))
        rows: list[dict[str, Any]] = []
        for index, (name, count) in enumerate(zip(self.classes, counts.tolist(), strict=True)):
            row: dict[str, Any] = {"name": name}
            for prefix, tables in evaluated.items():
                found = figures(tables, index)
                row |= {prefix + figure: found.get(figure) for figure in ("map50", "map")}
            rows.append({**row, "count": count})
        sure = threshold(next(iter(evaluated.values())))
        chosen = {} if sure is None else {"chosen": {"sure": sure}}
        return {"classes": list(self.classes), "per_class": rows, **chosen}

    def _kinds(self) -> list[tuple[str, Kind]]:
        """What is counted, the most important first, and what the names of its figures begin with."""
        return [*([("mask_", "segm")] if self.masks else []), ("", "bbox")]

    def _figures(self, prefix: str, kind: Kind) -> dict[str, float]:
        return {prefix + name: value for name, value in figures(self._evaluated(kind)).items()}

    def _evaluated(self, kind: Kind) -> dict[str, Any] | None:
        """The library's tables, None where the truth holds nothing."""
        pictures = sorted(self._pictures, key=lambda picture: picture.id)  # who counted what changes nothing
        if not any((~picture.crowd).any() for picture in pictures):
            return None
        categories = [{"id": number, "name": name} for number, name in enumerate(self.classes, start=1)]
        images, truth, found = [], [], []
        for number, picture in enumerate(pictures, start=1):
            images.append({"id": number, "height": picture.size[0], "width": picture.size[1]})
            truth += _annotations(number, picture.boxes, picture.labels, picture.masks, crowd=picture.crowd)
            found += _annotations(
                number, picture.found, picture.found_labels, picture.found_masks, scores=picture.scores
            )
        from faster_coco_eval import COCO  # pyright: ignore[reportMissingTypeStubs]  # slow: only this needs it

        sides = [
            COCO({"images": images, "categories": categories, "annotations": _numbered(rows)})
            for rows in (truth, found)
        ]
        return evaluated(sides[0], sides[1], kind)


def evaluated(truth: Any, found: Any, kind: Kind = "bbox") -> dict[str, Any]:
    """The library's tables of two COCO documents: `precision` [IoU recall class area count], `recall` [IoU class area
    count], -1 where undefined.
    """
    from faster_coco_eval import COCOeval_faster  # pyright: ignore[reportMissingTypeStubs]

    evaluation = COCOeval_faster(truth, found, iouType=kind, print_function=_silent)
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation.eval


def figures(tables: dict[str, Any] | None, index: int | None = None) -> dict[str, float]:
    """`map`, `map50`, `map75` and `recall` of those tables, of one class or of all."""
    if tables is None:
        return {}
    which = slice(None) if index is None else slice(index, index + 1)
    precision = np.asarray(tables["precision"])[:, :, which, 0, -1]
    recall = np.asarray(tables["recall"])[:, which, 0, -1]
    parts = {"map": precision, "map50": precision[0], "map75": precision[5], "recall": recall}
    return {name: float(part[part > -1].mean()) for name, part in parts.items() if (part > -1).any()}


def threshold(tables: dict[str, Any] | None) -> float | None:
    """The score above which answers have the best F1 at an IoU of 0.5, the mean over the classes; None without any."""
    if tables is None:
        return None
    precision, scores = (np.asarray(tables[name])[0, :, :, 0, -1] for name in ("precision", "scores"))
    known = (precision > -1).any(0)
    if not known.any() or not (scores[:, known] > 0).any():
        return None
    recall = np.linspace(0, 1, len(precision))[:, None]
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    candidates = np.arange(1, 100) / 100
    means: list[float] = []
    for least in candidates:  # recall grows down the table as scores fall
        kept = scores >= least
        last = kept.sum(0) - 1
        found = np.where(last >= 0, f1[np.maximum(last, 0), np.arange(f1.shape[1])], 0.0)
        means.append(float(found[known].mean()))
    best = np.flatnonzero(np.isclose(means, max(means)))[-1]  # the tables end with the last thing found, not beyond
    return float(candidates[best])


def _picture(prediction: Detections, truth: Objects, *, masks: bool) -> _Picture:
    truth = truth.to("cpu")
    for name, each in (("the truth", truth), ("the answer", prediction)):
        if masks and each.masks is None:
            raise DataError(prediction.id, f"{name} has no masks, and they are to be counted", field="masks")
    return _Picture(
        prediction.id,
        prediction.size,
        truth.boxes.numpy(),
        truth.labels.numpy(),
        truth.crowd.numpy(),
        prediction.boxes.numpy(),
        prediction.labels.numpy(),
        prediction.scores.numpy(),
        *([encoded(each.masks.numpy()) for each in (truth, prediction) if each.masks is not None] if masks else []),
    )


def _annotations(
    picture: int,
    boxes: np.ndarray,
    labels: np.ndarray,
    masks: list[Runs] | None,
    *,
    crowd: np.ndarray | None = None,
    scores: np.ndarray | None = None,
) -> list[dict[str, Any]]:
    corners = boxes.astype(np.float64)
    sides = corners[:, 2:] - corners[:, :2]
    columns: dict[str, Sequence[Any]] = {
        "category_id": (labels + 1).tolist(),
        "bbox": np.concatenate([corners[:, :2], sides], 1).tolist(),
        "area": sides.prod(1).tolist(),
        "iscrowd": [0] * len(labels) if crowd is None else crowd.astype(int).tolist(),
        **({} if scores is None else {"score": scores.astype(float).tolist()}),
        **({} if masks is None else {"segmentation": masks}),
    }
    rows = zip(*columns.values(), strict=True)
    return [{"image_id": picture, **dict(zip(columns, row, strict=True))} for row in rows]


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": number, **row} for number, row in enumerate(rows, start=1)]  # 0 would count as not matched


def _silent(*_: Any) -> None:
    pass
