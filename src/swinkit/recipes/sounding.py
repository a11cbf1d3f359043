"""What suits sounds: classes of whole sounds, and transcripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from swinkit.files import ConfigError
from swinkit.files.sounds import opened_sound
from swinkit.recipes.layouts import Say, open_split
from swinkit.recipes.plain import KIND, kind_name
from swinkit.recipes.suiting import fast_precision, spread
from swinkit.types import Dataset, Layout

TRAINING: dict[str, Any] = {
    "batch": 32,
    "micro_batch": 8,
    "rate": 2e-3,
    "optimiser": "muon",
    "weight_decay": 0.05,
    "betas": [0.9, 0.98],
    "warmup": 0.1,
    "schedule": "cosine",
    "clip": 1.0,
    "ema": 0.998,
}
ALONE: dict[str, Any] = {"small_map": "pad", "pad_tokens": "mask"}
"""With these a sound gets the same answer alone and among longer ones."""
SOUNDS: dict[str, Any] = {"rank": 2, "bands": 64, "normalise": "whole", "warp": 0.1, "speed": 0.1}
SPEECH: dict[str, Any] = {"rank": 1, "bands": 64, "warp": 0.1, "speed": 0.1, "band_width": 10}
FRAMES: dict[str, Any] = {
    "width": 128, "depths": [2, 2, 2], "heads": [4, 4, 4], "window": [[64]], "merge": [[1], [1], [1]], "drop_path": 0.1,
}  # fmt: skip
"""A pyramid whose stages keep their length: as many frames as the stem gives, one in four of the grid's."""
HIGHEST = 16_000


def classes(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe of classes of sounds, as plain values."""
    layout, training = _opened(layout, say)
    heard = _heard(training, said, SOUNDS)
    name = said.get("model", {}).get("name") or ("swin_nano" if heard["rank"] == 2 else "swin_nano_1d")
    say(f"model: {name}, {len(training.classes)} classes, {len(training)} training sounds")
    return {
        "task": {KIND: "classify", "classes": list(training.classes), "smoothing": 0.1},
        "data": {KIND: kind_name("data", layout), **asdict(layout)},
        "model": {"name": name, "changes": dict(ALONE)},
        "modality": {KIND: modality, **heard},
        "training": {**TRAINING, "steps": _steps(len(training), said, 40), "precision": fast_precision()},
    }


def transcripts(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe of transcripts, as plain values."""
    layout, training = _opened(layout, say)
    heard = _heard(training, said, SPEECH)
    name = said.get("model", {}).get("name") or "swin_nano_1d"
    if heard["rank"] == 2 and name.endswith("_1d"):
        raise ConfigError(f"modality.rank: 2 is for models of rank 2, {name} has 1: say --model swin_nano")
    own = FRAMES if name == "swin_nano_1d" else {}
    say(f"model: {name}, {len(training.classes)} characters, {len(training)} training sounds")
    return {
        "task": {KIND: "transcribe", "classes": list(training.classes), "hop": heard.get("hop", 0.01)},
        "data": {KIND: kind_name("data", layout), **asdict(layout)},
        "model": {"name": name, "changes": {**ALONE, **own}},
        "modality": {KIND: modality, **heard},
        "training": {**TRAINING, "steps": _steps(len(training), said, 80), "precision": fast_precision()},
    }


def _opened(layout: Layout, say: Say) -> tuple[Layout, Dataset]:
    layout = layout.resolved()
    training = open_split(layout, "train", say=say)
    for split in layout.splits():
        open_split(layout, split)  # files that do not belong together should show now, not after the training
    return layout, training


def _heard(training: Dataset, said: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The modality's values: the rate of most sounds, up to 16 kHz, or the width of given features."""
    sources = [training[index].source for index in spread(len(training), 16)]
    own = {name: value for name, value in said.get("modality", {}).items() if name != KIND}
    if not isinstance(sources[0], Path) and sources[0].ndim == 2:
        given = {
            "source": own.get("source", "features"),
            "bands": int(sources[0].shape[1]),
            "slopes": 2,
            "rank": 1,
            "band_masks": 0,
        }
        return {**chosen, "warp": 0.0, **given, **own}
    rates = [_rate(source) for source in sources if isinstance(source, Path)]
    typical = getattr(training, "rate", HIGHEST) if not rates else int(np.median(rates)) // 1000 * 1000
    return {**chosen, "rate": min(typical, HIGHEST), **own}


def _rate(path: Path) -> int:
    with opened_sound(path) as file:
        return int(file.samplerate)


def _steps(samples: int, said: Mapping[str, Any], passes: int) -> int:
    """Enough passes for small data to be learnt, and an end for large data."""
    batch = said.get("training", {}).get("batch", TRAINING["batch"])
    return int(min(max(passes * samples / batch, 1000), 40_000)) if isinstance(batch, int) and batch > 0 else 1000
