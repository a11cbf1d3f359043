"""The verbs, as Python functions: the same ones as on the command line."""

from __future__ import annotations

from swinkit.api.verbs import build, convert, evaluate, load, predict, train

__all__ = ["build", "convert", "evaluate", "load", "predict", "train"]
