"""Figures of a model over a split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from swinkit.engine.gradients import autocast
from swinkit.engine.interrupt import Interruption
from swinkit.engine.loader import Loader
from swinkit.engine.parallel import World
from swinkit.engine.training import Precision
from swinkit.types import Metrics, Task


@dataclass(frozen=True, slots=True)
class Counted:
    """How far an evaluation is."""

    done: int
    """Samples of this process so far."""
    total: int
    metrics: Metrics | None = None
    """Of all processes; with the last event only."""


def evaluating(
    model: nn.Module,
    task: Task,
    loader: Loader,
    *,
    device: torch.device | str = "cpu",
    precision: Precision = "fp32",
    world: World | None = None,
    interruption: Interruption | None = None,
) -> Iterator[Counted]:
    """Predict every sample of the loader once; yields after every batch, and the figures at the end.

    The model's mode is put back even when the caller leaves early. Interrupted in any process, it ends without the
    figures.
    """
    world, device = world or World(), torch.device(device)
    total = len(range(len(loader.dataset))[world.share(len(loader.dataset))])
    metrics, done, stop = task.metrics(), 0, False
    before = {module: module.training for module in model.modules()}
    model.eval()
    try:
        for batch in loader.once(world):
            batch = batch.to(device)
            with torch.inference_mode(), autocast(device, precision):
                predictions = task.predict(model, batch)
            metrics.update(predictions, batch)
            done += len(predictions)
            yield Counted(done, total)
            if stop := interruption is not None and interruption.asked:
                break
    finally:
        for module, mode in before.items():
            module.training = mode
    if world.size > 1:
        stop = any(world.gather(stop))
    if stop:
        return
    if world.size > 1:
        parts, metrics = world.gather(metrics), task.metrics()
        for part in parts:
            metrics.merge(part)
    yield Counted(done, total, metrics)


def evaluate(
    model: nn.Module,
    task: Task,
    loader: Loader,
    *,
    device: torch.device | str = "cpu",
    precision: Precision = "fp32",
    world: World | None = None,
) -> Metrics:
    """`evaluating` to its end."""
    *_, last = evaluating(model, task, loader, device=device, precision=precision, world=world)
    assert last.metrics is not None
    return last.metrics
