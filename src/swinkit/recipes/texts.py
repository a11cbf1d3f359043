"""What suits texts: the values that a user who only names the data gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from swinkit.files import ConfigError
from swinkit.modalities import Text
from swinkit.recipes.layouts import Say, open_split
from swinkit.recipes.plain import KIND, kind_name, part
from swinkit.recipes.suiting import fast_precision
from swinkit.recipes.text import merged, read_text
from swinkit.types import Dataset, Layout

MODEL = "swin_nano_1d"
VIEW: dict[str, Any] = {
    "tokens": "words", "vocabulary": 16384, "grams": 8, "pairs": True, "buckets": 65536, "drop": 0.1,
}  # fmt: skip
"""How texts are read and varied."""
BODY: dict[str, Any] = {
    "width": 64, "depths": [2, 2], "heads": [2, 4], "window": [[16], [16]], "merge": [[1], [1]], "small_map": "pad",
    "pad_tokens": "mask", "drop_path": 0.1,
}  # fmt: skip
"""A small body that keeps the length; padding is no key, so that a text gets alone what it gets in a batch."""
STEM: dict[str, Any] = {"kind": "tokens", "std": 0.1, "dropout": 0.5}
PASSES = 13
"""Over the training texts."""
OF_TOKENS = ("tokens", "vocabulary", "grams", "buckets", "lower")
"""Settings of the modality that a run shares with the one that it starts from."""
TRAINING: dict[str, Any] = {
    "batch": 64, "rate": 2e-3, "weight_decay": 0.05, "betas": [0.9, 0.98], "warmup": 0.1, "schedule": "cosine",
    "clip": 1.0, "ema": 0.998, "optimiser": "muon", "cache": "memory",
}  # fmt: skip


def defaults(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe to classify texts, as plain values."""
    layout, training = _opened(layout, say)
    task = {KIND: "classify", "classes": list(training.classes), "smoothing": 0.1, "pool": "max"}
    say(f"{len(training.classes)} classes, {len(training)} training texts")
    return _whole(task, layout, said, {}, len(training))


def tags(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe for a class for every word; no word is left out, and each is known by its parts too."""
    layout, training = _opened(layout, say)
    say(f"{len(training.classes)} classes, {len(training)} training texts")
    task = {KIND: "tag", "classes": list(training.classes), "smoothing": 0.05}
    return _whole(task, layout, said, {"per_word": True, "drop": 0.05}, len(training))


def hidden(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe of masked pre-training; what classifies afterwards takes its tokenizer over."""
    if modality != "text":
        raise ConfigError(f"task: reconstruct learns from texts so far, {layout.path} holds {modality} files")
    layout, training = _opened(layout, say)
    say(f"{len(training)} training texts")
    view = {"drop": 0.0, "pairs": False}  # a pair of tokens would tell the hidden one
    plain = _whole({KIND: "reconstruct"}, layout, said, view, len(training))
    plain["task"]["vocabulary"] = part("modality", plain["modality"]).vocabulary
    return plain


def _opened(layout: Layout, say: Say) -> tuple[Layout, Dataset]:
    layout = layout.resolved()
    training = open_split(layout, "train", say=say)
    for split in layout.splits():
        open_split(layout, split)  # files that do not belong together should show now, not after the training
    return layout, training


def _whole(
    task: dict[str, Any], layout: Layout, said: Mapping[str, Any], view: dict[str, Any], samples: int
) -> dict[str, Any]:
    started = _started(said)
    view = merged(merged({KIND: "text", **VIEW, **view}, started.get("modality", {})), said.get("modality", {}))
    text = part("modality", view)
    stem = {**STEM, "vocabulary": text.ids}  # its channels are the modality's: pre-training looks at no pairs
    model = merged({"name": MODEL, "changes": {"stem": stem, **BODY}}, started.get("model", {}))
    batch = said.get("training", {}).get("batch", TRAINING["batch"])
    precision = fast_precision() if torch.cuda.is_available() else "fp32"  # so narrow a body gains nothing from less
    steps = int(min(max(PASSES * samples / batch, 500), 20_000)) if isinstance(batch, int) and batch > 0 else 500
    return {
        "task": task,
        "data": {KIND: kind_name("data", layout), **asdict(layout)},
        "model": model,
        "modality": view,
        "training": {**TRAINING, "steps": steps, "precision": precision},
    }


def _started(said: Mapping[str, Any]) -> dict[str, Any]:
    """Modality and model of the run that this one starts from: its vectors belong to its tokenizer and its body."""
    weights = said.get("model", {}).get("weights")
    if not isinstance(weights, str) or not (file := Path(weights, "recipe.json")).is_file():
        return {}
    plain = read_text(file)
    if plain["modality"][KIND] != "text":
        raise ConfigError(f"model.weights: {weights} is a run on {plain['modality'][KIND]}, wanted one on texts")
    kept = {name: plain["modality"][name] for name in OF_TOKENS}
    tokenizer = {"tokenizer": str(Path(weights, Text.file).resolve())}
    return {"modality": kept | tokenizer, "model": {name: plain["model"][name] for name in ("name", "changes")}}
