"""The one place where all the parts meet: functions that return a whole recipe, and what is done with one.

Names are loaded when they are first used, so that the command line can read options without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swinkit.recipes.completion import (
        RECIPES,
        classify,
        complete,
        detect,
        pose,
        reconstruct,
        segment,
        tag,
        transcribe,
    )
    from swinkit.recipes.evaluation import Evaluation
    from swinkit.recipes.plain import from_plain, read, to_plain, write
    from swinkit.recipes.predictor import Predictor, Result, open_run
    from swinkit.recipes.recipe import ModelChoice, Recipe
    from swinkit.recipes.rehearsal import dry_run
    from swinkit.recipes.runs import Run
    from swinkit.recipes.scenes import Scenes, open_scenes
    from swinkit.recipes.training import train

# No module here has the name of something it defines: the module would take the name's place.
_HOME = {
    "RECIPES": "completion",
    "classify": "completion",
    "detect": "completion",
    "complete": "completion",
    "pose": "completion",
    "Evaluation": "evaluation",
    "from_plain": "plain",
    "read": "plain",
    "to_plain": "plain",
    "write": "plain",
    "Predictor": "predictor",
    "Result": "predictor",
    "open_run": "predictor",
    "ModelChoice": "recipe",
    "Recipe": "recipe",
    "Run": "runs",
    "Scenes": "scenes",
    "open_scenes": "scenes",
    "reconstruct": "completion",
    "segment": "completion",
    "tag": "completion",
    "several": "completion",
    "dry_run": "rehearsal",
    "train": "training",
    "transcribe": "completion",
}

__all__ = [
    "RECIPES",
    "Evaluation",
    "ModelChoice",
    "Predictor",
    "Recipe",
    "Result",
    "Run",
    "Scenes",
    "classify",
    "complete",
    "detect",
    "dry_run",
    "from_plain",
    "open_run",
    "open_scenes",
    "pose",
    "read",
    "reconstruct",
    "segment",
    "several",
    "tag",
    "to_plain",
    "train",
    "transcribe",
    "write",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"swinkit.recipes has no {name!r}: there are {', '.join(__all__)}")


def __dir__() -> list[str]:
    return list(__all__)
