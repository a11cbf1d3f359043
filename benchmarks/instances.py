"""Instance masks of digit scenes from scratch: swinkit's detector against the same head on a plain convolutional
backbone that is trained equally long.

python benchmarks/instances.py                       validation only, to choose by
python benchmarks/instances.py --publish             with the test split, into benchmarks/results/instances.json

Both sides have one recipe, data and loss included; weights are chosen by the mask AP of the validation split, and the
test split is predicted once. The value is the mask AP at an IoU of 0.5; boxes are stated beside it.
"""

from __future__ import annotations

import argparse
from typing import Any

from bccd import figures, interval, predicted
from contest import Trained, fresh, pace, say, two_sides
from controls.pyramid import Pyramid
from record import contest_command, contest_options, plain_entry, publish, rounded

from swinkit.recipes import Recipe, detect
from swinkit.recipes.text import merged, parse_settings

BENCH = "instances"
MINUTES = 28.0
CHANGES: dict[str, Any] = {"data": {"target": "instances"}, "training": {"steps": 100}}
"""What the benchmark sets, for both sides."""
CONTROL: dict[str, Any] = {"training": {"rate": 1e-3}}
"""How the control is trained instead."""
LEVELS, FIRST = 5, 2
"""Of the control: its head sees strides 4, 8 and 16, as swinkit's does."""
FIGURES = {"mask_map50": "", "mask_map": "map", "map50": "box_map50", "map": "box_map", "mask_recall": "recall"}
"""Figures that are kept, and what they are called in a result; the first is the value."""


def run(options: argparse.Namespace) -> None:
    """Train both sides, evaluate, write."""
    recipe = _recipe(options, {})
    steps = options.steps or pace(recipe, fresh(recipe)).steps(60 * (options.minutes or MINUTES))
    command = contest_command(BENCH, options, steps)
    other = _recipe(options, merged(CONTROL, parse_settings(options.control_set)))
    settings: dict[str, Any] = {"width": options.width, "levels": LEVELS, "first": FIRST}
    control = None if options.no_control else (other, lambda: Pyramid(other.task.head, **settings))
    trained = two_sides(recipe, control, options, steps=steps, command=command)
    names = {"swin": recipe.model.name, "control": f"plain convolutional backbone, width {options.width}"}
    sides = {side: _side(names[side], each, publish=options.publish) for side, each in trained.items()}
    if options.publish:
        found = plain_entry(BENCH, "mask_map50", sides, trained["swin"].recipe, command)
        say(f"written: {publish(found)}")


def _recipe(options: argparse.Namespace, more: dict[str, Any]) -> Recipe:
    changes = merged(merged(CHANGES, more), parse_settings(options.set))
    return detect(options.data, model=options.model, seed=options.seed, changes=changes, say=say)


def _side(name: str, trained: Trained, *, publish: bool) -> dict[str, Any]:
    training = trained.recipe.training
    facts: dict[str, Any] = {
        "name": name, "parameters": trained.parameters, "steps": training.steps, "batch": training.batch,
        "rate": training.rate, "seconds": round(trained.seconds, 1),
    }  # fmt: skip
    found = figures(predicted(trained, "val")).result()
    facts |= {f"validation_{label}".rstrip("_"): rounded(found[figure]) for figure, label in FIGURES.items()}
    if publish:
        pairs = predicted(trained, "test")
        metrics = figures(pairs)
        found = metrics.result()
        facts |= {label or "value": rounded(found[figure]) for figure, label in FIGURES.items()}
        facts["interval"] = [rounded(bound) for bound in interval(pairs, "mask_map50")]
        facts["interval_map"] = [rounded(bound) for bound in interval(pairs, "mask_map")]
        facts["per_class"] = {row["name"]: rounded(row["mask_map50"]) for row in metrics.details()["per_class"]}
    say(f"{name}: {facts}")
    return facts


if __name__ == "__main__":
    parser = contest_options(
        __doc__, model="swin_nano", out="runs/instances", width=32, minutes=f"{MINUTES:g}", data="digit_scenes"
    )
    run(parser.parse_args())
