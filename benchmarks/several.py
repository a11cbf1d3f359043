"""One model for three tasks against three models: digit scenes, equal steps, and what predicting costs.

    python benchmarks/several.py                 validation only, to choose by
    python benchmarks/several.py --publish       with the test split, into benchmarks/results/several.json

Each single-task model and the joint one see the same scenes in the same order for the same number of steps. Cost is
multiply-adds of one prediction, exactly, and the median time of one scene at a time, taken in turns.
"""

from __future__ import annotations

import argparse
import json
import shlex
from datetime import date
from pathlib import Path
from typing import Any

import torch
from contest import Trained, say, train_swin, with_steps
from record import RESULTS, VERSIONS, rounded

import swinkit.bench as bench
from swinkit.engine import evaluate, pick_device
from swinkit.models import macs
from swinkit.recipes import Recipe, classify, detect, segment, several
from swinkit.recipes.environment import environment
from swinkit.recipes.parts import loader, open_data
from swinkit.recipes.text import merged, parse_settings

TASKS = {"segment": (segment, "mask"), "detect": (detect, "boxes"), "classify": (classify, "count")}
MAIN = {"segment": "miou", "detect": "map50", "classify": "accuracy"}
TRAINING = {"batch": 16, "rate": 3e-3, "ema": 0.998, "warmup": 0.1}
HEADS: dict[str, dict[str, Any]] = {"segment": {}, "detect": {"channels": 64}, "classify": {}}
"""What the tasks' heads differ in from the recipes', alone and together."""
VIEW = {"flip": 0.0, "zoom": (0.9, 1.1), "brightness": 0.0, "contrast": 0.0, "saturation": 0.0}


def recipes(options: argparse.Namespace) -> dict[str, Recipe]:
    """The joint recipe and one for each task, equal in everything but the task."""
    changes = {"training": {**TRAINING, "seed": options.seed, "steps": 100}, "modality": VIEW}
    found = {}
    for name, (make, target) in TASKS.items():
        own = {**changes, "data": {"target": target}, "model": {"changes": {}}, "task": HEADS[name]}
        found[name] = make("digit_scenes", model="swin_nano", seed=options.seed, changes=own)
    joint = merged({**changes, "task": {"tasks": HEADS}}, parse_settings(options.set))
    found["several"] = several("digit_scenes", model="swin_nano", seed=options.seed, changes=joint)
    return {name: with_steps(recipe, options.steps) for name, recipe in found.items()}


def figures(trained: Trained, name: str, split: str) -> dict[str, float]:
    """The main figure of every task that the model has."""
    recipe = trained.recipe
    once = loader(recipe, open_data(recipe, split))
    metrics = evaluate(trained.model, recipe.task, once, device=pick_device("auto"))
    result = metrics.result()
    if name == "several":
        return {task: rounded(result[f"{task}_{figure}"]) for task, figure in MAIN.items()}
    return {name: rounded(result[MAIN[name]])}


def costs(trained: dict[str, Trained]) -> dict[str, dict[str, float]]:
    """Multiply-adds and milliseconds of one scene for every model."""
    grid = torch.randn(1, 3, 64, 64)
    models = {name: each.model.eval() for name, each in trained.items()}

    def call(name: str) -> Any:
        def once() -> Any:
            with torch.inference_mode():
                return models[name](grid)

        return once

    seconds = bench.interleaved({name: call(name) for name in models}, blocks=20, block_seconds=0.2)
    return {
        name: {"gmacs": macs(_fresh(trained[name]), (64, 64)) / 1e9, "ms": 1e3 * bench.figure(seconds[name]).median}
        for name in models
    }


def _fresh(trained: Trained) -> Any:
    from swinkit.recipes.parts import make_model

    return make_model(trained.recipe).eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="runs/several", help="folder for the runs; older ones are replaced")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change the joint recipe")
    parser.add_argument("--only", action="store_true", help="train the joint model alone, to choose by")
    parser.add_argument("--publish", action="store_true", help="evaluate the test split, once, and write the result")
    options = parser.parse_args()
    words = ["python", "benchmarks/several.py", "--steps", str(options.steps), "--seed", str(options.seed)]
    words += [word for each in options.set for word in ("--set", each)]
    command = shlex.join([*words, *(["--publish"] if options.publish else [])])
    chosen = {name: each for name, each in recipes(options).items() if name == "several" or not options.only}
    trained = {name: train_swin(recipe, Path(options.out) / name, command) for name, recipe in chosen.items()}
    split = "test" if options.publish else "val"
    found = {name: figures(each, name, split) for name, each in trained.items()}
    if options.only:
        return say(f"{split}: {found}")
    cost = costs(trained)
    summed = {key: sum(cost[name][key] for name in TASKS) for key in ("gmacs", "ms")}
    shares = {key: round(cost["several"][key] / summed[key], 3) for key in summed}
    say(f"{split}: {found}, cost of the joint model against the sum of the others: {shares}")
    if not options.publish:
        return
    about = environment()
    entry = {
        "bench": "several", "metric": MAIN, "value": found["several"], "control": {n: found[n][n] for n in TASKS},
        "split": split, "seed": options.seed, "recipe": command,
        "seconds": {name: round(each.seconds, 1) for name, each in trained.items()},
        "parameters": {name: each.parameters for name, each in trained.items()},
        "cost": {name: {k: round(v, 4) for k, v in each.items()} for name, each in cost.items()}, "share": shares,
        "cores": int(about["cores"]), "threads": torch.get_num_threads(), "device": about["processor"],
        "versions": {name: about[name] for name in VERSIONS if name in about}, "date": date.today().isoformat(),
    }  # fmt: skip
    path = RESULTS / "several.json"
    path.write_text(json.dumps([entry], indent=2) + "\n", encoding="utf-8")
    say(f"written: {path}")


if __name__ == "__main__":
    main()
