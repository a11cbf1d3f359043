"""The values that travel between the rooms: a record becomes a sample, samples become a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swinkit.types.objects import Objects

Window = tuple[int, ...]
"""One size per axis of the grid; its length is the rank."""
Region = tuple[float, float, float, float]
"""Left, top, right, bottom edges in pixels of the original picture, which it may reach beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One labelled example before anything is decoded."""

    id: str
    """Unique within its split, stable between runs (a file's stem, say)."""
    source: Path | np.ndarray
    """The input file, or an array in the modality's own raw form (pictures: [height width 3] uint8)."""
    target: Any = None
    """The label in the data set's own form: a mask file or array, the index of a class, `Objects`; None when
    unlabelled."""
    region: Region | None = None
    """The part of the input that is asked about, where that is not all of it."""
    parts: Mapping[str, Record] = field(default_factory=dict[str, "Record"])
    """Of an example of several inputs each that it has, by name; `source` is an empty array then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One decoded example."""

    id: str
    grid: Tensor
    """[c *space]; pictures are uint8 until they are collated."""
    target: Any = None
    """A mask [*space] of class indices (int64), the index of a class [] (int64), or `Objects`. Masks and coordinates
    may be of the original space (see `size`)."""
    size: Window = ()
    """The space of the input as it was on disk: predictions are returned at this size."""
    region: Region | None = None
    """As the record has it, while the grid is the whole input."""
    matrix: np.ndarray | None = None
    """[rank+1 rank+1] float64: the affine map (`ops.affine`) from points of the space that `size` and `target` are of
    to points of the grid, where the grid is not all of that space, resized."""
    spacing: tuple[float, ...] = ()
    """Millimetres of a cell of the original space along each axis, where the file tells."""
    places: np.ndarray | None = None
    """[n] int64: the cell of each of the n things of a sequence that are asked about (the first piece of every word),
    where these are not all of its cells."""
    views: int = 1
    """The grid holds so many views of the same thing in a row along its first axis; an answer is their mean."""
    text: str = ""
    """What a reader would see, where the grid does not show it."""
    parts: Mapping[str, Sample] = field(default_factory=dict[str, "Sample"])
    """Of an example of several inputs each that it has, by name; `grid` is empty then."""

    @property
    def numbers(self) -> int:
        """In all of its grids."""
        return self.grid.numel() + sum(part.numbers for part in self.parts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Samples of one step, normalised, padded with zeros to a common size."""

    grid: Tensor
    """[b c *space] float32; [b 0] where there are `parts`: it only says how many samples there are."""
    valid: Tensor | None = None
    """[b *space] bool, False where a sample was padded; None when nothing was."""
    target: Any = None
    ids: tuple[str, ...] = ()
    sizes: tuple[Window, ...] = ()
    """The original space of every sample; predictions are returned at these sizes."""
    matrices: tuple[np.ndarray | None, ...] = ()
    """The samples' `matrix`; () where none has one."""
    spacings: tuple[tuple[float, ...], ...] = ()
    """The samples' `spacing`; () where none has one."""
    places: tuple[np.ndarray | None, ...] = ()
    """The samples' `places`; () where none has any."""
    views: int = 1
    """The samples' `views`, which is one number for all."""
    parts: Mapping[str, Batch] = field(default_factory=dict[str, "Batch"])
    """Of samples of several inputs each input that some of them have, by name, with a row a sample and `valid`; that of
    a sample without this input is zeros and nowhere valid."""

    @property
    def inputs(self) -> tuple[Any, Any]:
        """What a model is called with: (grid, valid), or both as {name: those of a part}."""
        if not self.parts:
            return self.grid, self.valid
        return {n: part.grid for n, part in self.parts.items()}, {n: part.valid for n, part in self.parts.items()}

    def cells(self, row: int) -> Tensor:
        """[n] int64: the cells of one sample of a sequence that are asked about, its `places` or all that it has."""
        places = self.places[row] if self.places else None
        if places is not None:
            return torch.from_numpy(places).long()
        return torch.arange(self.sizes[row][0] if self.sizes else self.grid.shape[2])

    def chosen(self, rows: Sequence[int]) -> Batch:
        """The batch of some of its samples, in that order."""
        rows = list(rows)
        if rows == list(range(len(self.grid))):
            return self
        return replace(
            self,
            grid=self.grid[rows],
            valid=None if self.valid is None else self.valid[rows],
            target=_rows(self.target, rows),
            ids=_rows(self.ids, rows),
            sizes=_rows(self.sizes, rows),
            matrices=_rows(self.matrices, rows),
            spacings=_rows(self.spacings, rows),
            places=_rows(self.places, rows),
            parts={name: part.chosen(rows) for name, part in self.parts.items()},
        )

    def to(self, device: Any) -> Batch:
        """The same batch with every tensor on `device`."""
        return replace(
            self,
            grid=self.grid.to(device, non_blocking=True),
            valid=None if self.valid is None else self.valid.to(device, non_blocking=True),
            target=_move(self.target, device),
            parts={name: part.to(device) for name, part in self.parts.items()},
        )

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory, from where a copy to the device need not be waited for."""
        return replace(
            self,
            grid=self.grid.pin_memory(),
            valid=None if self.valid is None else self.valid.pin_memory(),
            target=_pinned(self.target),
            parts={name: part.pin_memory() for name, part in self.parts.items()},
        )


def _rows(value: Any, rows: list[int]) -> Any:
    """Some rows of a tensor, list or tuple; of {task: (rows that have its target, their targets)} those among them."""
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for task, (known, target) in value.items():
            places = {row: place for place, row in enumerate(known.tolist())}
            kept = [index for index, row in enumerate(rows) if row in places]
            chosen = [places[rows[index]] for index in kept]
            found[task] = (torch.tensor(kept, dtype=torch.int64), _rows(target, chosen))
        return found
    if value is None or isinstance(value, Tensor):
        return None if value is None else value[rows]
    return type(value)(value[row] for row in rows) if value else value


def _move(value: Any, device: Any) -> Any:
    if isinstance(value, (Tensor, Objects)):
        return value.to(device, non_blocking=True)
    if isinstance(value, dict):
        return {key: _move(item, device) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_move(item, device) for item in value)
    return value


def _pinned(value: Any) -> Any:
    if isinstance(value, (Tensor, Objects)):
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
