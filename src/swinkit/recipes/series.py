"""What suits classes of numeric series: the values that a user who only names the data gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from swinkit.datasets.keypoint_file import mirrored
from swinkit.recipes.layouts import Say, open_split
from swinkit.recipes.plain import KIND, kind_name
from swinkit.recipes.suiting import SMALL_TRAINING, fast_precision
from swinkit.types import Layout

MODEL = "swin_nano_1d"
CHANGES: dict[str, Any] = {
    "width": 48, "depths": [2, 2], "heads": [2, 4], "window": [[16], [16]], "small_map": "pad", "drop_path": 0.1,
}  # fmt: skip
"""A small one: windows of 32 frames at first, and series of any length in one batch give what each gives alone."""
STRIDE = 2
"""Frames a token of the first stage."""

STRETCH = 0.3
"""Of figures in training: one that is seen from another side is wider or narrower."""

TRAINING: dict[str, Any] = {**SMALL_TRAINING, "batch": 32, "rate": 5e-3, "ema": 0.995}

EVALUATIONS = 10
"""In a run: of so small a model an evaluation costs about as much as an epoch."""

LIMBS = (
    ("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"), ("eye", "ear"),
)  # fmt: skip
"""Parts of one side that a line joins; shoulders and hips are joined across."""


def defaults(layout: Layout, said: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """The whole recipe for that data, as plain values; what was said is looked at where it decides on other values."""
    layout = layout.resolved()
    training = open_split(layout, "train", say=say)
    for split in layout.splits():
        open_split(layout, split)  # files that do not belong together should show now, not after the training
    modality = {**told(layout), **said.get("modality", {})}
    names, form = list(modality.get("names", [])), modality.get("form", "points")
    pairs = mirrored(names) if form == "points" else ()
    name = said.get("model", {}).get("name") or MODEL
    channels = len(names) * (3 if form == "points" else 2)
    stem = {"kind": "convolutions", "size": [STRIDE], "channels": channels}
    length = said.get("training", {})
    steps = length.get("steps") or _steps(len(training), length.get("batch", TRAINING["batch"]))
    rhythm = {"evaluate_every": -(-steps // EVALUATIONS)} if isinstance(steps, int) and not length.get("epochs") else {}
    say(f"model: {name}, {len(training.classes)} classes, {len(names)} {form}, {len(training)} training series")
    return {
        "task": {KIND: "classify", "classes": list(training.classes), "smoothing": 0.1},
        "data": {KIND: kind_name("data", layout), **asdict(layout)},
        "model": {"name": name, "changes": {**CHANGES, "stem": stem} if name == MODEL else {"small_map": "pad"}},
        "modality": {
            KIND: "series",
            "names": names,
            "form": form,
            "normalise": "figure" if form == "points" else "column",
            "pairs": [list(pair) for pair in pairs],
            "skeleton": [list(pair) for pair in limbs(names)] if form == "points" else [],
            "mirror": 0.5 if pairs else 0.0,
            "stretch": STRETCH if form == "points" else 0.0,
        },
        "training": {**TRAINING, "steps": steps, **rhythm, "precision": fast_precision()},
    }


def told(layout: Layout) -> dict[str, Any]:
    """What the modality has to know of the files of a layout."""
    found: dict[str, Any] = getattr(layout, "told", {})
    return {**found, "normalise": "column"} if found.get("form") == "columns" else found


def limbs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Points that a line joins, by their names."""
    joined: list[tuple[int, int]] = []
    for one, other in LIMBS:
        for index, name in enumerate(names):
            if one in name.lower() and (end := name.lower().replace(one, other)) in names:
                joined.append((index, names.index(end)))
    across = [pair for pair in mirrored(names) if any(part in names[pair[0]] for part in ("shoulder", "hip"))]
    return joined + across


def _steps(samples: int, batch: Any) -> int:
    """Enough passes for small data to be learnt, and an end for large data."""
    return int(min(max(44 * samples / batch, 600), 40_000)) if isinstance(batch, int) and batch > 0 else 600
