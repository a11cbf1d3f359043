"""Training a recipe: the engine's events become a run folder."""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from swinkit.engine import Counted, Interruption, State, Stopped, World, keep_heap, launch, pick_device
from swinkit.recipes.environment import environment
from swinkit.recipes.folder import RunFolder, free_folder
from swinkit.recipes.following import drain, follow
from swinkit.recipes.learning import learnt
from swinkit.recipes.parts import events, first, make_model, open_data
from swinkit.recipes.progress import Display
from swinkit.recipes.recipe import Recipe
from swinkit.recipes.runs import Run
from swinkit.recipes.starting import start_from


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
    report: bool = True,
) -> Run:
    """Train to the end and write the report.

    Args:
        out: the run folder; None: a new one under `runs/`.
        resume: the checkpoint of `out` to go on from: `last`, `best`, a step or a path; only with the recipe that it
            was made with.
        overwrite: replace a run that `out` holds already.
        quiet: show nothing.
        command: what was typed, for the report.
        report: evaluate the best weights on the validation split in the end and write report.html.

    Raises:
        ConfigError, DataError, CheckpointError: one sentence that names the value or the file.
        Interrupted: SIGINT or SIGTERM came; a checkpoint was saved.
    """
    folder = RunFolder(free_folder(recipe) if out is None else Path(out))
    start = None
    leads = os.environ.get("RANK", "0") == "0"  # torchrun started several of us, and one keeps the folder
    if resume is None and leads:
        folder.start(recipe, overwrite=overwrite)
        folder.write("environment.json", {"started": _now(), "command": command, **_environment(recipe)})
    elif resume is not None:
        start = folder.go_on(recipe, resume)
    carry_out(Order(recipe=recipe, folder=folder, start=start, quiet=quiet))
    run = Run(folder.path, recipe)
    if leads and report:
        with Display(recipe.task.metrics().main, quiet=quiet) as display:
            run.evaluate("val", progress=lambda done, total: display.see(Counted(done, total)))
    return run


def carry_out(order: Order) -> None:
    """Train as ordered; Interrupted where a signal came."""
    order = replace(order, recipe=learnt(order.recipe, order.folder.path))
    training = order.recipe.training
    stopped = launch(_work, order, processes=training.processes, device=training.device)
    if stopped.reason == "interrupted":
        raise Interrupted(
            f"stopped at step {stopped.step}, everything is saved; go on with: "
            f"swinkit train --resume --out {shlex.quote(str(order.folder.path))}"
        )


def _work(world: World, order: Order) -> Stopped:
    recipe = order.recipe
    keep_heap()
    device = pick_device(recipe.training.device, world)
    data, validation = (first(open_data(recipe, split), order.few) for split in ("train", "val"))
    model = make_model(recipe)
    keys = start_from(model, recipe) if order.start is None else None
    state = State(model, recipe.training, samples=len(data), device=device)
    checkpoints = order.folder.checkpoints(recipe)
    with ExitStack() as stack:
        interruption = stack.enter_context(Interruption())
        if world.main:
            stack.enter_context(checkpoints.lock())
        if order.start is not None:
            checkpoints.load(order.start, state)
        happening = events(recipe, state, data, validation, checkpoints=checkpoints, interruption=interruption)
        if not world.main:
            return drain(happening)
        display = stack.enter_context(Display(recipe.task.metrics().main, quiet=order.quiet))
        if keys is not None:
            display.say(str(keys))
        return follow(happening, order.folder, state, display)


def _environment(recipe: Recipe) -> dict[str, Any]:
    device = pick_device(recipe.training.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {"environment": {**environment(), "device": name, "threads": str(torch.get_num_threads())}}


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
