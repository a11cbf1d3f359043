"""The example that every task has, as a model, a data set and a modality to train with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from swinkit.backbone import Convolutions, SwinConfig, Tokens
from swinkit.models import Model
from swinkit.tasks import TASKS, Classify, Segment, Several
from swinkit.types import Batch, Record, Sample


def example(name: str, rank: int) -> tuple[Any, Batch]:
    """The task's own example; `several` knows no task and is handed two here."""
    return shared(rank) if name == "several" else TASKS[name].example(rank)


def shared(rank: int) -> tuple[Several, Batch]:
    """Two tasks and three samples, one of which has a target for both."""
    space = ({1: 32, 2: 16, 3: 8}[rank],) * rank
    masks = torch.zeros(2, *space, dtype=torch.int64)
    masks[0, ..., : space[0] // 2] = 1
    target = {"map": (torch.tensor([0, 1]), masks), "kind": (torch.tensor([1, 2]), torch.tensor([1, 0]))}
    tasks = {"map": Segment(classes=("rest", "half")), "kind": Classify(classes=("a", "b"))}
    grid = torch.randn(3, 3, *space, generator=torch.Generator().manual_seed(0))
    batch = Batch(grid=grid, target=target, ids=("one", "both", "other"), sizes=(space,) * 3)
    return Several(tasks=tasks, weights={"map": 1.0, "kind": 0.5}), batch


def smallest(name: str, rank: int, **changes: Any) -> tuple[Any, Batch, Model]:
    """The task's own example and a model with two shifted stages for it."""
    task, batch = example(name, rank)
    settings: dict[str, Any] = dict(
        stem=Convolutions(size=(2,) * rank, channels=batch.grid.shape[1])
        if batch.grid.is_floating_point()
        else Tokens(vocabulary=int(batch.grid.max()) + 2),
        width=16,
        depths=(2, 2),
        heads=(2, 4),
        window=((4,) * rank,),
    )
    if not batch.grid.is_floating_point():
        settings["merge"] = ((1,),) * 2
    torch.manual_seed(0)
    return task, batch, Model(SwinConfig(**settings | changes), task.head)


def singles(batch: Batch) -> list[Batch]:
    """The same samples, one a batch."""
    return [batch.chosen([index]) for index in range(len(batch.grid))]


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
        return self.batch.chosen([self.batch.ids.index(sample.id) for sample in samples])

    def draw(self, sample: Sample, prediction: Any) -> np.ndarray:
        raise NotImplementedError("nobody looks at these")
