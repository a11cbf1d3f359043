"""What suits detection: the values that a user who only names data and model gets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch

from swinkit.datasets import Coco, DigitScenes, Yolo
from swinkit.files import ConfigError
from swinkit.recipes.layouts import Say, open_split
from swinkit.recipes.plain import KIND, kind_name
from swinkit.recipes.suiting import SMALL_TRAINING, fast_precision, picture_sizes, spread, suitable_model
from swinkit.types import Dataset, Layout

SMALL: dict[str, Any] = {
    "task": {"channels": 96, "depth": 2},
    "training": {
        **SMALL_TRAINING,
        "batch": 4,
        "rate": 1.5e-3,
        "optimiser": "adamw",  # the wide matrices of swin_micro cost more than so few pictures bring
    },
}
"""Our small models, from scratch, on small data: chosen on the validation split of blood cells."""

PUBLISHED: dict[str, Any] = {
    "task": {"channels": 256, "depth": 2},
    "training": {
        "batch": 16,
        "rate": 5e-4,
        "weight_decay": 0.05,
        "warmup": 0.05,
        "schedule": "cosine",
        "clip": 1.0,
        "ema": 0.999,
    },
}
"""The published sizes from scratch, with a rate for random weights."""

FINE_TUNED: dict[str, Any] = {**PUBLISHED, "training": {**PUBLISHED["training"], "rate": 1e-4}}
"""The published sizes from trained weights, with the rate of their detectors."""

BUILT_IN: dict[str, dict[str, Any]] = {
    "digit_scenes": {  # a mirrored digit is no digit, and colours are drawn at random as they are
        "modality": {"flip": 0.0, "zoom": (0.9, 1.1), "brightness": 0.0, "contrast": 0.0, "saturation": 0.0},
        "training": {"optimiser": "muon", "batch": 16, "rate": 3e-3},
    },
}
"""What a built-in data set needs beside."""

LOOKED_AT = 500
"""Pictures whose things tell how large things are."""
LONGEST = {True: 320, False: 640}
"""Longer side of the pictures, whether the model is one of our small ones: larger ones are reduced."""


def defaults(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe for that data, as plain values; what was said is looked at where it decides on other values."""
    layout, masks = _with_masks(layout, said.get("task", {}).get("masks"))
    training = open_split(layout, "train", say=say)
    for split in layout.splits():
        open_split(layout, split)  # files that do not belong together should show now, not after the training
    sizes, kind = picture_sizes(training), kind_name("data", layout)
    name = said.get("model", {}).get("name") or suitable_model(sizes)
    small = name.startswith(("swin_nano", "swin_micro"))
    chosen = SMALL if small else FINE_TUNED if said.get("model", {}).get("weights") else PUBLISHED
    beside = BUILT_IN.get(kind, {})
    view = {} if {"size", "scale", "shorter"} & set(said.get("modality", {})) else _view(sizes, LONGEST[small])
    own = {**chosen["training"], **beside.get("training", {})}
    batch = said.get("training", {}).get("batch", own["batch"])
    length = {"steps": _steps(len(training), batch, small)}
    what = "boxes and masks" if masks else "boxes"
    say(f"model: {name}, {what} of {len(training.classes)} classes, {len(training)} training samples")
    return {
        "task": {
            KIND: "detect",
            "classes": list(training.classes),
            "largest": _largest(training),
            "masks": masks,
            **chosen["task"],
        },
        "data": {KIND: kind, **asdict(layout)},
        "model": {"name": name},
        "modality": {KIND: modality, **view, **beside.get("modality", {})},
        "training": {**own, **length, "precision": fast_precision()},
    }


def _with_masks(layout: Layout, wanted: bool | None) -> tuple[Layout, bool]:
    """The layout with all that has to be looked for, and whether its things come with masks: as the user wants it, else
    as it says or finds.

    Raises:
        ConfigError: masks are wanted of a layout that has none.
    """
    if isinstance(layout, DigitScenes):
        layout = replace(layout, target="instances") if wanted else layout
        found = layout.target == "instances"
    else:
        if isinstance(layout, (Coco, Yolo)) and layout.masks is None:
            layout = replace(layout, masks=wanted)
        layout = layout.resolved()
        found = bool(getattr(layout, "masks", False))
    if wanted and not found:
        kind = kind_name("data", layout)
        raise ConfigError(
            f"task.masks: {kind} is read for boxes alone here: leave it out, or give COCO's or YOLO's form with shapes "
            "(and not data.masks=false)"
        )
    return layout, found if wanted is None else wanted


def _view(sizes: Sequence[tuple[int, int]], longest: int) -> dict[str, Any]:
    """How pictures are reduced, and of mixed sizes the one size of the training view: whole pictures, most of them."""
    shorter, longer = (float(np.median([pick(size) for size in sizes])) for pick in (min, max))
    factor = min(1.0, longest / longer)
    if len(set(sizes)) == 1:
        return {} if factor == 1 else {"scale": factor}
    sides = (float(np.median([size[axis] for size in sizes])) * factor for axis in (0, 1))
    return {"size": [max(32, round(side / 32) * 32) for side in sides], "shorter": round(shorter * factor)}


def _largest(training: Dataset) -> list[int]:
    """[height width] that holds each thing, of pictures spread over the split; [] where there is none."""
    sides = [
        boxes[:, 2:] - boxes[:, :2]
        for index in spread(len(training), LOOKED_AT)
        if len(boxes := (things := training[index].target).boxes[~things.crowd])
    ]
    return [math.ceil(side) for side in torch.cat(sides).amax(0).flip(0).tolist()] if sides else []


def _steps(samples: int, batch: Any, small: bool) -> int:
    """Enough passes for small data to be learnt, and an end for large data."""
    epochs, least, most = (80, 1500, 40_000) if small else (100, 2000, 160_000)
    return int(min(max(epochs * samples / batch, least), most)) if isinstance(batch, int) and batch > 0 else least
