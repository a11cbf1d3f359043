"""The table of tasks: one file and one line each."""

from __future__ import annotations

from typing import Any

from swinkit.files import ConfigError, did_you_mean
from swinkit.tasks.segment import Segment

TASKS: dict[str, type[Any]] = {"segment": Segment}


def find(name: str) -> type[Any]:
    """The task of that name."""
    if name not in TASKS:
        raise ConfigError(f"no task {name!r}: {did_you_mean(name, TASKS)}")
    return TASKS[name]


__all__ = ["TASKS", "Segment", "find"]
