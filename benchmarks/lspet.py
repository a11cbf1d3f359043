"""Pose from scratch (LSPET's people, the open-field mouse): swinkit against a plain convolutional backbone with the
same head that is trained equally long.

    python benchmarks/lspet.py --data FOLDER                             validation only, to choose by
    python benchmarks/lspet.py --bench mouse_openfield --data FOLDER     the other one
    (with --publish: the test split once, into benchmarks/results/)

LSPET's people are looked at in their true boxes, the mouse in whole pictures. Weights are chosen on validation pictures
held out of the training split; both sides have one recipe, data and loss included.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from contest import Trained, fresh, pace, say, train_control, train_swin, with_steps
from controls.pyramid import Pyramid
from record import contest_command, contest_options, plain_entry, publish, rounded

from swinkit.engine import evaluate, pick_device
from swinkit.metrics import KeypointError
from swinkit.recipes import Recipe, pose
from swinkit.recipes.parts import loader, open_data
from swinkit.recipes.text import merged, parse_settings

CHANGES: dict[str, dict[str, Any]] = {
    "lspet": {"modality": {"size": [96, 96]}},
    "mouse_openfield": {
        "data": {"whole": True},
        "task": {"near": 0.05},  # the weights are chosen by PCK, which at 0.2 every answer passes
        "modality": {"size": [192, 256], "rotate": 180.0, "zoom": [0.8, 1.25], "channels": 1, "saturation": 0.0},
        "training": {"batch": 8},
    },
}
"""What the benchmark sets, for both sides; chosen on validation."""
METRIC = {"lspet": "pck", "mouse_openfield": "rmse_px"}
MINUTES = {"lspet": 58.0, "mouse_openfield": 20.0}
CONTROL = {"training": {"rate": 2e-3, "weight_decay": 1e-2}}
"""How the control is trained instead."""
DRAWS = 2000
"""Resamplings of the split for an interval."""


def run(options: argparse.Namespace) -> None:
    """Train both sides, evaluate, write."""
    recipe = _recipe(options, {})
    steps = options.steps or pace(recipe, fresh(recipe)).steps(60 * (options.minutes or MINUTES[options.bench]))
    command = contest_command("lspet", options, steps)
    own = train_swin(with_steps(recipe, steps), Path(options.out) / "swin", command)
    sides = {"swin": _side(options.bench, recipe.model.name, own, options.publish)}
    if not options.no_control:
        other = _recipe(options, merged(CONTROL, parse_settings(options.control_set)))
        settings = {"width": options.width, "channels": other.modality.channels}
        make = lambda: Pyramid(other.task.head, **settings)  # noqa: E731
        control_steps = options.control_steps or pace(other, make).steps(own.seconds)
        trained = train_control(with_steps(other, control_steps), make, Path(options.out) / "control")
        sides["control"] = _side(
            options.bench, f"plain convolutional backbone, width {options.width}", trained, options.publish
        )
    if options.publish:
        found = plain_entry(options.bench, METRIC[options.bench], sides, own.recipe, command)
        say(f"written: {publish(found)}")


def _recipe(options: argparse.Namespace, more: dict[str, Any]) -> Recipe:
    changes = merged(merged(CHANGES[options.bench], more), parse_settings(options.set))
    changes = merged(changes, {"training": {"seed": options.seed, "steps": 100}})
    return pose(options.data, model=options.model, seed=options.seed, changes=changes, say=say)


def _side(bench: str, name: str, trained: Trained, publish: bool) -> dict[str, Any]:
    training = trained.recipe.training
    facts: dict[str, Any] = {
        "name": name, "parameters": trained.parameters, "steps": training.steps, "batch": training.batch,
        "rate": training.rate, "seconds": round(trained.seconds, 1), "validation": _figures(trained, "val")["figures"],
    }  # fmt: skip
    if publish:
        found, metric = _figures(trained, "test"), METRIC[bench]
        facts |= {**found, "value": found["figures"][metric], "interval": found["intervals"][metric]}
    say(f"{name}: {facts}")
    return facts


def _figures(trained: Trained, split: str) -> dict[str, Any]:
    recipe = trained.recipe
    once = dataclasses.replace(loader(recipe, open_data(recipe, split)), batch=32)
    metrics: Any = evaluate(trained.model, recipe.task, once, device=pick_device(recipe.training.device))
    return {
        "figures": {name: rounded(value) for name, value in metrics.result().items()},
        "intervals": {name: [rounded(bound) for bound in bounds] for name, bounds in intervals(metrics).items()},
        "per_point": {row["name"]: rounded(row["pck"]) for row in metrics.details()["per_class"]},
    }


def intervals(metrics: KeypointError) -> dict[str, tuple[float, float]]:
    """95 % of PCK and root mean square distance when things are drawn anew from the split; pictures of one film are
    too much alike for it."""
    rows = metrics.rows()
    distances = np.stack([row.distances for row in rows])
    near = distances <= metrics.near * np.array([row.side for row in rows])[:, None]
    counts = np.isfinite(distances).sum(1)
    sums = np.stack([near.sum(1), np.nansum(distances**2, 1), counts])
    draws = np.random.default_rng(0).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=DRAWS)
    hits, squares, known = (draws @ column for column in sums)
    found = {"pck": hits / known, "rmse_px": np.sqrt(squares / known)}
    return {name: tuple(np.quantile(values, (0.025, 0.975)).tolist()) for name, values in found.items()}


def main() -> None:
    parser = contest_options(__doc__, model="swin_nano", out="runs/lspet", width=24, minutes="58 and 20")
    parser.add_argument("--bench", choices=METRIC, default="lspet")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
