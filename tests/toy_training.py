"""A data set, modality, task and model that train in milliseconds, with every kind of random draw there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinkit.engine import Checkpoints, Event, Interruption, Loader, State, Training, train
from swinkit.files import DataError
from swinkit.types import Batch, LabelMap, Record, Sample

CLASSES = 3


@dataclass(frozen=True)
class Stripes:
    """Small pictures whose class is their brightest channel, with a mask for every cell; some cells are ignored."""

    count: int = 24
    classes: tuple[str, ...] = ("red", "green", "blue")
    broken: int | None = None
    """Index of a record whose file cannot be read."""
    side: int = 8

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Record:
        rng = np.random.default_rng(index)
        picture = rng.integers(0, 60, (self.side, self.side, 3), dtype=np.uint8)
        picture[..., index % CLASSES] += 100
        target = np.full((self.side, self.side), index % CLASSES, dtype=np.int64)
        target[: index % 5] = -1
        return Record(id=f"stripe-{index}", source=picture, target=None if index == self.broken else target)


@dataclass(frozen=True)
class Plain:
    """Read, jitter with the sample's own random numbers, stack."""

    channels: int = 3
    rank: int = 2

    def read(self, record: Record) -> Sample:
        if record.target is None:
            raise DataError(f"{record.id}.png", "cannot be decoded", field="image")
        grid = torch.from_numpy(np.asarray(record.source)).permute(2, 0, 1)
        return Sample(id=record.id, grid=grid, target=torch.from_numpy(record.target), size=tuple(grid.shape[1:]))

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        noise = torch.from_numpy(rng.normal(0, 8, tuple(sample.grid.shape)))
        return Sample(id=sample.id, grid=sample.grid + noise, target=sample.target, size=sample.size)

    def standard(self, sample: Sample) -> Sample:
        return sample

    def collate(self, samples: Sequence[Sample]) -> Batch:
        grid = torch.stack([sample.grid.float() / 127 - 1 for sample in samples])
        target = torch.stack([sample.target for sample in samples])
        return Batch(grid=grid, target=target, ids=tuple(s.id for s in samples), sizes=tuple(s.size for s in samples))


class Hits:
    """Share of the cells with the right class."""

    main: ClassVar[str] = "hits"

    def __init__(self) -> None:
        self.right = self.all = 0

    def update(self, predictions: Sequence[LabelMap], batch: Batch) -> None:
        for prediction, target in zip(predictions, batch.target.cpu(), strict=True):
            self.right += int((prediction.labels == target)[target >= 0].sum())
            self.all += int((target >= 0).sum())

    def merge(self, other: Any) -> None:
        self.right, self.all = self.right + other.right, self.all + other.all

    def result(self) -> dict[str, float]:
        return {"hits": self.right / self.all} if self.all else {}

    def details(self) -> dict[str, Any]:
        return {"cells": self.all}


@dataclass(frozen=True)
class Paint:
    """Cross-entropy over the cells that count and a second loss over samples: weights that are not proportional."""

    second: bool = True
    mix: bool = True
    """Blend neighbours in the batch with numbers of the step."""
    classes: tuple[str, ...] = ("red", "green", "blue")

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        grid = batch.grid
        if self.mix:
            grid = grid.lerp(grid.flip(0), 0.2 * torch.rand((), device="cpu").item())
        logits = model(grid).float()
        counts = (batch.target >= 0).sum()
        found = {"cells": (F.cross_entropy(logits, batch.target, ignore_index=-1, reduction="sum"), counts)}
        if self.second:
            sizes = logits.square().mean((1, 2, 3))
            found["size"] = (0.1 * sizes.sum(), torch.tensor(float(len(sizes))))
        return found

    def predict(self, model: nn.Module, batch: Batch) -> list[LabelMap]:
        labels = model(batch.grid).argmax(1).cpu()
        return [LabelMap(id=name, labels=each) for name, each in zip(batch.ids, labels, strict=True)]

    def metrics(self) -> Hits:
        return Hits()


class Toy(nn.Module):
    """Attention with enough heads and cells for several threads, dropout, and a part that nothing uses."""

    def __init__(self, width: int = 8, dropout: float = 0.1) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 1)
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.bias = nn.Parameter(0.1 * torch.randn(49))
        self.register_buffer("index", torch.arange(64 * 64).remainder(49), persistent=False)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Conv2d(width, CLASSES, 1)
        self.unused = nn.Linear(width, 1)

    def forward(self, grid: Tensor) -> Tensor:
        x = self.stem(grid)
        b, c, h, w = x.shape
        tokens = x.flatten(2).mT
        q, k, v = self.qkv(self.norm(tokens)).chunk(3, -1)
        bias = F.embedding(self.index, self.bias[:, None]).view(1, h * w, h * w)
        mixed = ((q @ k.mT) / c**0.5 + bias).softmax(-1) @ v
        return self.head((tokens + self.dropout(mixed)).mT.view(b, c, h, w))

    def parameter_groups(self) -> list[tuple[str, int, bool]]:
        deep = {"stem": 0, "norm": 1, "qkv": 1, "bias": 1}
        return [(name, deep.get(name.split(".")[0], 2), p.ndim > 1) for name, p in self.named_parameters()]


@dataclass
class Setting:
    """A toy run, put together the way a recipe does it."""

    changes: dict[str, Any] = field(default_factory=dict)
    task: Paint = field(default_factory=Paint)
    dataset: Stripes = field(default_factory=Stripes)
    dropout: float = 0.1

    def __post_init__(self) -> None:
        settings = {"steps": 12, "batch": 8, "workers": 0, "ema": 0.9, "evaluate_every": 4, "rate": 3e-2}
        self.training = Training(**(settings | self.changes))
        self.loader = Loader(
            dataset=self.dataset,
            modality=Plain(),
            batch=self.training.batch,
            seed=self.training.seed,
            workers=self.training.workers,
        )
        self.validation = Loader(dataset=Stripes(9), modality=Plain(), batch=4)
        self.state = self.fresh()

    def fresh(self) -> State:
        """The state before the first step."""
        torch.manual_seed(self.training.seed)
        return State(Toy(dropout=self.dropout), self.training, samples=len(self.dataset))

    def events(
        self, checkpoints: Checkpoints | None = None, interruption: Interruption | None = None
    ) -> Iterator[Event]:
        """What happens from where the state is; the caller holds the lock of the checkpoints."""
        return train(
            self.state.model,
            self.task,
            self.loader,
            self.state,
            validation=self.validation,
            checkpoints=checkpoints,
            interruption=interruption,
        )
