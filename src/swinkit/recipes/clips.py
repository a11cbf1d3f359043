"""What suits the classification of clips: the values that a user who only names data and model gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from swinkit.files.clips import Clip
from swinkit.recipes.layouts import Say
from swinkit.recipes.plain import KIND, kind_name
from swinkit.recipes.suiting import SMALL_TRAINING, fast_precision
from swinkit.types import Dataset, Layout

SMALL: dict[str, Any] = {
    "task": {"smoothing": 0.1},
    "model": {"changes": {"stem": {"kind": "convolutions", "size": [2, 4, 4], "channels": 3}, "drop_path": 0.1}},
    "modality": {"frames": 16, "size": [96, 96], "shorter": 112},
    "training": {**SMALL_TRAINING, "batch": 8, "rate": 1e-3},
}
"""Our small models, from scratch."""

PUBLISHED: dict[str, Any] = {
    "model": {"changes": {"drop_path": 0.1}},
    "modality": {"frames": 32, "views": 4, "decoded": 128, "size": [224, 224], "shorter": 224},
    "training": {
        "epochs": 30.0,
        "batch": 64,
        "rate": 3e-4,
        "weight_decay": 0.02,
        "warmup": 2.5 / 30,
        "schedule": "cosine",
    },
}
"""Video Swin on Kinetics (Liu et al. 2021, section 4.1): AdamW, 30 epochs, four clips in testing."""

LOOKED_AT = 200
"""Clips whose length is looked up."""


def defaults(layout: Layout, said: Mapping[str, Any], training: Dataset, say: Say) -> dict[str, Any]:
    """The whole recipe as plain values."""
    name = said.get("model", {}).get("name") or "swin_nano_3d"
    small = name.startswith(("swin_nano", "swin_micro"))
    chosen = SMALL if small else PUBLISHED
    batch = said.get("training", {}).get("batch", chosen["training"]["batch"])
    length = {"steps": _steps(len(training), batch)} if small else {}
    say(f"model: {name}, {len(training.classes)} classes, {len(training)} training clips")
    return {
        "task": {KIND: "classify", "classes": list(training.classes), **chosen.get("task", {})},
        "data": {KIND: kind_name("data", layout), **asdict(layout)},
        "model": {"name": name, "changes": _changes(chosen, said)},
        "modality": {KIND: "video", **chosen["modality"], "span": _span(training)},
        "training": {**chosen["training"], **length, "precision": fast_precision()},
    }


def _span(training: Dataset) -> float | None:
    """Seconds of the longest clip, where all say how long they take."""
    looked_at = range(0, len(training), -(-len(training) // LOOKED_AT))
    clips = [Clip(training[index].source) for index in looked_at]
    return round(max(clip.count / clip.rate for clip in clips), 3) if all(clip.rate for clip in clips) else None


def _changes(chosen: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The model's, with a stem for the channels that were asked for."""
    changes = dict(chosen["model"]["changes"])
    view = said.get("modality", {})
    channels = (3 if view.get("colour", True) else 1) + bool(view.get("motion", False))
    if "stem" in changes:
        changes["stem"] = {**changes["stem"], "channels": channels}
    return changes


def _steps(samples: int, batch: Any) -> int:
    """Enough passes for small data to be learnt, and an end for large data."""
    return int(min(max(30 * samples / batch, 600), 40_000)) if isinstance(batch, int) and batch > 0 else 600
