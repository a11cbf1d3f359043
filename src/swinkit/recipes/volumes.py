"""What suits segmentation of volumes: the values that a user who only names data and model gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from swinkit.files.volumes import read_volume
from swinkit.recipes.layouts import Say
from swinkit.recipes.plain import KIND, kind_name
from swinkit.recipes.suiting import SMALL_TRAINING, fast_precision, spread
from swinkit.types import Dataset, Layout

SMALL: dict[str, Any] = {
    "task": {"decoder": "unet", "channels": 16, "dice": 1.0, "measure": "dice", "class_weights": None},
    "training": {**SMALL_TRAINING, "batch": 2, "rate": 2e-3},
}
"""Our small models, from scratch. Classes are not weighted: Dice evens them out already, and weights on top make every
structure too large (hippocampus, validation Dice 0.854 without in 400 steps, 0.834 with in 634)."""

PUBLISHED: dict[str, Any] = {
    "task": {"decoder": "unet", "dice": 1.0, "measure": "dice", "class_weights": None},
    "training": {
        "batch": 2,
        "rate": 4e-4,
        "weight_decay": 1e-5,
        "warmup": 0.05,
        "schedule": "cosine",
        "clip": 1.0,
    },
}
"""Swin UNETR (Tang et al. 2022: AdamW, warm-up, cosine)."""

LOOKED_AT = 24
"""Volumes whose size and spacing are read, spread over the split."""
PATCH = {True: 64, False: 96}
"""Longest side of the training patch, whether the model is one of our small ones."""
UNEVEN = 1.05
"""Volumes whose cells differ by more than this are resampled to their median."""
STEPS = {True: (1000, 20_000), False: (2000, 160_000)}
EPOCHS = 60


def defaults(
    layout: Layout, said: Mapping[str, Any], modality: str, training: Dataset, task: Mapping[str, Any], say: Say
) -> dict[str, Any]:
    """The whole recipe as plain values; `task`: what the classes and their frequencies have settled."""
    sizes, spacings = _looked_at(training)
    name = said.get("model", {}).get("name") or "swin_nano_3d"
    small = name.startswith(("swin_nano", "swin_micro"))
    chosen = SMALL if small else PUBLISHED
    spacing = said.get("modality", {}).get("spacing", _even(spacings))
    median = np.median(sizes if spacing is None else sizes * spacings / np.asarray(spacing), axis=0)
    size = said.get("modality", {}).get("size") or [int(min(PATCH[small], -(-side // 8) * 8)) for side in median]
    whole = bool((median * 1.25 <= np.asarray(size)).all()) or bool((median <= np.asarray(size)).all())
    window = {} if whole else {"window": list(size), "stride": [max(1, side // 2) for side in size]}
    batch = said.get("training", {}).get("batch", chosen["training"]["batch"])
    least, most = STEPS[small]
    steps = (
        int(min(max(EPOCHS * len(training) / batch, least), most)) if isinstance(batch, int) and batch > 0 else least
    )
    say(
        f"model: {name}, decoder unet, {len(training.classes)} classes, {len(training)} training volumes, "
        f"patches {size}"
    )
    return {
        "task": {**task, **chosen["task"], **window},
        "data": {KIND: kind_name("data", layout), **asdict(layout)},
        "model": {"name": name},
        "modality": {KIND: modality, "size": size, **({} if spacing is None else {"spacing": list(spacing)})},
        "training": {**chosen["training"], "steps": steps, "precision": fast_precision()},
    }


def _looked_at(training: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """[n 3] sizes in cells and [n 3] spacings in millimetres."""
    sizes: list[Sequence[int]] = []
    spacings: list[Sequence[float]] = []
    for index in spread(len(training), LOOKED_AT):
        source = training[index].source
        if isinstance(source, Path):
            volume = read_volume(source)
            sizes.append(volume.values.shape)
            spacings.append(volume.spacing)
        else:
            sizes.append(source.shape)
            spacings.append((1.0, 1.0, 1.0))
    return np.asarray(sizes, float), np.asarray(spacings, float)


def _even(spacings: np.ndarray) -> list[float] | None:
    """The median of uneven spacings; None where they are even, and each axis about as fine as the others."""
    median = np.median(spacings, axis=0)
    ratio = np.maximum(spacings / median, median / spacings).max()
    return None if ratio <= UNEVEN else [round(float(value), 4) for value in median]
