"""Several inputs of one sample, each of a modality of its own: a sound and a picture of the same thing, say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import cv2
import numpy as np
import torch
from torch import Tensor

from swinkit.files import ConfigError, DataError, did_you_mean
from swinkit.ops.captions import GROUND, captioned
from swinkit.types import Batch, ClassScores, Dataset, Modality, PartOf, Prediction, Record, Sample

UNLABELLED = -1
GAP = 4
"""Pixels between drawings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """How samples of several inputs become grids; what a sample lacks is left out. The target is one class."""

    inputs: dict[str, Any]
    """Name -> modality."""
    missing: float = 0.3
    """Training: probability that a sample that has more than one input is shown without one of them, so that the model
    can do without it (Neverova et al. 2016, "ModDrop")."""
    without: tuple[str, ...] = ()
    """Evaluation: inputs that are left out, to see what they are worth."""

    parts: ClassVar[dict[str, str]] = {"inputs": "modality"}
    """Fields that hold parts of a recipe, and which."""
    answering: ClassVar[tuple[str, ...]] = ("without",)

    def __post_init__(self) -> None:
        if not self.inputs:
            raise ConfigError("inputs: is empty: give at least one, by name")
        for name, modality in self.inputs.items():
            if not name.isidentifier():
                raise ConfigError(f"inputs: {name!r} is no name: letters, digits and _")
            if isinstance(modality, Mixed):
                raise ConfigError(f"inputs.{name}: has several inputs itself: name them side by side")
            if getattr(modality, "views", 1) > 1:
                raise ConfigError(
                    f"inputs.{name}: {modality.views} views of one input are for samples of one input: give one"
                )
        if not 0 <= self.missing < 1:
            raise ConfigError(f"missing: {self.missing}: give a probability of 0 to below 1")
        if set(self.without) - set(self.inputs) or set(self.without) == set(self.inputs):
            raise ConfigError(f"without: {list(self.without)}: give some of {', '.join(self.inputs)}, and not all")
        if len(learning := [name for name, each in self.inputs.items() if hasattr(each, "learn")]) > 1:
            raise ConfigError(f"inputs: {' and '.join(learning)} both learn a tokenizer: give one of them")

    @property
    def rank(self) -> int:
        """None: the inputs' grids have axes."""
        return 0

    @property
    def channels(self) -> int:
        """None, likewise."""
        return 0

    @property
    def file(self) -> str | None:
        """What is kept in the run folder of the input that learns, where there is one."""
        return None if (name := self._learning()) is None else self.inputs[name].file

    def learn(self, data: Dataset) -> bytes:
        """What the input that learns learns from a training split."""
        name = self._learning()
        assert name is not None, "asked for only where `file` says that an input learns"
        return self.inputs[name].learn(PartOf(data, name))

    def learnt(self, content: bytes) -> Mixed:
        """The same with what its input has learnt."""
        name = self._learning()
        assert name is not None, "asked for only where `file` says that an input learns"
        return replace(self, inputs={**self.inputs, name: self.inputs[name].learnt(content)})

    def exact(self) -> Mixed:
        """The same without an input that has to learn first."""
        each = {name: one.exact() if hasattr(one, "exact") else one for name, one in self.inputs.items()}
        return replace(self, inputs=each)

    def read(self, record: Record) -> Sample:
        """Decode the inputs that there are. Raises DataError: file and field, where one cannot be used."""
        if not record.parts:
            raise DataError(record.id, f"has no input: give at least one of {', '.join(self.inputs)}")
        for name in record.parts:
            if name not in self.inputs:
                raise DataError(record.id, f"is no input of this model: {did_you_mean(name, self.inputs)}", field=name)
        each = {name: one.read(record.parts[name]) for name, one in self._of(record.parts).items()}
        target = None if record.target is None else torch.tensor(int(record.target))
        return Sample(id=record.id, grid=torch.zeros(0), target=target, size=(len(each),), parts=each)

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The training view of every input, perhaps without one of them."""
        left, which = rng.random() < self.missing, rng.random()
        each = {name: one.augment(sample.parts[name], rng) for name, one in self._of(sample.parts).items()}
        if left and len(each) > 1:
            del each[list(each)[int(which * len(each))]]
        return replace(sample, parts=each)

    def standard(self, sample: Sample) -> Sample:
        """The evaluation view of every input. Raises DataError: nothing is left of the sample without some."""
        left = [name for name in sample.parts if name not in self.without]
        if not left:
            raise DataError(sample.id, f"has nothing else than {', '.join(sample.parts)}", field="without")
        return replace(sample, parts={name: one.standard(sample.parts[name]) for name, one in self._of(left).items()})

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Every input as its modality collates it, with a row a sample; an input that no sample has is left out."""
        parts: dict[str, Batch] = {}
        for name, modality in self.inputs.items():
            rows = [row for row, sample in enumerate(samples) if name in sample.parts]
            if rows:
                batch = modality.collate([samples[row].parts[name] for row in rows])
                parts[name] = _spread(batch, rows, [sample.id for sample in samples])
        known = [sample.target for sample in samples if sample.target is not None]
        targets = [torch.tensor(UNLABELLED) if sample.target is None else sample.target for sample in samples]
        return Batch(
            grid=torch.zeros(len(samples), 0),
            target=torch.stack(targets) if known else None,
            ids=tuple(sample.id for sample in samples),
            sizes=tuple(sample.size for sample in samples),
            parts=parts,
        )

    def draw(self, sample: Sample, prediction: Prediction) -> np.ndarray:
        """[h w 3] uint8: the inputs side by side, with the most probable classes below them."""
        picture = self.draw_target(sample, ())
        return captioned(picture, prediction.best(3)) if isinstance(prediction, ClassScores) else picture

    def draw_target(self, sample: Sample, classes: Sequence[str]) -> np.ndarray:
        """[h w 3] uint8: the inputs side by side; a class has no place in them."""
        each = self._of(sample.parts).items()
        return _beside([one.draw_target(replace(sample.parts[name], target=None), classes) for name, one in each])

    def _of(self, parts: Any) -> dict[str, Modality]:
        """The modalities of the inputs that there are, in one order."""
        return {name: cast("Modality", one) for name, one in self.inputs.items() if name in parts}

    def _learning(self) -> str | None:
        return next((name for name, one in self.inputs.items() if hasattr(one, "learn")), None)


def _spread(batch: Batch, rows: Sequence[int], ids: Sequence[str]) -> Batch:
    """The same samples in these rows of a larger batch whose others are zeros and nowhere valid."""
    valid = batch.valid
    if valid is None:
        valid = torch.ones(len(rows), *batch.grid.shape[2:], dtype=torch.bool)
    return Batch(grid=_placed(batch.grid, rows, len(ids)), valid=_placed(valid, rows, len(ids)), ids=tuple(ids))


def _placed(values: Tensor, rows: Sequence[int], count: int) -> Tensor:
    if len(rows) == count:
        return values
    placed = values.new_zeros(count, *values.shape[1:])
    placed[list(rows)] = values
    return placed


def _beside(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """[h w 3] uint8: all as high as the highest, smaller ones enlarged by whole factors."""
    height = max(picture.shape[0] for picture in pictures)
    row: list[np.ndarray] = []
    for picture in pictures:
        factor = height // picture.shape[0]
        large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
        place = np.full((height, large.shape[1] + (GAP if row else 0), 3), GROUND, np.uint8)
        place[: large.shape[0], place.shape[1] - large.shape[1] :] = large
        row.append(place)
    return np.hstack(row)
