"""Classes of one classifier as rows of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import index
from pathlib import Path

import torch

from swinkit.files import ConfigError, did_you_mean
from swinkit.weights import KeyReport, Reshaped, Weights

CLASSES = "head.linear.weight"
HEAD = (CLASSES, "head.linear.bias")
TABLES = {"imagenet_22k_to_1k": (21841, 1000)}
"""Name of a list that comes along -> classes of the source and of the result."""


def list_of(rows: Sequence[int] | str) -> tuple[int, ...]:
    """The rows that were given, or those of the named list."""
    if not isinstance(rows, str):
        return tuple(index(row) for row in rows)
    if rows not in TABLES:
        raise ConfigError(f"rows: no list {rows!r}: {did_you_mean(rows, TABLES)}")
    text = Path(__file__).with_name(f"{rows}.txt").read_text(encoding="ascii")
    return tuple(int(line) for line in text.splitlines() if not line.startswith("#"))


def pick(weights: Weights, rows: Sequence[int] | str, classes: int | None) -> Weights:
    """Weights whose classifier has those rows of the present one, in that order.

    Raises:
        ConfigError: there is no classifier or no such row, or `classes` is another number.
    """
    if CLASSES not in weights.state:
        raise ConfigError("rows= chooses among the classes of the file's linear classifier, and it has none")
    chosen, there = list_of(rows), len(weights.state[CLASSES])
    if classes not in (None, len(chosen)):
        raise ConfigError(f"rows: {len(chosen)} came for {classes} classes: give one a class")
    if isinstance(rows, str) and there != TABLES[rows][0]:
        raise ConfigError(f"rows: {rows!r} is for {TABLES[rows][0]} classes, the file has {there}")
    if not chosen or not all(0 <= row < there for row in chosen):
        wrong = next((row for row in chosen if not 0 <= row < there), "none")
        raise ConfigError(f"rows: {wrong} came, wanted rows of the file's classifier: 0 to {there - 1}")
    state = dict(weights.state)
    for name in HEAD:
        if name in state:
            state[name] = state[name][torch.tensor(chosen)]
    return replace(weights, state=state)


def picked(report: KeyReport, before: Weights, after: Weights) -> KeyReport:
    """The report of what was loaded from `after`, with what `pick` did to `before`."""
    told = tuple(
        Reshaped(
            name=name,
            before=tuple(before.state[name].shape),
            after=tuple(after.state[name].shape),
            how=f"{len(after.state[name])} of {len(before.state[name])} classes, by rows",
        )
        for name in HEAD
        if name in before.state and name in report.loaded
    )
    return replace(report, reshaped=(*report.reshaped, *told))
