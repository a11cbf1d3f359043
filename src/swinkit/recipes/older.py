"""Runs from before: what their recipes say that is gone, and do not say that came later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GONE = {"classify": ("clips",)}
"""Kind of task -> settings that there were. Views of a film are counted by its modality alone now."""
LATER: dict[str, dict[str, Any]] = {"audio": {"range": None, "colour": 0.0, "voices": [1.0]}}
"""Kind of modality -> settings that were added, with the value that leaves everything as it was."""


def readable(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored recipe without settings that are gone."""
    if not isinstance(task := stored.get("task"), Mapping):
        return dict(stored)
    return {
        **stored,
        "task": _each(task, lambda one, kind: {k: v for k, v in one.items() if k not in GONE.get(kind, ())}),
    }


def as_before(values: Mapping[str, Any]) -> dict[str, Any]:
    """What decides about the numbers of a run, as older versions told it: without what is for several inputs where
    there is one, without later settings that change nothing, with the number of views as the task's clips."""
    model, view = values.get("model", {}), values.get("modality", {})
    later = LATER.get(view.get("kind", ""), {})
    views = view.get("views", len(view.get("voices", [1.0])))
    return {
        **values,
        "model": {name: value for name, value in model.items() if value or name not in ("inputs", "joining")},
        "modality": {name: value for name, value in view.items() if name not in later or value != later[name]},
        "task": _each(values.get("task", {}), lambda one, kind: one | ({"clips": views} if kind == "classify" else {})),
    }


def _each(task: Mapping[str, Any], change: Any) -> dict[str, Any]:
    """The task changed, or, of several, each of them."""
    if isinstance(inner := task.get("tasks"), Mapping):
        return {**task, "tasks": {name: _each(one, change) for name, one in inner.items()}}
    return change(dict(task), task.get("kind", ""))
