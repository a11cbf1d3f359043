"""Swin Transformers for pictures, video, volumes, sound and text: from a folder of data to a trained, measured model.

The verbs are loaded when they are first used, so that importing swinkit costs nothing and touches nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swinkit import recipes
    from swinkit.api import build, convert, evaluate, load, predict, train

_HOME = {
    "build": "swinkit.api",
    "convert": "swinkit.api",
    "load": "swinkit.api",
    "train": "swinkit.api",
    "evaluate": "swinkit.api",
    "predict": "swinkit.api",
}

__all__ = ["build", "convert", "evaluate", "load", "predict", "recipes", "train"]


def __getattr__(name: str) -> Any:
    if name == "recipes":
        return importlib.import_module("swinkit.recipes")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("swinkit")
    raise AttributeError(f"swinkit has no {name!r}: there are {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
