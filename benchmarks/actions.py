"""What people do, from tracks of their key points: swinkit's small rank-1 model against linear controls.

    python benchmarks/actions.py                 validation only, to choose by
    python benchmarks/actions.py --publish       with the test split, into benchmarks/results/actions.json

The made gaits (`datasets/gaits.py`: six ways to move, filmed from any side) are written as class folders of CSV files,
as `swinkit predict --track` writes tracks, and read from there. No person of one split is in another. The controls are
logistic regressions and nearest means on what the model sees too, with gaps filled: the series resampled to 64 frames
and flattened, or the mean and deviation of every channel; which of them is best, and how strong its penalty is, is
chosen on the validation split.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from classification import wilson
from contest import count, say
from record import RESULTS, VERSIONS, rounded
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from swinkit.datasets import Gaits
from swinkit.datasets.gait_figures import GAITS, POINTS
from swinkit.files.series import write_points
from swinkit.modalities.series.values import figure, filled, resampled
from swinkit.recipes import classify, train
from swinkit.recipes.environment import environment
from swinkit.recipes.text import parse_settings

LENGTH = 64
"""Frames of the controls' series."""
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
"""Of the logistic regression: inverse strengths."""
LEAST = 0.1
"""Score from which a point is there, as in the recipe."""


def written(gaits: Gaits, folder: Path) -> Path:
    """The data set as `<split>/<class>/NAME.csv`."""
    shutil.rmtree(folder, ignore_errors=True)
    for split in gaits.splits():
        data = gaits.open(split)
        for index in range(len(data)):
            record = data[index]
            path = folder / split / list(GAITS)[record.target] / f"{record.id}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_points(path, POINTS, [np.asarray(record.source).reshape(len(POINTS), 3, -1)])
    return folder


def features(gaits: Gaits, split: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What the controls see of a split: [n features] by its name, and the classes [n]."""
    data = gaits.open(split)
    rows: dict[str, list[np.ndarray]] = {"flattened": [], "mean and deviation": []}
    for index in range(len(data)):
        track = np.asarray(data[index].source, np.float64).reshape(len(POINTS), 3, -1)
        points = np.where(track[:, 2:] >= LEAST, track[:, :2], np.nan)
        whole = np.nan_to_num(filled(figure(points)))
        even = resampled(whole, np.linspace(0, whole.shape[-1] - 1, LENGTH))
        rows["flattened"].append(even.ravel())
        rows["mean and deviation"].append(np.concatenate([whole.mean(-1).ravel(), whole.std(-1).ravel()]))
    return {name: np.stack(each) for name, each in rows.items()}, np.array([data[i].target for i in range(len(data))])


def controls(gaits: Gaits, splits: list[str]) -> dict[str, dict[str, float]]:
    """Accuracy of every control on the splits; penalties are chosen on validation."""
    known = {split: features(gaits, split) for split in ("train", *splits)}
    seen, truth = known["train"]
    found: dict[str, dict[str, float]] = {}
    for name in seen:
        tried = [LogisticRegression(C=penalty, max_iter=500) for penalty in PENALTIES]
        for kind, models in (("logistic regression", tried), ("nearest mean", [NearestCentroid()])):
            fitted = [make_pipeline(StandardScaler(), model).fit(seen[name], truth) for model in models]
            best = max(fitted, key=lambda model: model.score(known["val"][0][name], known["val"][1]))
            found[f"{kind}, {name}"] = {s: rounded(best.score(known[s][0][name], known[s][1])) for s in splits}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--people", type=int, nargs=3, default=Gaits().people, help="in train, val and test")
    parser.add_argument("--mixing", choices=("shifted", "cross_block"), default="shifted")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change the recipe")
    parser.add_argument("--out", type=Path, default=Path("runs/actions"))
    parser.add_argument("--publish", action="store_true", help="evaluate the test split, once, and write the result")
    options = parser.parse_args()
    words = ["python", "benchmarks/actions.py", "--seed", str(options.seed), "--mixing", options.mixing]
    command = shlex.join([*words, *(word for each in options.set for word in ("--set", each)), "--publish"])
    splits = ["val", "test"] if options.publish else ["val"]
    gaits = Gaits(seed=options.seed, people=tuple(options.people))
    data = written(gaits, options.out / "data")
    changes = parse_settings(["model.changes.mixing=" + options.mixing, *options.set])
    recipe = classify(data, seed=options.seed, changes=changes, say=say)
    begun, worked = time.perf_counter(), time.process_time()
    run = train(recipe, options.out / options.mixing, overwrite=True, command=command)
    seconds, worked = time.perf_counter() - begun, time.process_time() - worked
    kept = {split: run.evaluate(split) for split in splits}
    linear = controls(gaits, splits)
    best = max(linear, key=lambda name: linear[name]["val"])
    last = kept[splits[-1]]
    say(f"{options.mixing}: { ({split: each.figures for split, each in kept.items()}) }, {worked:.0f} s of work")
    say(f"controls: {linear}")
    if not options.publish:
        return
    about = environment()
    entry: dict[str, Any] = {
        "bench": "actions", "metric": "accuracy", "value": rounded(last["accuracy"]), "split": "test",
        "interval": [rounded(bound) for bound in wilson(last["accuracy"], last.samples)], "samples": last.samples,
        "validation": rounded(kept["val"]["accuracy"]), "seed": options.seed, "model": recipe.model.name,
        "mixing": options.mixing, "parameters": count(run.predictor.model), "steps": recipe.training.steps,
        "control": linear[best]["test"], "control_name": best, "controls": linear,
        "classes": list(GAITS), "confusion": last.details["confusion"], "people": list(gaits.people),
        "recipe": command, "seconds": round(seconds, 1), "cpu_seconds": round(worked, 1),
        "cores": int(about["cores"]), "threads": torch.get_num_threads(), "device": about["processor"],
        "versions": {name: about[name] for name in VERSIONS if name in about}, "date": date.today().isoformat(),
    }  # fmt: skip
    path = RESULTS / "actions.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    entries = [*(each for each in old if each["mixing"] != options.mixing), entry]
    path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    say(f"written: {path.name}")


if __name__ == "__main__":
    main()
