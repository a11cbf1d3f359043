"""The values that travel between the rooms: a record becomes a sample, samples become a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

Window = tuple[int, ...]
"""One size per axis of the grid; its length is the rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One labelled example before anything is decoded."""

    id: str
    """Unique within its split, stable between runs (a file's stem, say)."""
    source: Path | np.ndarray
    """The input file, or an array in the modality's own raw form (pictures: [height width 3] uint8)."""
    target: Any = None
    """The label in the data set's own form: a mask file or array for segmentation; None when unlabelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One decoded example."""

    id: str
    grid: Tensor
    """[c *space]; pictures are uint8 until they are collated."""
    target: Any = None
    """For segmentation a mask [*space] of class indices (int64); its space may be the original one (see `size`)."""
    size: Window = ()
    """The space of the input as it was on disk: predictions are returned at this size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples of one step, normalised, padded with zeros to a common size."""

    grid: Tensor
    """[b c *space] float32."""
    valid: Tensor | None = None
    """[b *space] bool, False where a sample was padded; None when nothing was."""
    target: Any = None
    ids: tuple[str, ...] = ()
    sizes: tuple[Window, ...] = ()
    """The original space of every sample; predictions are returned at these sizes."""

    def to(self, device: Any) -> Batch:
        """The same batch with every tensor on `device`."""
        return Batch(
            grid=self.grid.to(device, non_blocking=True),
            valid=None if self.valid is None else self.valid.to(device, non_blocking=True),
            target=_move(self.target, device),
            ids=self.ids,
            sizes=self.sizes,
        )

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory, from where a copy to the device need not be waited for."""
        return Batch(
            grid=self.grid.pin_memory(),
            valid=None if self.valid is None else self.valid.pin_memory(),
            target=_pinned(self.target),
            ids=self.ids,
            sizes=self.sizes,
        )


def _move(value: Any, device: Any) -> Any:
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: _move(item, device) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_move(item, device) for item in value)
    return value


def _pinned(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.pin_memory()
    if isinstance(value, dict):
        return {key: _pinned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_pinned(item) for item in value)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What a head may rely on: the pyramid that the backbone returns, finest level first."""

    channels: tuple[int, ...]
    strides: tuple[Window, ...]
    """Input cells per token along each axis, one entry a level."""

    @property
    def rank(self) -> int:
        """Number of axes of the grid."""
        return len(self.strides[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMap:
    """A class for every cell of the grid."""

    id: str
    labels: Tensor
    """[*space] int64 on the CPU, at the input's original size."""
    classes: tuple[str, ...] = ()
    scores: Tensor | None = field(default=None)
    """[*space] probability of the chosen class, where it was asked for."""

    def to_json(self) -> dict[str, Any]:
        """Share of the cells that each class covers; the map itself is written as a picture or array."""
        counts = self.labels.flatten().bincount(minlength=len(self.classes)).tolist()
        total = max(sum(counts), 1)
        names: Sequence[str] = self.classes or [str(index) for index in range(len(counts))]
        return {
            "id": self.id,
            "size": list(self.labels.shape),
            "share": {name: count / total for name, count in zip(names, counts, strict=False) if count},
        }


Prediction = LabelMap
"""What a task returns for one sample; a union once there are more kinds."""
