"""What the rooms ask of each other. Nothing here runs; engine, tasks, modalities and data sets meet only through it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from swinkit.types.predictions import Prediction
from swinkit.types.values import Batch, Levels, Record, Sample


class Metrics(Protocol):
    """Figures over a split, gathered batch by batch."""

    @property
    def main(self) -> str:
        """The figure in `result()` that chooses the best checkpoint; larger is better."""
        ...

    def update(self, predictions: Sequence[Prediction], batch: Batch) -> None:
        """Count one batch."""
        ...

    def score(self, prediction: Any, batch: Batch) -> float | None:
        """How good one prediction is by itself, for the batch that holds only its sample; larger is better, None where
        that is undefined. It ranks examples for the report and counts nowhere."""
        ...

    def merge(self, other: Any) -> None:
        """Add what another process counted."""
        ...

    def result(self) -> dict[str, float]:
        """Figures as fractions, but for those in pixels (`rmse_px`); what is undefined on this data is left out, never
        NaN."""
        ...

    def details(self) -> dict[str, Any]:
        """Tables for the report, plain JSON values: `per_class`, rows of a `name`, figures as fractions or None and the
        `count` of what the truth holds; `confusion` [truth prediction], where each example has one class."""
        ...


class Task(Protocol):
    """What to answer for a grid; a frozen dataclass whose fields are its settings.

    Some things it may say as class variables: `outputs`, the stages whose features its head sees ((-1,) is the
    coarsest alone; all where it says nothing), `answers`, the class of its predictions (`LabelMap` where it says
    nothing), and `answering`, its settings that change predictions alone, so that a trained run may be asked with
    others; a modality may say them too; and `averages`, that its answer is the mean over `Batch.views`. One that also
    learns from samples of several inputs (`Batch.inputs`) says `of_one_grid`: its settings that have to stay as they
    are by default there.
    """

    def head(self, levels: Levels) -> nn.Module:
        """The module that turns the pyramid into raw output."""
        ...

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """name -> (sum, weight). The engine divides the sums by their weights added over micro-batches and
        processes."""
        ...

    def predict(self, model: nn.Module, batch: Batch) -> list[Prediction]:
        """One prediction a sample, at the sample's original size, on the CPU."""
        ...

    def metrics(self) -> Metrics:
        """A fresh, empty count."""
        ...


class Dataset(Protocol):
    """One split of labelled examples; never writes to its folder."""

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record: ...


class Layout(Protocol):
    """How examples lie on disk; a frozen dataclass whose fields say where, and how to read them."""

    path: str
    """The folder, or the name of a built-in data set."""

    def splits(self) -> tuple[str, ...]:
        """Those of train, val and test that there are."""
        ...

    def resolved(self, *, strict: bool = True) -> Layout:
        """The same with everything filled in that had to be looked for: what a recipe keeps."""
        ...

    def open(self, split: str, *, strict: bool = True) -> Dataset:
        """One split; not strict: entries that cannot be used are left out and listed."""
        ...


class Modality(Protocol):
    """From files to grids and back to something a person can look at.

    One that learns from the training split before a run also says `learn(Dataset) -> bytes`, `learnt(bytes) ->
    Modality` and `file`, the name under which the run folder keeps those bytes; and `exact() -> Modality`, which needs
    no learning and by which equal inputs are found.
    """

    channels: int

    @property
    def rank(self) -> int:
        """Number of axes of the grid."""
        ...

    def read(self, record: Record) -> Sample:
        """Decode input and target; raises DataError naming file and field."""
        ...

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The training view: one random affine for grid and target, then photometric changes."""
        ...

    def standard(self, sample: Sample) -> Sample:
        """The evaluation view: nothing random; the target stays at its original size."""
        ...

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Normalise, pad with zeros to a common size, stack."""
        ...

    def draw(self, sample: Sample, prediction: Prediction) -> np.ndarray:
        """[height width 3] uint8: the prediction over the input."""
        ...

    def draw_target(self, sample: Sample, classes: Sequence[str]) -> np.ndarray:
        """[height width 3] uint8: the truth over the input, as far as it can be drawn; without a target the input."""
        ...
