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
from swinkit.recipes.starting import started_tasks
from swinkit.recipes.text import merged
from swinkit.types import Layout

EACH = {"segment": segmentation.defaults, "classify": classification.defaults, "detect": detection.defaults}
"""Kinds of task that can share a backbone: they look at whole pictures."""
SCENES = {"segment": "mask", "classify": "count", "detect": "boxes"}
"""What each task learns from digit scenes."""


def defaults(layout: Layout, said: Mapping[str, Any], modality: str, say: Say) -> dict[str, Any]:
    """The whole recipe for that data, as plain values.

    Where `model.weights` is a run, its tasks come first, with their values and the run's view of the pictures; those
    that the data does not teach are kept as they are.
    """
    old, view = started_tasks(said)
    told: Mapping[str, Any] = said.get("task", {}).get("tasks") or {name: {} for name in _known(layout)}
    wanted: dict[str, Any] = {name: merged(old.get(name, {}), told.get(name, {})) for name in (*old, *told)}
    kept = list(said.get("task", {}).get("kept", ()))
    untaught = [name for name in wanted if (name in old or name in kept) and not _teaches(layout, name)]
    kept = list(dict.fromkeys([*kept, *untaught]))
    layouts: dict[str, Layout] = {}
    chosen: dict[str, dict[str, Any]] = {}
    rest = {name: values for name, values in said.items() if name not in ("task", "data")}
    for name, values in wanted.items():
        kind = values.get(KIND, name)
        if kind not in EACH:
            raise ConfigError(f"task.tasks.{name}: {kind!r} does not share a backbone: {did_you_mean(kind, EACH)}")
        if name in untaught:
            continue
        layouts[name] = _layout(layout, name, kind, say)
        chosen[name] = EACH[kind](layouts[name], {**rest, "task": {KIND: kind, **values}}, modality, say)
        _same_classes(name, old.get(name, {}), chosen[name]["task"], layouts[name])
        chosen[name]["task"] = merged(chosen[name]["task"], values)
        view = merged(chosen[name]["modality"], view)
    first = next((each for name, each in chosen.items() if name not in kept), None)
    if first is None:
        raise ConfigError(f"{layout.path}: teaches none of the tasks {', '.join(wanted)} that are not kept")
    taught = {name: each for name, each in layouts.items() if name not in kept}
    data = layout if isinstance(layout, DigitScenes) else Interleaved(path=layout.path, layouts=taught)
    if kept:
        say(f"kept as they are: {', '.join(kept)}")
    tasks = {name: chosen[name]["task"] if name in chosen else values for name, values in wanted.items()}
    return {
        "task": {KIND: "several", "tasks": tasks, "kept": kept},
        "data": plain_part("data", data),
        "model": first["model"],
        "modality": view,
        "training": first["training"],
    }


def _same_classes(name: str, old: Mapping[str, Any], new: Mapping[str, Any], layout: Layout) -> None:
    """ConfigError where a task goes on with data of other classes."""
    if old and list(old.get("classes", [])) != list(new.get("classes", [])):
        raise ConfigError(
            f"{layout.path}: has the classes {', '.join(new['classes'])}, task {name} of the run that is started from "
            f"has {', '.join(old['classes'])}: give the new task another name, or the same classes in the same order"
        )


def _teaches(layout: Layout, name: str) -> bool:
    if isinstance(layout, DigitScenes):
        return name in SCENES
    return name in getattr(layout, "layouts", {}) or (Path(layout.path) / name).is_dir()


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
    if found == "mixed_table":
        raise ConfigError(f"{folder}: has several inputs a sample, which do not share a backbone with other tasks")
    say(f"data: {folder} is read as {found}")
    return LAYOUTS[found](path=str(folder)).resolved()
