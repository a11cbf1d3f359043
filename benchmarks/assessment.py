"""How good a segmentation model is on a split: the figure, its interval, and the figure on parts of the split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from swinkit.engine import Loader
from swinkit.recipes import Recipe
from swinkit.recipes.parts import open_data

DRAWS = 2000
"""Resamplings of the split for an interval."""


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Confusion of every sample of a split."""

    split: str
    ids: tuple[str, ...]
    confusions: np.ndarray
    """[sample truth prediction] counts."""
    classes: tuple[str, ...]

    @property
    def miou(self) -> float:
        """Mean IoU over the classes that are in truth or prediction."""
        return mean_iou(self.confusions.sum(0))

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the mean IoU under resampling of the samples; neighbouring frames of a film make it too narrow."""
        rng = np.random.default_rng(0)
        count = len(self.ids)
        draws = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS)
        flat = self.confusions.reshape(count, -1)
        totals = (draws @ flat).reshape(DRAWS, *self.confusions.shape[1:])
        low, high = np.quantile([mean_iou(total) for total in totals], (0.025, 0.975))
        return float(low), float(high)

    def part(self, belongs: Callable[[str], bool]) -> float | None:
        """Mean IoU over the samples whose id belongs, None where there are none."""
        chosen = np.array([belongs(name) for name in self.ids], dtype=bool)
        return mean_iou(self.confusions[chosen].sum(0)) if chosen.any() else None

    def per_class(self) -> dict[str, float]:
        """IoU of every class that is in truth or prediction."""
        found = iou(self.confusions.sum(0))
        return {name: float(value) for name, value in zip(self.classes, found, strict=True) if np.isfinite(value)}

    def pixel_accuracy(self) -> float:
        """Share of the labelled pixels that are right."""
        total = self.confusions.sum(0)
        return float(np.trace(total) / total.sum())

    def figures(self) -> Mapping[str, float]:
        """What is said about a part on validation."""
        return {"miou": self.miou, "pixel_accuracy": self.pixel_accuracy()}


def assess(recipe: Recipe, model: nn.Module, split: str, device: torch.device) -> Assessment:
    """Predict every sample of the split, as `swinkit evaluate` does, and count each on its own."""
    data = open_data(recipe, split)
    loader = Loader(dataset=data, modality=recipe.modality, batch=min(recipe.training.batch, 16), workers=0)
    ids: list[str] = []
    confusions: list[np.ndarray] = []
    model.eval()
    for batch in loader.once():
        batch = batch.to(device)
        with torch.inference_mode():
            predictions = recipe.task.predict(model, batch)
        for index, prediction in enumerate(predictions):
            height, width = batch.sizes[index]
            truth = np.asarray(batch.target[index].cpu())[:height, :width]
            confusions.append(confusion(truth, prediction.labels.numpy(), len(data.classes)))
        ids.extend(batch.ids)
    return Assessment(split=split, ids=tuple(ids), confusions=np.stack(confusions), classes=data.classes)


def confusion(truth: np.ndarray, prediction: np.ndarray, classes: int) -> np.ndarray:
    """[truth prediction] counts of the pixels whose truth is a class."""
    known = (truth >= 0) & (truth < classes)
    pairs = truth[known].astype(np.int64) * classes + prediction[known]
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def iou(counts: np.ndarray) -> np.ndarray:
    """[class]; NaN for a class that is neither in truth nor in prediction."""
    hits = np.diag(counts).astype(np.float64)
    union = counts.sum(0) + counts.sum(1) - hits
    return np.divide(hits, union, out=np.full_like(hits, np.nan), where=union > 0)


def mean_iou(counts: np.ndarray) -> float:
    """Mean over the classes that are in truth or prediction."""
    return float(np.nanmean(iou(counts)))
