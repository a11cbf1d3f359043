"""Training a recipe: the engine's events become a run folder."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from swinkit.engine import (
    Evaluated,
    Event,
    Interruption,
    State,
    Step,
    Stopped,
    Track,
    World,
    launch,
    pick_device,
    train as run_events,
)
from swinkit.models import prepare_training
from swinkit.recipes.environment import environment
from swinkit.recipes.folder import RunFolder, free_folder
from swinkit.recipes.parts import loader, make_model, open_data
from swinkit.recipes.progress import Display, duration
from swinkit.recipes.recipe import Recipe
from swinkit.recipes.runs import Run
from swinkit.types import Dataset, Record

ROWS = 1000
"""About how many steps get a row in metrics.csv; short runs write every one."""


class Interrupted(KeyboardInterrupt):
    """A run that was stopped by a signal, after everything was saved; its text says how to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What every process of a run is told."""

    recipe: Recipe
    folder: RunFolder
    start: Path | None = None
    """The checkpoint to go on from."""
    quiet: bool = False
    few: int | None = None
    """Only so many samples of every split: a dry run."""


def train(
    recipe: Recipe,
    out: Path | str | None = None,
    *,
    resume: str | None = None,
    overwrite: bool = False,
    quiet: bool = False,
    command: str = "",
) -> Run:
    """Train to the end and write the report.

    Args:
        out: the run folder; None: a new one under `runs/`.
        resume: the checkpoint of `out` to go on from: `last`, `best`, a step or a path. Only with the recipe that it was made with.
        overwrite: replace a run that `out` holds already.
        quiet: show nothing.
        command: what was typed, for the report.

    Raises:
        ConfigError, DataError, CheckpointError: one sentence that names the value or the file.
        Interrupted: SIGINT or SIGTERM came; a checkpoint was saved.
    """
    folder = RunFolder(free_folder(recipe) if out is None else Path(out))
    start = None
    if resume is None:
        folder.start(recipe, overwrite=overwrite)
        folder.write("environment.json", {"started": _now(), "command": command, **_environment(recipe)})
    else:
        start = folder.go_on(recipe, resume)
    _run(Order(recipe=recipe, folder=folder, start=start, quiet=quiet))
    run = Run(folder.path, recipe)
    run.evaluate("val")
    return run


def dry_run(recipe: Recipe, out: Path | str | None = None) -> dict[str, float]:
    """One batch through training, evaluation and saving; returns the step's losses.

    Works in a temporary folder beside `out` (where there is enough room, or not), which is removed in the end.
    """
    settings = {"steps": 1, "epochs": None, "evaluate_every": 1, "save_every": 1, "workers": 0, "processes": 1}
    small = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, **settings))
    beside = Path(out).resolve().parent if out is not None else None
    while beside is not None and not beside.is_dir():
        beside = beside.parent
    with tempfile.TemporaryDirectory(prefix=".swinkit-dry-run-", dir=beside) as place:
        folder = RunFolder(Path(place) / "run")
        folder.start(small, overwrite=False)
        _run(Order(recipe=small, folder=folder, quiet=True, few=recipe.training.batch))
        checkpoints = folder.checkpoints(small)
        saved = checkpoints.load(checkpoints.last() or folder.path)
        assert saved.step == 1, "the one step was saved"
        first = folder.rows()[0]
        return {name: float(first[name]) for name in first if name.split("/")[0] == "loss" and first[name]}


def _run(order: Order) -> None:
    training = order.recipe.training
    stopped = launch(_work, order, processes=training.processes, device=training.device)
    if stopped.reason == "interrupted":
        raise Interrupted(
            f"stopped at step {stopped.step}, everything is saved; go on with: swinkit train --resume --out {order.folder.path}"
        )


def _work(world: World, order: Order) -> Stopped:
    recipe, training = order.recipe, order.recipe.training
    device = pick_device(training.device, world)
    data, validation = (_few(open_data(recipe, split), order.few) for split in ("train", "val"))
    model = make_model(recipe)
    state = State(model, training, samples=len(data), device=device)
    checkpoints = order.folder.checkpoints(recipe)
    with ExitStack() as stack:
        interruption = stack.enter_context(Interruption())
        if world.main:
            stack.enter_context(checkpoints.lock())
        if order.start is not None:
            checkpoints.load(order.start, state)
        prepared = prepare_training(model, recompute=training.recompute, compile=training.compile)
        events = run_events(
            prepared,
            recipe.task,
            loader(recipe, data),
            state,
            validation=loader(recipe, validation),
            checkpoints=checkpoints,
            interruption=interruption,
        )
        return _follow(events, order, state) if world.main else _drain(events)


def _follow(events: Iterable[Event], order: Order, state: State) -> Stopped:
    """Show and record what happens."""
    every = max(1, -(-state.total // ROWS))
    main = order.recipe.task.metrics().main
    stopped = None
    with ExitStack() as stack:
        track = stack.enter_context(Track(order.folder.file("metrics.csv"), step=state.step))
        rows = order.folder.rows()
        begun = time.monotonic() - (float(rows[-1]["seconds"]) if rows else 0.0)
        display = None if order.quiet else stack.enter_context(Display(main))
        if display is not None:
            display.say(_opening(state, order))
        for event in events:
            if display is not None:
                display.see(event)
            if isinstance(event, Step):
                if event.step % every == 0 or event.last:
                    track.add(_row(event, time.monotonic() - begun))
            elif isinstance(event, Evaluated):
                seconds = round(time.monotonic() - begun, 3)
                figures = {f"val/{name}": value for name, value in event.metrics.items() if "/" not in name}
                track.add({"step": event.step, "epoch": event.epoch, "seconds": seconds, **figures})
            elif isinstance(event, Stopped):
                stopped = event
        if display is not None and stopped is not None:
            display.say(_ending(stopped, state, time.monotonic() - begun))
    assert stopped is not None, "the engine's last event says why it stopped"
    return stopped


def _drain(events: Iterable[Event]) -> Stopped:
    *_, last = events
    assert isinstance(last, Stopped)
    return last


def _row(step: Step, seconds: float) -> dict[str, Any]:
    parts = {f"loss/{name}": value for name, value in step.losses.items()} if len(step.losses) > 1 else {}
    return {
        "step": step.step,
        "epoch": step.epoch,
        "seconds": round(seconds, 3),
        "loss": step.loss,
        **parts,
        "rate": step.rate,
        "grad_norm": step.grad_norm,
    }


def _opening(state: State, order: Order) -> str:
    training = state.training
    count = sum(parameter.numel() for parameter in state.model.parameters())
    begin = f"going on at step {state.step} of {state.total}" if state.step else f"training for {state.total} steps"
    return (
        f"{begin} of {training.batch} samples ({state.total * training.batch / state.samples:.3g} epochs), "
        f"{count / 1e6:.2f} M parameters on {state.device}, into {order.folder.path}"
    )


def _ending(stopped: Stopped, state: State, seconds: float) -> str:
    best = "" if state.best is None else f"; best at step {state.best.step}: {state.best.score:.4f}"
    why = {"done": "done", "patience": "stopped early, nothing improved", "interrupted": "interrupted"}[stopped.reason]
    return f"{why} after {stopped.step} steps in {duration(seconds)}{best}"


def _environment(recipe: Recipe) -> dict[str, Any]:
    device = pick_device(recipe.training.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {"environment": {**environment(), "device": name, "threads": str(torch.get_num_threads())}}


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")


def _few(data: Dataset, count: int | None) -> Dataset:
    return data if count is None else _First(data, count)


class _First:
    """The first samples of a split."""

    def __init__(self, data: Dataset, count: int) -> None:
        self._data, self._count = data, min(count, len(data))
        self.classes = data.classes

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._data[index]

