"""Figures of a run on a split, with the samples it does best and worst on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from swinkit.engine import evaluating
from swinkit.recipes.parts import loader, open_data
from swinkit.recipes.predictor import Predictor
from swinkit.types import Batch, Dataset, Layout, Levels, Metrics, Prediction, Task


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured."""

    split: str
    data: str
    """The folder or the name of the data set."""
    samples: int
    weights: str
    """Which checkpoint."""
    main: str
    """The figure that matters most."""
    figures: Mapping[str, float]
    """As fractions."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    scores: Sequence[float | None] = ()
    """The main figure of every sample alone, in the order of the split."""
    seconds: float = 0.0
    dataset: Dataset = field(repr=False)

    def __getitem__(self, name: str) -> float:
        return self.figures[name]

    def __str__(self) -> str:
        head = f"{self.split} of {self.data}: {self.samples} samples, weights of {self.weights}"
        return "\n".join([head, *(f"  {name:<24} {value:.4f}" for name, value in self.figures.items())])

    def to_json(self) -> dict[str, Any]:
        """Plain values; what took how long is left out, so that equal runs give equal documents."""
        names = ("split", "data", "samples", "weights", "main", "figures", "details")
        return {name: getattr(self, name) for name in names}


def evaluate(
    predictor: Predictor,
    split: str,
    *,
    layout: Layout | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Predict every sample of a split of the run's own data, or of another layout.

    Raises:
        DataError: there is no such split, or a file cannot be used.
        ConfigError: the data has other classes than the run.
    """
    recipe = predictor.recipe
    data = open_data(recipe, split, layout)
    watched = _Watched(recipe.task)
    begun = time.perf_counter()
    reading = loader(recipe, data, batch=min(recipe.training.batch, 16))
    metrics: Metrics | None = None
    for counted in evaluating(predictor.model, watched, reading, device=predictor.device):
        metrics = counted.metrics
        if progress is not None:
            progress(counted.done, counted.total)
    assert metrics is not None, "the last event carries the figures"
    return Evaluation(
        split=split,
        data=str((layout or recipe.data).path),
        samples=len(data),
        weights=predictor.name,
        main=metrics.main,
        figures=metrics.result(),
        details=metrics.details(),
        scores=tuple(watched.scores),
        seconds=time.perf_counter() - begun,
        dataset=data,
    )


class _Watched:
    """A task that notes how well each sample went, on the way."""

    def __init__(self, task: Task) -> None:
        self._task, self._metrics = task, task.metrics()
        self.scores: list[float | None] = []

    def head(self, levels: Levels) -> nn.Module:
        return self._task.head(levels)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        return self._task.losses(model, batch)

    def metrics(self) -> Metrics:
        return self._task.metrics()

    def predict(self, model: nn.Module, batch: Batch) -> list[Prediction]:
        predictions = self._task.predict(model, batch)
        for index, prediction in enumerate(predictions):
            self.scores.append(self._metrics.score(prediction, batch.chosen([index])))
        return predictions
