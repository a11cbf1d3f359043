"""Trains swinkit's recipe and a control equally long, with the same data, loss, engine and choice of weights."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from swinkit.engine import Checkpoints, Evaluated, State, Step, evaluate, fit, pick_device, read_weights
from swinkit.models import prepare_training
from swinkit.recipes import Recipe, Run
from swinkit.recipes import train as train_recipe
from swinkit.recipes.folder import RunFolder, fingerprint
from swinkit.recipes.parts import events, loader, make_model, open_data
from swinkit.recipes.plain import to_plain

EVALUATIONS = 5
"""On the validation split, evenly spread over a run; the best one's weights are kept."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What things cost."""

    step: float
    """Seconds, with waiting for data."""
    evaluation: float
    """Seconds of one evaluation of the validation split."""

    def steps(self, seconds: float) -> int:
        """As many as fit, with the evaluations."""
        return max(EVALUATIONS, int((seconds - EVALUATIONS * self.evaluation) / self.step))


@dataclass(frozen=True, kw_only=True)
class Trained:
    """One side of a contest."""

    model: nn.Module
    """Its best weights, chosen on validation."""
    recipe: Recipe
    seconds: float
    """From the first step to the last evaluation."""
    parameters: int


def pace(recipe: Recipe, make: Callable[[], nn.Module], *, steps: int = 16, unmeasured: int = 6) -> Pace:
    """Measure a few steps and one evaluation; the machine should do nothing else."""
    if (load := os.getloadavg()[0]) > 0.7:
        say(f"note: this machine is busy (load {load:.1f}), so times will mislead")
    few = dataclasses.replace(recipe.training, steps=steps + unmeasured, epochs=None)
    short = dataclasses.replace(recipe, training=few)
    device = pick_device(few.device)
    data, validation = open_data(recipe, "train"), open_data(recipe, "val")
    state = State(make(), few, samples=len(data), device=device)
    model = prepare_training(state.model, recompute=few.recompute, compile=few.compile)
    ends: list[float] = []
    for _ in fit(model, recipe.task, loader(short, data), state):
        ends.append(time.perf_counter())
    begun = time.perf_counter()
    evaluate(state.evaluated, recipe.task, loader(short, validation), device=device, precision=few.precision)
    found = Pace(step=(ends[-1] - ends[unmeasured - 1]) / steps, evaluation=time.perf_counter() - begun)
    say(f"pace: {found.step:.3f} s a step, {found.evaluation:.1f} s an evaluation")
    return found


def with_steps(recipe: Recipe, steps: int, evaluations: int = EVALUATIONS) -> Recipe:
    """The recipe for that many steps; with 1 evaluation the last weights are the best."""
    every = -(-steps // evaluations)
    training = dataclasses.replace(recipe.training, steps=steps, epochs=None, evaluate_every=every)
    return dataclasses.replace(recipe, training=training)


def finished(recipe: Recipe, out: Path, command: str = "", *, quiet: bool = False) -> Run:
    """`swinkit train` of the recipe, run folder and report included; where `out` holds exactly this run, trained to its
    end, it is taken as it is, so that what was chosen on validation need not be trained again to be tested."""
    folder = RunFolder(out)
    rows = folder.rows()
    same = folder.holds_run and folder.plain() == json.loads(json.dumps(to_plain(recipe)))
    if same and rows and int(rows[-1]["step"]) == recipe.training.steps:
        say(f"{out}: holds this run already")
        return Run(out, recipe)
    return train_recipe(recipe, out, overwrite=True, command=command, quiet=quiet)


def seconds_of(run: Run) -> float:
    """From the first step of a run to its last evaluation."""
    return float(RunFolder(run.dir).rows()[-1]["seconds"])


def train_swin(recipe: Recipe, out: Path, command: str) -> Trained:
    """swinkit's side."""
    run = finished(recipe, out, command)
    model = run.predictor.model
    return Trained(model=model, recipe=recipe, seconds=seconds_of(run), parameters=count(model))


def train_control(recipe: Recipe, make: Callable[[], nn.Module], out: Path) -> Trained:
    """The same run with another network in the recipe's place."""
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    training = recipe.training
    device = pick_device(training.device)
    data, validation = open_data(recipe, "train"), open_data(recipe, "val")
    torch.manual_seed(training.seed)
    state = State(make(), training, samples=len(data), device=device)
    checkpoints = Checkpoints(out / "checkpoints", fingerprint={**fingerprint(recipe), "control": str(state.model)})
    begun = time.perf_counter()
    with checkpoints.lock():
        for event in events(recipe, state, data, validation, checkpoints=checkpoints):
            if isinstance(event, Step) and (event.step % max(1, event.total // 50) == 0):
                seconds = time.perf_counter() - begun
                say(f"control: step {event.step} of {event.total}, loss {event.loss:.4f}, {seconds:.0f} s")
            elif isinstance(event, Evaluated):
                say(f"control: step {event.step}, validation {event.score or 0:.4f}")
    seconds = time.perf_counter() - begun
    best = checkpoints.best()
    assert best is not None, "the run ended with an evaluation and a checkpoint"
    chosen = make().to(device)
    chosen.load_state_dict(read_weights(best))
    return Trained(model=chosen, recipe=recipe, seconds=seconds, parameters=count(chosen))


def two_sides(
    recipe: Recipe,
    control: tuple[Recipe, Callable[[], nn.Module]] | None,
    options: argparse.Namespace,
    *,
    steps: int,
    command: str,
) -> dict[str, Trained]:
    """Both sides trained one after the other: swinkit's for so many steps, the control (None: nobody) as long."""
    out = Path(options.out)
    sides = {"swin": train_swin(with_steps(recipe, steps), out / "swin", command)}
    if control is not None:
        other, make = control
        count = options.control_steps or pace(other, make).steps(sides["swin"].seconds)
        sides["control"] = train_control(with_steps(other, count), make, out / "control")
    return sides


def fresh(recipe: Recipe) -> Callable[[], nn.Module]:
    """Makes the recipe's own model."""
    return lambda: make_model(recipe)


def count(model: nn.Module) -> int:
    """Numbers that are trained."""
    return sum(parameter.numel() for parameter in model.parameters())


def say(text: str) -> None:
    """A line with the time, at once: these runs are followed in a log."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def keep(path: Path, value: object) -> None:
    """Write JSON for the other side of the contest."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
