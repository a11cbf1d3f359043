"""What suits segmentation: the values that a user who only names data and model gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from swinkit.files import DataError
from swinkit.files.masks import IGNORE
from swinkit.ops.losses import frequencies, median_frequency
from swinkit.recipes import volumes
from swinkit.recipes.layouts import Say, open_split
from swinkit.recipes.plain import KIND, kind_name
from swinkit.recipes.suiting import SMALL_TRAINING, fast_precision, picture_sizes, spread, suitable_model, training_view
from swinkit.types import Dataset, Layout

SMALL: dict[str, Any] = {
    "task": {"decoder": "fpn", "detail": 2, "channels": 64, "dice": 1.0},
    "training": {
        **SMALL_TRAINING,
        "batch": 16,
        "rate": 3e-3,
    },
}
"""Our small models, from scratch, on small data: chosen on the validation split of digit scenes."""

PUBLISHED: dict[str, Any] = {
    "task": {"decoder": "upernet"},
    "training": {
        "batch": 16,
        "rate": 5e-4,
        "weight_decay": 0.05,
        "warmup": 0.05,
        "schedule": "poly",
        "power": 1.0,
        "clip": 1.0,
        "ema": 0.999,
    },
}
"""The published sizes from scratch, with the head and schedule of their papers and a rate for random weights."""

FINE_TUNED: dict[str, Any] = {
    "task": {"decoder": "upernet"},
    "training": {**PUBLISHED["training"], "rate": 6e-5, "weight_decay": 0.01, "ema": None},
}
"""The published sizes from trained weights: the published fine-tuning."""

BUILT_IN: dict[str, dict[str, Any]] = {
    "digit_scenes": {  # a mirrored digit is no digit, and colours are drawn at random as they are
        "modality": {"flip": 0.0, "zoom": (0.9, 1.1), "brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
    },
}
"""What a built-in data set needs beside."""

COUNTED = 1000
"""Masks that class frequencies are counted on, spread evenly over the split."""
WEIGHT_POWER = 0.5
"""Exponent of the median-frequency weights: 1 evens the classes out completely, at the frequent ones' cost."""


def defaults(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe for that data, as plain values; what was said is looked at where it decides on other values."""
    layout = layout.resolved()
    training = open_split(layout, "train", say=say)
    for split in layout.splits():
        open_split(layout, split)  # files that do not belong together should show now, not after the training
    if modality == "volume":
        task = {KIND: "segment", "classes": list(training.classes), **_shares(training, said)}
        return volumes.defaults(layout, said, modality, training, task, say)
    sizes = picture_sizes(training)
    name = said.get("model", {}).get("name") or suitable_model(sizes)
    small = name.startswith(("swin_nano", "swin_micro"))
    chosen = SMALL if small else FINE_TUNED if said.get("model", {}).get("weights") else PUBLISHED
    beside = BUILT_IN.get(kind_name("data", layout), {})
    task = {KIND: "segment", "classes": list(training.classes), **_decoder(chosen["task"], said.get("task", {}))}
    task |= _shares(training, said)
    view = {} if {"size", "scale", "shorter"} & set(said.get("modality", {})) else training_view(sizes)
    batch = said.get("training", {}).get("batch", chosen["training"]["batch"])
    length = {"steps": _steps(len(training), batch, small)}
    say(f"model: {name}, decoder {task['decoder']}, {len(training.classes)} classes, {len(training)} training samples")
    return {
        "task": task,
        "data": {KIND: kind_name("data", layout), **asdict(layout)},
        "model": {"name": name},
        "modality": {KIND: modality, **view, **beside.get("modality", {})},
        "training": {**chosen["training"], **length, "precision": fast_precision(), **beside.get("training", {})},
    }


def _decoder(chosen: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The chosen decoder with its settings, or the one that was asked for with its own defaults."""
    decoder = said.get("decoder", chosen["decoder"])
    return dict(chosen) if decoder == chosen["decoder"] else {"decoder": decoder}


def _steps(samples: int, batch: Any, small: bool) -> int:
    """Enough passes for small data to be learnt, and an end for large data."""
    epochs, least, most = (40, 1000, 20_000) if small else (100, 2000, 160_000)
    return int(min(max(epochs * samples / batch, least), most)) if isinstance(batch, int) and batch > 0 else least


def _shares(training: Dataset, said: Mapping[str, Any]) -> dict[str, Any]:
    """Class weights and prior, as far as they were not said."""
    return _balance(training, {name for name in ("class_weights", "prior") if name not in said.get("task", {})})


def _balance(split: Dataset, wanted: set[str]) -> dict[str, Any]:
    """Class weights and prior of the split, as far as they are wanted."""
    if not wanted:
        return {}
    counts = np.zeros(len(split.classes), dtype=np.int64)
    totals = np.zeros_like(counts)
    for index in spread(len(split), COUNTED):
        target = split[index].target
        mask = target if isinstance(target, np.ndarray) else target.read()
        here = np.bincount(mask[mask != IGNORE].ravel(), minlength=len(counts))[: len(counts)]
        if not here.any():
            file = getattr(target, "path", split[index].id)
            raise DataError(
                file,
                "every pixel is ignored, so nothing can be learned from it: label it or take it away",
                field="mask",
            )
        counts += here
        totals += np.where(here > 0, here.sum(), 0)
    values = {"prior": frequencies(counts.tolist()), "class_weights": None}
    values["class_weights"] = median_frequency(counts.tolist(), totals.tolist(), power=WEIGHT_POWER)
    return {name: [float(f"{value:.6g}") for value in values[name]] for name in sorted(wanted)}
