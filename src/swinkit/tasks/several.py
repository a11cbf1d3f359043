"""Several tasks on one backbone: their heads see the same pyramid, their losses are added up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from swinkit.files import ConfigError
from swinkit.heads.joint import Joint, part_of
from swinkit.types import Answers, Batch, Levels, Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    """Any set of tasks. A sample's target is {task: target}; what a sample lacks, its task does not learn from it."""

    tasks: dict[str, Any]
    """Name -> task."""
    weights: dict[str, float] = field(default_factory=dict[str, float])
    """Factor of every task's losses; empty: learned, each task's as exp(-s) with s added to the loss, the logarithm of
    its variance (Kendall et al. 2018)."""
    kept: tuple[str, ...] = ()
    """Tasks whose heads stay as they began (see `model.weights`): they answer and are measured, and learn nothing. With
    all stages frozen too (`training.freeze`) their answers stay the same to the bit."""

    answers: ClassVar[type] = Answers
    parts: ClassVar[dict[str, str]] = {"tasks": "task"}
    """Fields that hold parts of a recipe, and which."""

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ConfigError("tasks: is empty: give at least one, by name")
        for name in self.tasks:
            if not name.isidentifier():
                raise ConfigError(f"tasks: {name!r} is no name: letters, digits and _")
        if strange := set(self.kept) - set(self.tasks):
            raise ConfigError(f"kept: {min(strange)!r} is none of the tasks {', '.join(self.tasks)}")
        learned = [name for name in self.tasks if name not in self.kept]
        if not learned:
            raise ConfigError(f"kept: {', '.join(self.kept)} leaves no task to learn: add one, or keep fewer")
        if self.weights and set(self.weights) != set(learned):
            raise ConfigError(f"weights: {self.weights} is not one factor for each of {', '.join(learned)}")
        if self.weights and min(self.weights.values()) < 0:
            raise ConfigError(f"weights: {self.weights}: factors are 0 or more")

    def head(self, levels: Levels) -> nn.Module:
        """The tasks' heads side by side."""
        seen = {name: getattr(task, "outputs", None) for name, task in self.tasks.items()}
        heads = {name: task.head(part_of(levels, seen[name])) for name, task in self.tasks.items()}
        return Joint(heads, seen, balanced=not self.weights, kept=self.kept)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Every task's losses as `task/loss`, weighted; the backbone is computed once."""
        if not isinstance(batch.target, Mapping):
            raise ValueError("the batch's target is no {task: (rows, target)}: only labelled samples have a loss")
        outputs = model(batch.grid, batch.valid)
        found: dict[str, tuple[Tensor, Tensor]] = {}
        for name, task in self.tasks.items():
            rows, target = batch.target.get(name, (None, None))
            if rows is None or not len(rows) or name in self.kept:
                continue
            part = _part(batch, rows.tolist(), target)
            told = _Told(model, name, part.grid, _picked(outputs[name], rows))
            for loss, (total, weight) in task.losses(told, part).items():
                found[f"{name}/{loss}"] = self._weighted(model, name, total, weight)
        return found

    def predict(self, model: nn.Module, batch: Batch) -> list[Answers]:
        """Every task's answer for every sample; the backbone is computed once."""
        outputs = model(batch.grid, batch.valid)
        each = {
            name: task.predict(_Told(model, name, batch.grid, outputs[name]), batch)
            for name, task in self.tasks.items()
        }
        ids = batch.ids or tuple(map(str, range(len(batch.grid))))
        return [
            Answers(id=key, answers={name: rows[index] for name, rows in each.items()}) for index, key in enumerate(ids)
        ]

    def metrics(self) -> JointMetrics:
        """Every task's figures, and the mean of their main ones."""
        return JointMetrics({name: task.metrics() for name, task in self.tasks.items()})

    def _weighted(self, model: nn.Module, name: str, total: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        if self.weights:
            return self.weights[name] * total, weight
        variance: Tensor = model.get_parameter(f"head.log_variances.{name}")
        return torch.exp(-variance) * total + variance * weight, weight


class JointMetrics:
    """Figures of several tasks: `TASK_figure` for each, and `score`, the mean of their main figures."""

    main: ClassVar[str] = "score"

    def __init__(self, each: dict[str, Metrics]) -> None:
        self.each = each

    def update(self, predictions: Sequence[Answers], batch: Batch) -> None:
        """Count one batch."""
        for name, metrics in self.each.items():
            rows, target = (batch.target or {}).get(name, (None, None))
            if rows is not None and len(rows):
                chosen = rows.tolist()
                metrics.update([predictions[row].answers[name] for row in chosen], _part(batch, chosen, target))

    def score(self, prediction: Answers, batch: Batch) -> float | None:
        """The mean over the tasks that the sample has a target for."""
        found: list[float] = []
        for name, metrics in self.each.items():
            rows, target = (batch.target or {}).get(name, (None, None))
            if rows is not None and len(rows):
                value = metrics.score(prediction.answers[name], _part(batch, rows.tolist(), target))
                found += [] if value is None else [value]
        return sum(found) / len(found) if found else None

    def merge(self, other: JointMetrics) -> None:
        """Add what another process counted."""
        for name, metrics in self.each.items():
            metrics.merge(other.each[name])

    def result(self) -> dict[str, float]:
        """`score` and every task's figures with its name in front."""
        results = {name: metrics.result() for name, metrics in self.each.items()}
        mains = [found[self.each[name].main] for name, found in results.items() if self.each[name].main in found]
        figures = {f"{name}_{key}": value for name, found in results.items() for key, value in found.items()}
        return {"score": sum(mains) / len(mains), **figures} if mains else {}

    def details(self) -> dict[str, Any]:
        """Every task's tables."""
        return {name: metrics.details() for name, metrics in self.each.items()}


class _Told(nn.Module):
    """What a task takes for the model: it answers for the grid that was looked at, and looks at others itself; in
    training at the same one too when it is asked again, since other neurons are dropped then."""

    def __init__(self, model: nn.Module, name: str, grid: Tensor, output: Any) -> None:
        super().__init__()
        self._ask: Callable[..., Any] = lambda *seen: model(*seen)[name]
        self._grid, self._output, self._answered = grid, output, False
        self.training = model.training

    def forward(self, grid: Tensor, valid: Tensor | None = None) -> Any:
        known = grid is self._grid and not (self.training and self._answered)
        self._answered = self._answered or known
        return self._output if known else self._ask(grid, valid)


def _part(batch: Batch, rows: list[int], target: Any) -> Batch:
    """Those samples of a batch, with one task's targets."""
    return replace(replace(batch, target=None).chosen(rows), target=target)


def _picked(output: Any, rows: Tensor) -> Any:
    """The same output for some samples."""
    if isinstance(output, Tensor):
        return output if len(rows) == len(output) else output[rows]
    if isinstance(output, Mapping):
        return {key: _picked(value, rows) for key, value in output.items()}
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return type(output)(*(_picked(value, rows) for value in output))
    return type(output)(_picked(value, rows) for value in output) if isinstance(output, (list, tuple)) else output
