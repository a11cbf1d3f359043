"""What suits several tasks on one backbone: each task's own values, and the training of the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from swinkit.datasets import LAYOUTS, DigitScenes, Interleaved, recognise
from swinkit.datasets.interleaved import part, tasks_in
from swinkit.files import ConfigError, did_you_mean
from swinkit.recipes import classification, detection, segmentation
from swinkit.recipes.layouts import Say
from swinkit.recipes.plain import KIND, plain_part
from swinkit.recipes.text import merged
from swinkit.types import Layout

EACH = {"segment": segmentation.defaults, "classify": classification.defaults, "detect": detection.defaults}
"""Kinds of task that can share a backbone: they look at whole pictures."""
SCENES = {"segment": "mask", "classify": "count", "detect": "boxes"}
"""What each task learns from digit scenes."""


def defaults(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe for that data, as plain values."""
    wanted: Mapping[str, Any] = said.get("task", {}).get("tasks") or {name: {} for name in _known(layout)}
    layouts: dict[str, Layout] = {}
    chosen: dict[str, dict[str, Any]] = {}
    rest = {name: values for name, values in said.items() if name not in ("task", "data")}
    for name, values in wanted.items():
        kind = values.get(KIND, name)
        if kind not in EACH:
            raise ConfigError(f"task.tasks.{name}: {kind!r} does not share a backbone: {did_you_mean(kind, EACH)}")
        layouts[name] = _layout(layout, name, kind, say)
        chosen[name] = EACH[kind](layouts[name], {**rest, "task": {KIND: kind, **values}}, modality, say)
        chosen[name]["task"] = merged(chosen[name]["task"], values)
    first = next(iter(chosen.values()))
    view: dict[str, Any] = {}
    for each in chosen.values():
        view = merged(each["modality"], view)
    data = layout if isinstance(layout, DigitScenes) else Interleaved(path=layout.path, layouts=layouts)
    return {
        "task": {KIND: "several", "tasks": {name: each["task"] for name, each in chosen.items()}},
        "data": plain_part("data", data),
        "model": first["model"],
        "modality": view,
        "training": first["training"],
    }


def _known(layout: Layout) -> list[str]:
    return list(SCENES) if isinstance(layout, DigitScenes) else [n for n in tasks_in(Path(layout.path)) if n in EACH]


def _layout(layout: Layout, name: str, kind: str, say: Say) -> Layout:
    if isinstance(layout, DigitScenes):
        if name != kind:
            raise ConfigError(f"task.tasks.{name}: in digit scenes a task has the name of its kind, {kind}")
        return replace(layout, target=SCENES[kind])
    given = getattr(layout, "layouts", {})
    if name in given:
        return given[name].resolved()
    folder = part(layout.path, name)
    found = recognise(folder, kind)
    say(f"data: {folder} is read as {found}")
    return LAYOUTS[found](path=str(folder)).resolved()
