"""From what was said about the data to its layout, and from there to a split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from swinkit.datasets import LAYOUTS, recognise
from swinkit.files import ConfigError, DataError
from swinkit.recipes.plain import KIND, kind_of, part
from swinkit.types import Dataset, Layout

Say = Callable[[str], None]
"""Is told, one sentence at a time, what was found and chosen."""


def find_layout(data: Mapping[str, Any], task: str, *, say: Say, where: str = "") -> Layout:
    """The layout of the folder (or built-in data set) `data["path"]` for a task, with the other settings in `data`."""
    path = data.get("path")
    if not isinstance(path, str) or not path:
        raise ConfigError("data.path: is missing: give a folder, or the name of a built-in data set")
    values = dict(data)
    if KIND not in values:
        values[KIND] = recognise(path, task)
        say(f"data: {path} is read as {values[KIND]}")
    kind_of("data", values, where=where)
    if Path(path).exists():
        values["path"] = str(Path(path).resolve())  # the recipe must work from any folder
    found = part("data", values, where=where)
    return found.of_task(task) if hasattr(found, "of_task") else found


def open_split(layout: Layout, split: str, *, say: Say | None = None) -> Dataset:
    """One split of the data.

    Raises:
        DataError: it is not one of the splits that there are, or it cannot be used.
    """
    if split not in layout.splits():
        raise DataError(layout.path, f"has no split {split!r}: there are {', '.join(layout.splits())}", field="split")
    opened = layout.open(split)
    for sentence in getattr(opened, "notes", ()):
        if say is not None:
            say(f"data: {sentence}")
    return opened


def other_layout(own: Layout, path: Path | str, task: str) -> Layout:
    """How other data is read for a run: as its own was, where both lie in the same way: ids keep their classes."""
    name = recognise(path, task)
    if not isinstance(own, LAYOUTS[name]):
        return LAYOUTS[name](path=str(path)).resolved()
    return replace(own, path=str(path))
