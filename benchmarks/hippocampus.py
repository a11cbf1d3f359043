"""Hippocampus of the Medical Segmentation Decathlon, from scratch: swinkit against a plain 3-D U-Net.

    python benchmarks/hippocampus.py --data FOLDER               validation only, to choose by
    python benchmarks/hippocampus.py --data FOLDER --publish     with fold 0, into benchmarks/results/hippocampus.json

Both sides have one recipe, data and loss included, and are trained equally long; the test split is predicted once.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from contest import Trained, fresh, pace, say, train_control, train_swin, with_steps
from controls.volumes import UNet3d
from record import contest_command, contest_options, plain_entry, publish, rounded

from swinkit.engine import evaluate, pick_device
from swinkit.metrics import DiceScore
from swinkit.recipes import Recipe, segment
from swinkit.recipes.parts import loader, open_data
from swinkit.recipes.text import merged, parse_settings

MINUTES = 20.0
CHANGES: dict[str, Any] = {"data": {"classes": ["background", "anterior", "posterior"]}}
CONTROL: dict[str, Any] = {"training": {"rate": 1e-3}}
"""How the control is trained instead."""
DRAWS = 2000
"""Resamplings of the cases for an interval."""


def run(options: argparse.Namespace) -> None:
    """Train both sides, evaluate, write."""
    recipe = _recipe(options, {})
    steps = options.steps or pace(recipe, fresh(recipe)).steps(60 * (options.minutes or MINUTES))
    command = contest_command("hippocampus", options, steps)
    own = train_swin(with_steps(recipe, steps), Path(options.out) / "swin", command)
    sides = {"swin": _side(recipe.model.name, own, options.publish)}
    if not options.no_control:
        other = _recipe(options, merged(CONTROL, parse_settings(options.control_set)))
        make = lambda: UNet3d(len(CHANGES["data"]["classes"]), width=options.width)  # noqa: E731
        control_steps = options.control_steps or pace(other, make).steps(own.seconds)
        trained = train_control(with_steps(other, control_steps), make, Path(options.out) / "control")
        sides["control"] = _side(f"plain 3-D U-Net, width {options.width}", trained, options.publish)
    if options.publish:
        found = plain_entry("hippocampus", "dice", sides, own.recipe, command)
        say(f"written: {publish(found)}")


def _recipe(options: argparse.Namespace, more: dict[str, Any]) -> Recipe:
    changes = merged(merged(CHANGES, more), parse_settings(options.set))
    changes = merged(changes, {"training": {"seed": options.seed, "steps": 100}})
    return segment(options.data, model=options.model, seed=options.seed, changes=changes, say=say)


def _side(name: str, trained: Trained, publish: bool) -> dict[str, Any]:
    training = trained.recipe.training
    facts: dict[str, Any] = {
        "name": name, "parameters": trained.parameters, "steps": training.steps, "batch": training.batch,
        "rate": training.rate, "seconds": round(trained.seconds, 1), "validation": _figures(trained, "val")["value"],
    }  # fmt: skip
    if publish:
        facts |= _figures(trained, "test")
    say(f"{name}: {facts}")
    return facts


def _figures(trained: Trained, split: str) -> dict[str, Any]:
    recipe = trained.recipe
    once = dataclasses.replace(loader(recipe, open_data(recipe, split)), batch=1)
    metrics: Any = evaluate(trained.model, recipe.task, once, device=pick_device(recipe.training.device))
    found = metrics.result()
    return {
        "value": rounded(found["dice"]),
        "interval": [rounded(bound) for bound in interval(metrics)],
        "hd95_mm": rounded(found["hd95_mm"]),
        "per_class": {row["name"]: rounded(row["dice"]) for row in metrics.details()["per_class"]},
    }


def interval(metrics: DiceScore) -> tuple[float, float]:
    """95 % of the mean Dice under resampling of the cases."""
    values = np.array([np.mean([each for each in case["dice"] if each is not None]) for case in metrics.cases])
    draws = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return float(low), float(high)


def main() -> None:
    parser = contest_options(__doc__, model="swin_nano_3d", out="runs/hippocampus", width=16, minutes=f"{MINUTES:.0f}")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
