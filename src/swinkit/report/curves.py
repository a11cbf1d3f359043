"""From rows of `metrics.csv` to the panels that are drawn: one idea each, lines by name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swinkit.report.words import label

AXES = ("step", "epoch")
"""Columns that can stand on the horizontal axis, the first that exists is taken."""
DENSE = 40
"""Lines of more points than this are noisy and get a running mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One column over steps."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    best: int | None = None
    """Index of the point to mark."""

    @property
    def dense(self) -> bool:
        """Many noisy points: drawn pale with their running mean on top."""
        return len(self.x) > DENSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One small plot."""

    title: str
    axis: str = "step"
    lines: tuple[Line, ...] = field(default=())


def panels(history: Sequence[Mapping[str, Any]], figures: Iterable[str], main: str) -> list[Panel]:
    """Group the columns of `history` into panels: loss, figures, learning rate, gradient norm.

    Figures with a slash in their name (`iou/tree`) belong to one class and are not drawn.
    """
    axis = next((name for name in AXES if any(number(row.get(name)) is not None for row in history)), None)
    if axis is None:
        return []
    columns = list(dict.fromkeys(name for row in history for name in row))
    wanted = tuple(figures)
    groups: dict[str, list[Line]] = {}
    for column in columns:
        title = _title(column, wanted)
        line = _line(history, axis, column, marks=_names(column, main))
        if title and line:
            groups.setdefault(title, []).append(line)
    order = ("Loss", "Figures", "Learning rate", "Gradient norm")
    return [Panel(title=title, axis=axis, lines=tuple(groups[title])) for title in order if title in groups]


def number(cell: Any) -> float | None:
    """The finite number in a cell, else None."""
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def running_mean(values: Sequence[float], span: float) -> list[float]:
    """Exponential mean over about `span` points, unbiased at the start."""
    keep, total, weight, out = 1 - 1 / max(span, 1.0), 0.0, 0.0, []
    for value in values:
        total, weight = keep * total + value, keep * weight + 1
        out.append(total / weight)
    return out


def _names(column: str, figure: str) -> bool:
    """`miou`, `validation/miou` and `val_miou` all hold the figure `miou`."""
    return column == figure or column.endswith(("/" + figure, "." + figure, "_" + figure))


def _title(column: str, figures: tuple[str, ...]) -> str | None:
    words = column.lower().replace("/", "_").replace(".", "_").split("_")
    matching = [name for name in figures if _names(column, name)]
    if matching:
        return None if any("/" in name for name in matching) else "Figures"
    if "loss" in words:
        return "Loss"
    if "rate" in words or "lr" in words:
        return "Learning rate"
    if {"gradient", "grad", "norm"} & set(words):
        return "Gradient norm"
    return None


def _line(history: Sequence[Mapping[str, Any]], axis: str, column: str, *, marks: bool) -> Line | None:
    points = [(number(row.get(axis)), number(row.get(column))) for row in history]
    whole = [(x, y) for x, y in points if x is not None and y is not None]
    if not whole:
        return None
    xs, ys = zip(*whole, strict=True)
    best = max(range(len(ys)), key=ys.__getitem__) if marks else None
    return Line(name=label(column), x=xs, y=ys, best=best)
