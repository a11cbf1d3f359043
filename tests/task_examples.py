"""The example that every task has, as a model, a data set and a modality to train with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from swinkit.backbone import Convolutions, SwinConfig
from swinkit.models import Model
from swinkit.tasks import TASKS
from swinkit.types import Batch, Record, Sample


def smallest(name: str, rank: int, **changes: Any) -> tuple[Any, Batch, Model]:
    """The task's own example and a model with two shifted stages for it."""
    task, batch = TASKS[name].example(rank)
    settings: dict[str, Any] = dict(
        stem=Convolutions(size=(2,) * rank, channels=batch.grid.shape[1]),
        width=16,
        depths=(2, 2),
        heads=(2, 4),
        window=((4,) * rank,),
    )
    torch.manual_seed(0)
    return task, batch, Model(SwinConfig(**settings | changes), task.head)


def singles(batch: Batch) -> list[Batch]:
    """The same samples, one a batch."""
    return [
        Batch(
            grid=batch.grid[i : i + 1],
            valid=None if batch.valid is None else batch.valid[i : i + 1],
            target=batch.target[i : i + 1],
            ids=batch.ids[i : i + 1],
            sizes=batch.sizes[i : i + 1],
        )
        for i in range(len(batch.grid))
    ]


class Learnt:
    """The samples of a batch as a data set."""

    def __init__(self, batch: Batch) -> None:
        self.batch, self.classes = batch, ()

    def __len__(self) -> int:
        return len(self.batch.ids)

    def __getitem__(self, index: int) -> Record:
        return Record(id=self.batch.ids[index], source=np.array(index))


class AsIs:
    """A modality for grids of any rank that are ready to use."""

    def __init__(self, batch: Batch) -> None:
        self.batch, self.channels, self.rank = batch, batch.grid.shape[1], batch.grid.ndim - 2

    def read(self, record: Record) -> Sample:
        return Sample(id=record.id, grid=self.batch.grid[int(record.source)])

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return sample

    def standard(self, sample: Sample) -> Sample:
        return sample

    def collate(self, samples: Sequence[Sample]) -> Batch:
        parts = singles(self.batch)
        rows = [parts[self.batch.ids.index(sample.id)] for sample in samples]
        return Batch(
            grid=torch.cat([row.grid for row in rows]),
            valid=None if self.batch.valid is None else torch.cat([row.valid for row in rows]),
            target=torch.cat([row.target for row in rows]),
            ids=tuple(row.ids[0] for row in rows),
            sizes=tuple(row.sizes[0] for row in rows),
        )

    def draw(self, sample: Sample, prediction: Any) -> np.ndarray:
        raise NotImplementedError("nobody looks at these")
