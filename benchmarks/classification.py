"""Fashion-MNIST and CIFAR-10 from scratch: swinkit's small model against a plain convolutional network.

    python benchmarks/classification.py --data FOLDER              validation only, to choose by
    python benchmarks/classification.py --bench cifar10 --data FOLDER --publish    with the test split, into the results

Both sides have one recipe, data and loss included, and are trained equally long; the test split is predicted once.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contest import Trained, fresh, pace, say, train_control, train_swin, with_steps
from controls.convnet import ConvNet
from record import contest_command, contest_options, plain_entry, publish, rounded

from swinkit.engine import evaluate, pick_device
from swinkit.recipes import Recipe, classify
from swinkit.recipes.parts import loader, open_data
from swinkit.recipes.text import merged, parse_settings

NAMES = {
    "fashion_mnist": ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                      "Ankle boot"),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}  # fmt: skip
MINUTES = {"fashion_mnist": 30.0, "cifar10": 60.0}
CHANGES: dict[str, dict[str, Any]] = {
    "fashion_mnist": {"modality": {"flip": 0.5}},
    "cifar10": {},
}
"""What the benchmark sets, for both sides."""
CONTROL = {"training": {"rate": 2e-3, "weight_decay": 1e-2, "ema": None}}
"""How the control is trained instead."""


def wilson(value: float, count: int) -> tuple[float, float]:
    """95 % of a share that was counted on so many samples (Wilson 1927)."""
    z = 1.959964
    middle, root = value + z * z / (2 * count), z * math.sqrt(value * (1 - value) / count + z * z / (4 * count * count))
    return (middle - root) / (1 + z * z / count), (middle + root) / (1 + z * z / count)


def run(options: argparse.Namespace) -> None:
    """Train both sides, evaluate, write."""
    recipe = _recipe(options, {})
    steps = options.steps or pace(recipe, fresh(recipe)).steps(60 * (options.minutes or MINUTES[options.bench]))
    command = contest_command("classification", options, steps)
    own = train_swin(with_steps(recipe, steps), Path(options.out) / "swin", command)
    sides = {"swin": _side(recipe.model.name, own, options.publish)}
    if not options.no_control:
        other = _recipe(options, merged(CONTROL, parse_settings(options.control_set)))
        make = _control(other, options.width)
        control_steps = options.control_steps or pace(other, make).steps(own.seconds)
        trained = train_control(with_steps(other, control_steps), make, Path(options.out) / "control")
        sides["control"] = _side(f"plain convolutional network, width {options.width}", trained, options.publish)
    if options.publish:
        found = plain_entry(options.bench, "accuracy", sides, own.recipe, command)
        say(f"written: {publish(found)}")


def _recipe(options: argparse.Namespace, more: dict[str, Any]) -> Recipe:
    changes = merged({"data": {"classes": list(NAMES[options.bench])}}, CHANGES[options.bench])
    changes = merged(merged(changes, more), parse_settings(options.set))
    changes = merged(changes, {"training": {"seed": options.seed, "steps": 100}})
    return classify(options.data, model=options.model, seed=options.seed, changes=changes, say=say)


def _control(recipe: Recipe, width: int) -> Callable[[], ConvNet]:
    classes = len(recipe.task.classes)  # type: ignore[attr-defined]
    return lambda: ConvNet(classes, width=width, channels=recipe.modality.channels)


def _side(name: str, trained: Trained, publish: bool) -> dict[str, Any]:
    training = trained.recipe.training
    facts: dict[str, Any] = {
        "name": name, "parameters": trained.parameters, "steps": training.steps, "batch": training.batch,
        "rate": training.rate, "seconds": round(trained.seconds, 1),
        "validation": _figures(trained, "val")["value"],
    }  # fmt: skip
    if publish:
        facts |= _figures(trained, "test")
    say(f"{name}: {facts}")
    return facts


def _figures(trained: Trained, split: str) -> dict[str, Any]:
    recipe = trained.recipe
    data = open_data(recipe, split)
    once = dataclasses.replace(loader(recipe, data), batch=256)
    device = pick_device(recipe.training.device)
    metrics = evaluate(trained.model, recipe.task, once, device=device, precision=recipe.training.precision)
    found = metrics.result()
    interval = wilson(found["accuracy"], len(data))
    return {
        "value": rounded(found["accuracy"]),
        "interval": [rounded(bound) for bound in interval],
        "calibration_error": rounded(found["calibration_error"]),
        "per_class": {name.split("/")[1]: rounded(value) for name, value in found.items() if "/" in name},
    }


def main() -> None:
    parser = contest_options(__doc__, model="swin_nano", out="runs/classification", width=64, minutes="30 and 60")
    parser.add_argument("--bench", choices=NAMES, default="fashion_mnist")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
