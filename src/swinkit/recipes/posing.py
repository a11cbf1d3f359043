"""What suits pose: the values that a user who only names data and model gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from swinkit.files.pictures import picture_size
from swinkit.recipes.layouts import Say, open_split
from swinkit.recipes.plain import KIND, kind_name
from swinkit.recipes.suiting import SMALL_TRAINING, fast_precision, picture_sizes, spread, suitable_model
from swinkit.types import Dataset, Layout, Objects

SMALL: dict[str, Any] = {
    "task": {"decoder": "fpn", "channels": 64, "detail": 2},
    "training": {
        **SMALL_TRAINING,
        "batch": 16,
        "rate": 2e-3,
        "warmup": 0.05,
    },
}
"""Our small models, from scratch."""

PUBLISHED: dict[str, Any] = {
    "task": {"decoder": "deconvolutions"},
    "training": {"batch": 64, "rate": 5e-4, "weight_decay": 0.01, "warmup": 0.05, "schedule": "cosine", "clip": 1.0},
}
"""The published sizes with the head that mmpose gives them, and its rate (5e-4 at a batch of 256)."""

VIEW: dict[str, Any] = {"view": "region", "zoom": [0.7, 1.4], "rotate": 40.0, "hue": 5.0}
"""Training views as in SimpleBaseline (Xiao et al. 2018): within 40 degrees and about 35 % of the size."""

SIGMA = 0.03
"""Deviation of the Gaussian that a point learns, as a share of the longer side of what is looked at (8 of 256 px, as
published). In whole pictures that is the thing with its margin, not the view: neighbouring points of a small thing
would melt into one."""
SHARPEST = 1.0
"""The least deviation, in pixels of the view."""
LEAST, MOST = 64, 256
"""The longer side of a view."""

PARTS = {
    "nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062, "hip": 0.107,
    "knee": 0.087, "ankle": 0.089, "head": 0.079, "neck": 0.079,
}  # fmt: skip
"""Sigmas of parts of people: COCO's (Lin et al. 2014), and CrowdPose's for head and neck (Li et al. 2019)."""
OTHERS = 0.1
"""The sigma of any other part, as DeepLabCut takes it for animals."""


def defaults(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe for that data, as plain values; what was said is looked at where it decides on other values."""
    layout = layout.resolved()
    training = open_split(layout, "train", say=say)
    for split in layout.splits():
        open_split(layout, split)  # files that do not belong together should show now, not after the training
    about = asdict(layout)
    points = list(about["points"])
    size = list(said.get("modality", {}).get("size") or view_size(training))
    name = said.get("model", {}).get("name") or suitable_model([(size[0], size[1])])
    small = name.startswith(("swin_nano", "swin_micro"))
    chosen = SMALL if small else PUBLISHED
    decoder = said.get("task", {}).get("decoder", chosen["task"]["decoder"])
    own = dict(chosen["task"]) if decoder == chosen["task"]["decoder"] else {"decoder": decoder}
    if decoder == "simcc":
        own["size"] = size
    mirrors = bool(about["pairs"])  # without names for left and right nobody knows what a mirror does
    say(
        f"model: {name}, decoder {decoder}, {len(points)} points, views of {size[0]}x{size[1]} px, "
        f"{len(training)} training samples" + ("" if mirrors else "; no left and right points, so no mirroring")
    )
    batch = said.get("training", {}).get("batch", chosen["training"]["batch"])
    return {
        "task": {
            KIND: "pose",
            **{field: about[field] for field in ("points", "pairs", "skeleton")},
            "sigmas": sigmas(points),
            "torso": torso(points),
            "sigma": deviation(training, size, float(about.get("padding", 1.0))),
            "flip": mirrors,
            **own,
        },
        "data": {KIND: kind_name("data", layout), **about},
        "model": {"name": name},
        "modality": {KIND: modality, "size": size, **VIEW, "flip": 0.5 if mirrors else 0.0},
        "training": {**chosen["training"], "steps": _steps(len(training), batch), "precision": fast_precision()},
    }


def view_size(training: Dataset) -> tuple[int, int]:
    """[height width] of the view: of the aspect and about the size of what is looked at, in steps of 32 px."""
    sides: list[tuple[float, float]] = []
    for index in spread(len(training), 500):
        if (region := training[index].region) is not None:
            sides.append((region[3] - region[1], region[2] - region[0]))
    if not sides:
        sides = [(float(height), float(width)) for height, width in picture_sizes(training)]
    height, width = np.median(np.array(sides), 0)
    longer = float(np.median([max(pair) for pair in sides]))
    scale = min(max(longer, LEAST), MOST) / max(height, width)
    rounded = [max(32, round(side * scale / 32) * 32) for side in (height, width)]
    return rounded[0], rounded[1]


def deviation(training: Dataset, size: Sequence[int], padding: float) -> float:
    """The deviation of the Gaussians in pixels of views of that size, [height width]."""
    shares: list[float] = []
    for index in spread(len(training), 500):
        record = training[index]
        if record.region is None and isinstance(record.target, Objects):
            left, top, right, bottom = record.target.boxes[0].tolist()
            height, width = picture_size(record.source)
            scale = min(size[0] / height, size[1] / width)
            shares.append(padding * scale * max(right - left, bottom - top) / max(size))
    share = min(1.0, float(np.median(shares))) if shares else 1.0
    return round(max(SHARPEST, SIGMA * share * max(size)), 2)


def sigmas(points: Sequence[str]) -> list[float]:
    """The OKS sigma of every point, by its name."""
    return [next((value for part, value in PARTS.items() if part in name.lower()), OTHERS) for name in points]


def torso(points: Sequence[str]) -> list[int]:
    """The left shoulder and the right hip; [] where there are none of these names."""
    places = {"".join(filter(str.isalpha, name.lower())): index for index, name in enumerate(points)}
    ends = ("leftshoulder", "righthip")
    return [places[name] for name in ends] if set(ends) <= set(places) else []


def _steps(samples: int, batch: Any) -> int:
    """Enough passes for small data to be learnt, and an end for large data."""
    return int(min(max(80 * samples / batch, 1500), 160_000)) if isinstance(batch, int) and batch > 0 else 1500
