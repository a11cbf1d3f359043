"""What suits classification: the values that a user who only names data and model gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from swinkit.recipes import clips, series, texts
from swinkit.recipes.layouts import Say, open_split
from swinkit.recipes.plain import KIND, kind_name
from swinkit.recipes.suiting import SMALL_TRAINING, fast_precision, picture_sizes, suitable_model, training_view
from swinkit.types import Layout

SMALL: dict[str, Any] = {
    "task": {"smoothing": 0.1},
    "training": {
        **SMALL_TRAINING,
        "batch": 64,
        "rate": 2e-3,
    },
}
"""Our small models, from scratch."""

PUBLISHED: dict[str, Any] = {
    "task": {"smoothing": 0.1, "mixup": 0.8, "cutmix": 1.0},
    "modality": {
        "zoom": (1.0, 3.5), "stretch": 0.15, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "randaugment": 2,
        "magnitude": 9.0, "erase": 0.25, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225),
    },
    "training": {
        "epochs": 300.0,
        "batch": 1024,
        "rate": 1e-3,
        "weight_decay": 0.05,
        "warmup": 20 / 300,
        "schedule": "cosine",
        "clip": 5.0,
    },
}  # fmt: skip
"""The published training of the published sizes (Liu et al. 2021, appendix A2.1): AdamW for 300 epochs with 20 of
warm-up, RandAugment 9/0.5, mixup 0.8, CutMix 1.0, random erasing 0.25, label smoothing 0.1, clipping at 5."""

FINE_TUNED: dict[str, Any] = {
    "task": {"smoothing": 0.1},
    "modality": PUBLISHED["modality"],
    "training": {**PUBLISHED["training"], "epochs": 30.0, "rate": 2e-5, "weight_decay": 1e-8, "warmup": 5 / 30},
}
"""The published fine-tuning from trained weights (30 epochs at a constant small rate and decay)."""

TINY = 48
"""Pictures whose longer side has at most so many pixels are cut into patches half as wide."""
GENTLE = {"zoom": (0.9, 1.1), "brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
"""How such pictures are varied: what fills them should stay in view."""
NOT_MIRRORED = ("idx",)
"""Layouts of digits and letters, which a mirror turns into others; say `modality.flip=0.5` for other pictures."""


def defaults(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe for that data, as plain values; what was said is looked at where it decides on other values."""
    if modality == "series":
        return series.defaults(layout, said, say)
    if modality == "text":
        return texts.defaults(layout, said, modality, say)
    layout = layout.resolved()
    training = open_split(layout, "train", say=say)
    for split in layout.splits():
        open_split(layout, split)  # files that do not belong together should show now, not after the training
    if modality == "video":
        return clips.defaults(layout, said, training, say)
    sizes, kind = picture_sizes(training), kind_name("data", layout)
    name = said.get("model", {}).get("name") or suitable_model(sizes)
    small = name.startswith(("swin_nano", "swin_micro"))
    chosen = SMALL if small else FINE_TUNED if said.get("model", {}).get("weights") else PUBLISHED
    view = {} if {"size", "scale", "shorter"} & set(said.get("modality", {})) else training_view(sizes)
    tiny = np.median([max(size) for size in sizes]) <= TINY
    if small and tiny:
        view |= GENTLE
    grey = {"channels": 1, "saturation": 0.0} if kind == "idx" else {}
    flip = {"flip": 0.0} if kind in NOT_MIRRORED else {}
    batch = said.get("training", {}).get("batch", chosen["training"]["batch"])
    changes = _fine(1 if grey else 3) if small and tiny and "changes" not in said.get("model", {}) else {}
    length = {"steps": _steps(len(training), batch)} if small else {}
    say(f"model: {name}, {len(training.classes)} classes, {len(training)} training samples")
    return {
        "task": {KIND: "classify", "classes": list(training.classes), **chosen["task"]},
        "data": {KIND: kind, **asdict(layout)},
        "model": {"name": name, **({"changes": changes} if changes else {})},
        "modality": {KIND: modality, **view, **chosen.get("modality", {}), **grey, **flip},
        "training": {**chosen["training"], **length, "precision": fast_precision()},
    }


def _fine(channels: int) -> dict[str, Any]:
    """Smaller patches where pictures are tiny."""
    return {"stem": {"kind": "convolutions", "size": [2, 2], "channels": channels}}


def _steps(samples: int, batch: Any) -> int:
    """Enough passes for small data to be learnt, and an end for large data."""
    return int(min(max(40 * samples / batch, 1000), 40_000)) if isinstance(batch, int) and batch > 0 else 1000
