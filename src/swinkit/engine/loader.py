"""Batches as a function of (seed, step): workers, processes and resuming cannot change a sample or the order.

The epochs follow each other without a seam: step s takes samples s * batch ... (s + 1) * batch - 1 of the endless
stream, so every step has a full batch, no sample is dropped, and the position of a run is its step.
"""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from swinkit.engine.decoded import Decoded
from swinkit.engine.parallel import World
from swinkit.files import UserError
from swinkit.types import Batch, Dataset, Modality, Sample

_GRACE = 60
"""Seconds that a loader worker lives after a SIGTERM: the step that needs it is finished and saved by then."""

Ticket = tuple[int, int]
"""(epoch, index of the sample in the data set): all that a worker is told."""


def sample_rng(seed: int, epoch: int, name: str) -> np.random.Generator:
    """The random numbers of one sample in one epoch; `name` is its id, so that adding files changes no other sample."""
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return np.random.default_rng((seed, epoch, int.from_bytes(digest, "little")))


def order(seed: int, epoch: int, samples: int) -> np.ndarray:
    """[samples] the order of an epoch."""
    return np.random.default_rng((seed, epoch)).permutation(samples)


@dataclass(frozen=True, kw_only=True)
class Loader:
    """Reads a data set through a modality, in `workers` extra processes."""

    dataset: Dataset
    modality: Modality
    batch: int
    """Samples a step (over all processes) in training, samples at a time in evaluation."""
    seed: int = 0
    workers: int = 0
    decoded: Decoded | None = None
    """Keeps this data set's samples as this modality reads them; None: they are decoded every time."""

    def steps(self, first: int, micro: int | None = None, world: World | None = None) -> Iterator[list[Batch]]:
        """The training batches from step `first` on, without end: this process's share of each in micro-batches.

        An error of a user's data (DataError) is raised at the step that needs the sample, as itself.
        """
        world = world or World()
        share = world.share(self.batch)
        tickets = (step[share] for step in self._stream(first))
        yield from self._load(_Read(self, augment=True, micro=micro), tickets)

    def once(self, world: World | None = None) -> Iterator[Batch]:
        """The evaluation view of this process's part of the samples, each once, in order."""
        share = (world or World()).share(len(self.dataset))
        indices = range(len(self.dataset))[share]
        tickets = ([(0, index) for index in indices[at : at + self.batch]] for at in range(0, len(indices), self.batch))
        for batches in self._load(_Read(self, augment=False, micro=None), tickets):
            yield from batches

    def _stream(self, first: int) -> Iterator[list[Ticket]]:
        samples = len(self.dataset)
        at, epoch, permutation = first * self.batch, -1, np.empty(0)
        while True:
            step: list[Ticket] = []
            for position in range(at, at + self.batch):
                if position // samples != epoch:
                    epoch = position // samples
                    permutation = order(self.seed, epoch, samples)
                step.append((epoch, int(permutation[position % samples])))
            at += self.batch
            yield step

    def _load(self, read: _Read, tickets: Iterable[list[Ticket]]) -> Iterator[list[Batch]]:
        loader = DataLoader(
            read,  # type: ignore[arg-type]  # it has __getitems__, which is all that is called
            batch_sampler=tickets,  # type: ignore[arg-type]
            num_workers=self.workers,
            collate_fn=_same,
            pin_memory=torch.cuda.is_available(),
            generator=torch.Generator(),  # else the loader would draw its own seed from the global generator
            worker_init_fn=_start_worker,
        )
        for batches in loader:
            if isinstance(batches, _Failed):
                raise batches.error
            yield batches


@dataclass(frozen=True)
class _Read:
    """What runs in a worker: tickets to collated micro-batches."""

    loader: Loader
    augment: bool
    micro: int | None

    def __getitems__(self, tickets: list[Ticket]) -> list[Batch] | _Failed:
        modality = self.loader.modality
        try:
            samples = [self._sample(*ticket) for ticket in tickets]
        except UserError as error:
            return _Failed(error)  # the loader would turn it into text with a traceback
        if self.micro is not None:  # what is alike in size goes together: less padding
            samples.sort(key=lambda sample: sample.numbers)
        edges = [*range(0, len(samples), self.micro or len(samples)), len(samples)]
        return [modality.collate(samples[start:stop]) for start, stop in pairwise(edges)]

    def _sample(self, epoch: int, index: int) -> Sample:
        record, decoded = self.loader.dataset[index], self.loader.decoded
        sample = None if decoded is None else decoded.get(index)
        if sample is None:
            sample = self.loader.modality.read(record)
            if decoded is not None:
                decoded.put(index, sample)
        if not self.augment:
            return self.loader.modality.standard(sample)
        return self.loader.modality.augment(sample, sample_rng(self.loader.seed, epoch, record.id))


@dataclass(frozen=True)
class _Failed:
    error: UserError


def _same(value: Any) -> Any:
    return value


def _start_worker(_: int) -> None:
    """Leave signals to the training process: Ctrl-C, `timeout` and job systems send theirs to every process of a job.

    The workers end when the training process says so or is gone; one that was told to end and cannot be is ended later.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(_GRACE))
