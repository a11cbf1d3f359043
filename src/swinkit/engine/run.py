"""A whole run: steps, evaluations, early stop and checkpoints in the one order that makes resuming exact."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import nn

from swinkit.engine.checkpoints import Checkpoints
from swinkit.engine.evaluate import Counted, evaluating
from swinkit.engine.fit import Step, fit
from swinkit.engine.interrupt import Interruption
from swinkit.engine.loader import Loader
from swinkit.engine.parallel import World
from swinkit.engine.state import State
from swinkit.types import Task

Reason = Literal["patience", "interrupted"]
"""Why a run stops before its last step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """An evaluation that ended."""

    step: int
    epoch: float
    metrics: dict[str, float]
    details: dict[str, Any]
    score: float | None
    """The figure that chooses the best checkpoint."""
    improved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A checkpoint that is on the disk."""

    step: int
    path: Path
    best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """The last event of a run."""

    step: int
    reason: Reason | Literal["done"]


Event = Step | Counted | Evaluated | Saved | Stopped


def train(
    model: nn.Module,
    task: Task,
    loader: Loader,
    state: State,
    *,
    validation: Loader | None = None,
    checkpoints: Checkpoints | None = None,
    interruption: Interruption | None = None,
) -> Iterator[Event]:
    """Train `state` from where it is to its end.

    The last event is a `Stopped`. Where it says interrupted, that very step was saved, and an evaluation that was due
    is made when the run goes on. Errors as `fit`, `Checkpoints.save`.

    Args:
        model: `state.model`, or what a compiler made of it.
        checkpoints: locked by the caller in the process that writes, rank 0.
    """
    run = _Run(task, state, validation, checkpoints, interruption, World.current())
    if checkpoints is not None and run.world.main:
        checkpoints.need_room(state)
    missed = validation is not None and run.due() and not state.is_evaluated
    stop = (yield from run.finish(evaluate=True, save=True)) if missed else run.impatient()
    if not stop:
        for step in fit(model, task, loader, state, world=run.world, interruption=interruption):
            yield step
            if step.interrupted:
                stop = yield from run.leave()
            else:
                stop = yield from run.finish(evaluate=step.evaluate, save=step.save)
            if stop:
                break
    yield Stopped(step=state.step, reason=stop or "done")


@dataclass(frozen=True)
class _Run:
    task: Task
    state: State
    validation: Loader | None
    checkpoints: Checkpoints | None
    interruption: Interruption | None
    world: World

    def due(self) -> bool:
        """Whether the step that the state is at ends with an evaluation."""
        state, training = self.state, self.state.training
        return state.step > 0 and training.due(state.step, state.total, state.samples, training.evaluate_every)

    def impatient(self) -> Reason | None:
        patience = self.state.training.patience
        return "patience" if patience is not None and self.state.stale >= patience else None

    def finish(self, *, evaluate: bool, save: bool) -> Generator[Event, None, Reason | None]:
        """What is due after a step; returns the reason to stop, if there is one."""
        improved = False
        if evaluate and self.validation is not None:
            event = yield from self._evaluate(self.validation)
            if event is None:
                return (yield from self.leave())
            improved = event.improved
            yield event
        stop = self.impatient()
        if save or improved or stop:
            yield from self._save(best=improved)
        return stop

    def leave(self) -> Generator[Event, None, Reason | None]:
        yield from self._save(best=False)
        return "interrupted"

    def _evaluate(self, validation: Loader) -> Generator[Event, None, Evaluated | None]:
        state, metrics = self.state, None
        for counted in evaluating(
            state.evaluated,
            self.task,
            validation,
            device=state.device,
            precision=state.training.precision,
            world=self.world,
            interruption=self.interruption,
        ):
            metrics = counted.metrics
            yield counted
        if metrics is None:
            return None
        result = metrics.result()
        improved = state.record(result, metrics.main)
        return Evaluated(
            step=state.step,
            epoch=state.epoch,
            metrics=result,
            details=metrics.details(),
            score=state.score,
            improved=improved,
        )

    def _save(self, *, best: bool) -> Iterator[Event]:
        if self.checkpoints is not None and self.world.main:
            yield Saved(step=self.state.step, path=self.checkpoints.save(self.state), best=best)
