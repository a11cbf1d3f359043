"""Blood cells (and kangaroos) from scratch: swinkit's detector against the same head on a plain convolutional backbone.

    python benchmarks/bccd.py --data FOLDER                      validation only, to choose by
    python benchmarks/bccd.py --data FOLDER --publish            with the test split, into benchmarks/results/bccd.json
    python benchmarks/bccd.py --bench kangaroo --data FOLDER

Both sides have one recipe, data and loss included, and are trained equally long; the test split is published once:
predicted in batches (`value`), and as `swinkit predict` does into a file that COCO's library measures (`from_file`).
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from coco_files import evaluate_files
from contest import Trained, fresh, pace, say, two_sides
from controls.pyramid import Pyramid
from record import contest_command, contest_options, plain_entry, publish, rounded

from swinkit.engine import pick_device
from swinkit.metrics import AveragePrecision
from swinkit.recipes import Predictor, Recipe, detect
from swinkit.recipes.parts import loader, open_data
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.text import merged, parse_settings
from swinkit.types import Batch, Detections, Objects

MINUTES = {"bccd": 30.0, "kangaroo": 15.0}
CHANGES: dict[str, dict[str, Any]] = {
    "bccd": {"modality": {"flip_vertical": 0.5, "scale": 0.4}},  # cells have no upper side, and none is small
    "kangaroo": {
        "modality": {"size": [96, 128], "shorter": 96},
        "task": {"levels": 2},
        "training": {"batch": 8},
    },
}
"""What the benchmark sets, for both sides. So few kangaroos want trained weights: those of the contest of CIFAR-10
(`classification.py --bench cifar10`), `--model swin_nano --set model.weights=runs/classification/swin`."""
CONTROL_LEVELS = {"bccd": {"levels": 6, "first": 3}, "kangaroo": {"levels": 4, "first": 2}}
"""Of the control, which begins with random weights: its head sees strides 8, 16 and 32, or 4 and 8 as swinkit's."""
CONTROL: dict[str, Any] = {"training": {"rate": 1e-3, "ema": 0.998}}
"""How the control is trained instead."""
DRAWS = 300
"""Resamplings of the pictures for an interval."""

Pairs = list[tuple[Detections, Objects]]


def predicted(trained: Trained, split: str) -> Pairs:
    """What is found in every picture of a split, with the truth."""
    recipe = trained.recipe
    data = open_data(recipe, split)
    device = pick_device(recipe.training.device)
    pairs: Pairs = []
    trained.model.eval()
    for batch in dataclasses.replace(loader(recipe, data), batch=8).once():
        with torch.inference_mode():
            found = recipe.task.predict(trained.model, batch.to(device))
        pairs += zip(found, batch.target, strict=True)  # type: ignore[arg-type]
    return pairs


def figures(pairs: Sequence[tuple[Detections, Objects]]) -> AveragePrecision:
    """The metric over these pictures, each for itself even where it is there twice."""
    metrics = _empty(pairs)
    for number, (found, truth) in enumerate(pairs):
        metrics.update([dataclasses.replace(found, id=f"{number:06d}")], Batch(grid=torch.zeros(1), target=[truth]))
    return metrics


def written(trained: Trained, folder: Path) -> dict[str, float]:
    """COCO's figures of the test split, predicted into `folder` as `swinkit predict` does and compared with the file of
    the data set; nothing where that is not COCO's form."""
    recipe, truth = trained.recipe, Path(trained.recipe.data.path, "test.json")
    if not truth.is_file():
        return {}
    data = open_data(recipe, "test")
    predictor = Predictor(recipe, trained.model.eval(), pick_device(recipe.training.device))
    predict_files(predictor, [str(data[index].source) for index in range(len(data))], folder, overwrite=True)
    return evaluate_files(folder / "predictions-coco.json", truth)


def interval(pairs: Pairs, name: str = "map50") -> tuple[float, float]:
    """95 % of a figure under resampling of the pictures."""
    rng = np.random.default_rng(0)
    each, values = [figures([pair]) for pair in pairs], []
    for _ in range(DRAWS):
        metrics = _empty(pairs)
        for index in rng.integers(len(pairs), size=len(pairs)):
            metrics.merge(each[index])
        values.append(metrics.result()[name])
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _empty(pairs: Sequence[tuple[Detections, Objects]]) -> AveragePrecision:
    found, _ = pairs[0]
    return AveragePrecision(found.classes, masks=found.masks is not None)


def run(options: argparse.Namespace) -> None:
    """Train both sides, evaluate, write."""
    recipe = _recipe(options, {})
    minutes = options.minutes or MINUTES[options.bench]
    steps = options.steps or pace(recipe, fresh(recipe)).steps(60 * minutes)
    command = contest_command("bccd", options, steps)
    other = _recipe(options, merged(CONTROL, parse_settings(options.control_set)))
    control = None if options.no_control else (other, _control(other, options))
    trained = two_sides(recipe, control, options, steps=steps, command=command)
    names = {"swin": recipe.model.name, "control": f"plain convolutional backbone, width {options.width}"}
    folders = {side: Path(options.out) / f"{side}-predictions" for side in names}
    sides = {side: _side(names[side], each, options.publish, folders[side]) for side, each in trained.items()}
    if options.publish:
        found = plain_entry(options.bench, "map50", sides, trained["swin"].recipe, command)
        found["from_file"] = sides["swin"]["from_file"].get("map50")
        say(f"written: {publish(found)}")


def _recipe(options: argparse.Namespace, more: dict[str, Any]) -> Recipe:
    changes = merged(merged(CHANGES[options.bench], more), parse_settings(options.set))
    changes = merged(changes, {"training": {"seed": options.seed, "steps": 100}})
    return detect(options.data, model=options.model, seed=options.seed, changes=changes, say=say)


def _control(recipe: Recipe, options: argparse.Namespace) -> Callable[[], Pyramid]:
    settings = {"width": options.width, "channels": recipe.modality.channels, **CONTROL_LEVELS[options.bench]}
    return lambda: Pyramid(recipe.task.head, **settings)


def _side(name: str, trained: Trained, publish: bool, folder: Path) -> dict[str, Any]:
    training = trained.recipe.training
    validation = figures(predicted(trained, "val")).result()
    facts: dict[str, Any] = {
        "name": name, "parameters": trained.parameters, "steps": training.steps, "batch": training.batch,
        "rate": training.rate, "seconds": round(trained.seconds, 1), "validation": rounded(validation["map50"]),
        "validation_map": rounded(validation["map"]),
    }  # fmt: skip
    if publish:
        pairs = predicted(trained, "test")
        metrics = figures(pairs)
        found = metrics.result()
        facts |= {"value": rounded(found["map50"]), "map": rounded(found["map"]), "recall": rounded(found["recall"])}
        facts["from_file"] = {name: rounded(value) for name, value in written(trained, folder).items()}
        facts["interval"] = [rounded(bound) for bound in interval(pairs)]
        facts["per_class"] = {row["name"]: rounded(row["map50"]) for row in metrics.details()["per_class"]}
    say(f"{name}: {facts}")
    return facts


def main() -> None:
    parser = contest_options(__doc__, model="swin_micro", out="runs/bccd", width=32, minutes="30 and 15")
    parser.add_argument("--bench", choices=MINUTES, default="bccd")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
