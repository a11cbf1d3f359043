"""The linear control of sounds: their log spectrum in eight parts of time, by a support vector machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from classification import wilson
from record import rounded

from swinkit.recipes import Recipe
from swinkit.recipes.parts import open_data
from swinkit.types import Dataset

BINS, SIZE, HOP = 8, 256, 80


def accuracy(recipe: Recipe, splits: list[str]) -> dict[str, Any]:
    """Train on the recipe's training split; figures on the others (value and interval of test)."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    model = make_pipeline(StandardScaler(), SVC(C=10.0))
    model.fit(*_features(recipe, open_data(recipe, "train")))
    facts: dict[str, Any] = {}
    for split in splits:
        data = open_data(recipe, split)
        found = float(model.score(*_features(recipe, data)))
        facts["validation" if split == "val" else "value"] = rounded(found)
        if split == "test":
            facts["interval"] = [rounded(bound) for bound in wilson(found, len(data))]
    return facts


def _features(recipe: Recipe, data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """[sounds 8 * bins] and their classes."""
    rows, classes = [], []
    for index in range(len(data)):
        sample: Any = recipe.modality.read(data[index])
        spectrum = torch.stft(
            sample.grid[0], SIZE, HOP, window=torch.hann_window(SIZE), pad_mode="constant", return_complex=True
        )
        power = (spectrum.abs().square() + 1e-8).log()
        rows.append(torch.nn.functional.adaptive_avg_pool1d(power[None], BINS).flatten().numpy())
        classes.append(int(sample.target))
    return np.stack(rows), np.array(classes)
