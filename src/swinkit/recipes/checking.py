"""A data set opened so that every problem is seen, and looked through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from swinkit.audit import Audit
from swinkit.audit import check as look_through
from swinkit.files import ConfigError, did_you_mean
from swinkit.recipes import series
from swinkit.recipes.completion import RECIPES
from swinkit.recipes.kinds import find_modality
from swinkit.recipes.layouts import Say, find_layout
from swinkit.recipes.plain import KIND, check_names, part
from swinkit.recipes.text import merged, parse_settings
from swinkit.types import Modality


def check(
    task: str,
    data: str,
    *,
    settings: Sequence[str] = (),
    modality: str | None = None,
    say: Say,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Read every file of every split; changes nothing.

    Args:
        settings: values of the recipe's data and modality as `a.b=c`.

    Raises:
        ConfigError: an unknown task, modality or setting.
        DataError: the data cannot even be opened.
    """
    if task not in RECIPES:
        raise ConfigError(f"task: no task {task!r}: {did_you_mean(task, RECIPES)}")
    said: dict[str, Any] = merged({"data": {"path": data}, "modality": {}}, parse_settings(settings))
    check_names(said, ["data", "modality"])
    layout = find_layout(said["data"], task, say=say).resolved(strict=False)
    kind, sentence = find_modality(layout, modality or said["modality"].get(KIND))
    say(sentence)
    asked = {"per_word": True} if task == "tag" else {}
    reader: Modality = part("modality", merged({KIND: kind, **series.told(layout), **asked}, said["modality"]))
    reader = reader.exact() if hasattr(reader, "exact") else reader  # type: ignore[attr-defined]
    return look_through({name: layout.open(name, strict=False) for name in layout.splits()}, reader, progress)
