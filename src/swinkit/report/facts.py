"""What a report is told about a run. Plain values and arrays only, so that any task can fill them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One line of the per-class table."""

    name: str
    figures: Mapping[str, float | None]
    """Figure -> fraction, None where it is undefined on this split; the first one is drawn as a bar."""
    count: int | None = None
    """Cells (or examples) of this class in the truth."""
    color: tuple[int, int, int] | None = None
    """The RGB colour that pictures draw this class in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One prediction beside its truth."""

    id: str
    score: float | None
    """A fraction; larger is better."""
    pictures: Mapping[str, np.ndarray]
    """Caption -> [h w 3] or [h w] uint8, in the order to show."""
    note: str = ""
    text: str = ""
    """The input itself, where it is a text."""
    classes: Sequence[str] = ()
    """Names seen in truth or prediction: the legend below the pictures."""

    def __post_init__(self) -> None:
        for caption, picture in self.pictures.items():
            if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or 0 in picture.shape:
                raise ValueError(
                    f"example {self.id!r}: picture {caption!r} is {picture.dtype} {picture.shape}; "
                    "pass uint8 of shape [h w 3] or [h w] with at least one pixel"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What was trained."""

    name: str
    parameters: int
    gmacs: float | None = None
    """Multiply-adds of one forward pass at `size`, in 10^9."""
    size: tuple[int, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Everything on the page. What is left empty is left out."""

    title: str
    main: str
    """Name in `figures` of the figure that chose the best checkpoint."""
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    """Split -> figure -> value, in the order to show; the last split is the headline."""
    history: Sequence[Mapping[str, Any]] = ()
    """Rows of `metrics.csv`: numbers or their text; cells that are empty or None are skipped."""
    classes: Sequence[ClassRow] = ()
    confusion: np.ndarray | None = None
    """[truth prediction] counts in the order of `classes`."""
    split: str = ""
    """The split that classes, confusion and examples come from."""
    best: Sequence[Example] = ()
    worst: Sequence[Example] = ()
    model: ModelFacts | None = None
    speed: Mapping[str, str | float] = field(default_factory=dict[str, str | float])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    recipe: Mapping[str, Any] = field(default_factory=dict[str, Any])
    command: str = ""
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.confusion is None:
            return
        wanted = (len(self.classes), len(self.classes))
        if self.confusion.shape != wanted:
            raise ValueError(
                f"confusion is {self.confusion.shape}, but there are {len(self.classes)} classes; "
                f"pass counts of shape {wanted}, truth first"
            )
