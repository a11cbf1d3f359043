"""What suits samples of several inputs: each input's own values, and one training for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from swinkit.datasets import MixedTable
from swinkit.files import ConfigError
from swinkit.models import find_size
from swinkit.recipes import classification, sounding
from swinkit.recipes.layouts import Say, open_split
from swinkit.recipes.plain import KIND, kind_name, part
from swinkit.recipes.recipe import SCRATCH
from swinkit.recipes.suiting import SMALL_TRAINING, fast_precision
from swinkit.recipes.text import merged
from swinkit.types import Layout

ONE_VIEW = {"views": 1}
"""Of a film beside other inputs, whatever suits films alone."""
TRAINING: dict[str, Any] = {**SMALL_TRAINING, "batch": 32, "rate": 2e-3}


def defaults(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe as plain values; each input is seen and each backbone made as the same data alone would be."""
    layout = layout.resolved()
    if not isinstance(layout, MixedTable):
        raise TypeError(f"wanted a table of several inputs, got a {type(layout).__name__}")
    if said.get("model", {}).get("weights") is not None:
        raise ConfigError(SCRATCH)
    training = open_split(layout, "train", say=say)
    for split in layout.splits():
        open_split(layout, split)  # files that do not belong together should show now, not after the training
    each = {name: _part(layout, name, said, lambda text, name=name: say(f"{name}: {text}")) for name in layout.columns}
    batch = said.get("training", {}).get("batch", TRAINING["batch"])
    models = {name: plain["model"] for name, plain in each.items()}
    return {
        "task": {KIND: "classify", "classes": list(training.classes), "smoothing": 0.1},
        "data": {KIND: kind_name("data", layout), **asdict(layout)},
        "model": {"name": next(iter(models.values()))["name"], "inputs": models},
        "modality": {KIND: modality, "inputs": {name: plain["modality"] for name, plain in each.items()}},
        "training": {**TRAINING, "steps": _steps(len(training), batch), "precision": fast_precision()},
    }


def _part(layout: MixedTable, name: str, said: Mapping[str, Any], say: Say) -> dict[str, Any]:
    """Model and modality of one input, as plain values."""
    view = {KIND: name, **said.get("modality", {}).get("inputs", {}).get(name, {})}
    model = said.get("model", {})
    own = model.get("inputs", {}).get(name, {})
    wanted = own.get("name") or _fitting(model.get("name"), view)
    told = {"name": wanted} if wanted else {}
    told |= {"changes": own["changes"]} if "changes" in own else {}
    mine = {"model": told, "modality": view, "training": said.get("training", {})}
    make = sounding.classes if name == "audio" else classification.defaults
    plain = make(layout.part(name), mine, name, say)
    # What was said for all inputs goes before what suits this one, and what was said for this one before that.
    suiting = plain["model"].get("changes", {}).items()
    changes = {key: value for key, value in suiting if key not in model.get("changes", {})} | own.get("changes", {})
    return {
        "model": {"name": plain["model"]["name"], "changes": changes},
        "modality": merged(merged(plain["modality"], ONE_VIEW if "views" in plain["modality"] else {}), view),
    }


def _fitting(name: str | None, view: Mapping[str, Any]) -> str | None:
    """The model that was said for all inputs, where this one has as many axes."""
    return name if name is not None and find_size(name).config.rank == part("modality", view).rank else None


def _steps(samples: int, batch: Any) -> int:
    """Enough passes for small data to be learnt, and an end for large data."""
    return int(min(max(40 * samples / batch, 1000), 40_000)) if isinstance(batch, int) and batch > 0 else 1000
