"""The table of tasks: one file and one line each."""

from __future__ import annotations

from typing import Any

from swinkit.files import ConfigError, did_you_mean
from swinkit.tasks.classify import Classify
from swinkit.tasks.detect import Detect
from swinkit.tasks.pose import Pose
from swinkit.tasks.reconstruct import Reconstruct
from swinkit.tasks.segment import Segment
from swinkit.tasks.several import Several
from swinkit.tasks.tag import Tag
from swinkit.tasks.transcribe import Transcribe

TASKS: dict[str, type[Any]] = {
    "segment": Segment,
    "classify": Classify,
    "detect": Detect,
    "pose": Pose,
    "transcribe": Transcribe,
    "several": Several,
    "tag": Tag,
    "reconstruct": Reconstruct,
}


def find(name: str) -> type[Any]:
    """The task of that name."""
    if name not in TASKS:
        raise ConfigError(f"no task {name!r}: {did_you_mean(name, TASKS)}")
    return TASKS[name]


__all__ = ["TASKS", "Classify", "Detect", "Pose", "Reconstruct", "Segment", "Several", "Tag", "Transcribe", "find"]
