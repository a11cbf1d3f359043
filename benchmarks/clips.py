"""Fights in clips of surveillance cameras, from scratch: the recipe's rank-3 Swin against motion on a grid with an SVM.

    python benchmarks/clips.py --data FOLDER                          validation clips of every fold, to choose by
    python benchmarks/clips.py --data FOLDER --seeds 0 1 2 --publish  every fold once a seed, into the results

Every fold is tested by models that learnt from the other four; the figure is the share of all clips that are right,
averaged over the seeds, and its interval comes from drawing the clips anew. So few clips cannot choose a checkpoint:
the last weights count. The controls see how much each cell of a 16 x 12 grid changes from frame to frame on average.
"""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from contest import finished, say, seconds_of
from record import plain_entry, publish, rounded

from swinkit.models import count
from swinkit.recipes import Recipe, Run, classify
from swinkit.recipes.parts import make_model, open_data
from swinkit.recipes.text import merged, parse_settings
from swinkit.types import Modality

BENCH = "fight_clips"
CHANGES: dict[str, Any] = {
    "data": {"holdout": 0.02},
    "modality": {"only_motion": True, "whole": True, "size": [12, 16], "decoded": 16, "speed": 0.0,
                 "zoom": [0.9, 1.1], "contrast": 0.4},
    "task": {"pool": "max", "smoothing": 0.1, "flip": True},
    "model": {"changes": {"width": 48, "depths": [1, 1], "heads": [2, 4], "window": [[4, 4, 4], [4, 4, 4]],
                          "merge": None,
                          "stem": {"kind": "patches", "size": [4, 2, 2], "channels": 1}, "drop_path": 0.2}},
    "training": {"steps": 150, "batch": 32, "micro_batch": None, "optimiser": "adamw", "rate": 1e-3,
                 "weight_decay": 0.1, "ema": None},
}  # fmt: skip
"""What the benchmark sets: so few clips teach where something moves, and how much, not who fights. Chosen by learning
from three blocks of films and asking about the two others, for five such pairs."""
FOLDS = range(5)
CELLS = (16, 12)
"""Of the control's grid, along x and y."""
DRAWS = 2000
"""Resamplings of the clips for an interval."""


def run(options: argparse.Namespace) -> None:
    """Train and test every fold with every seed, the controls once a fold, write."""
    split = "test" if options.publish else "val"
    runs = {(fold, seed): _trained(options, fold, seed) for fold in options.folds for seed in options.seeds}
    seconds = float(np.mean([seconds_of(each) for each in runs.values()]))
    right = {key: _right(each, split) for key, each in runs.items()}
    recipe = next(iter(runs.values())).recipe
    means = [np.mean([right[fold, seed] for seed in options.seeds], 0) for fold in options.folds]
    own = {
        "name": recipe.model.name, "parameters": count(make_model(recipe)), "steps": recipe.training.steps,
        "batch": recipe.training.batch, "rate": recipe.training.rate, "seconds": round(seconds, 1),
        **_figures(np.concatenate(means)),
        "by_seed": [
            rounded(np.concatenate([right[fold, seed] for fold in options.folds]).mean()) for seed in options.seeds
        ],
        "by_fold": [rounded(np.mean([right[fold, seed] for seed in options.seeds])) for fold in options.folds],
    }  # fmt: skip
    say(f"swin, {split}: {own}")
    found = {name: _figures(values) for name, values in controls(options, split).items()}
    say(f"controls, {split}: {found}")
    if options.publish:
        name = max(found, key=lambda name: found[name]["value"])  # the harder one to beat
        other = {"name": name, **found[name], "all": found}
        entry = plain_entry(BENCH, "accuracy", {"swin": own, "control": other}, recipe, _command(options))
        say(f"written: {publish({**entry, 'seed': options.seeds, 'folds': len(options.folds)})}")


def _recipe(options: argparse.Namespace, fold: int, seed: int) -> Recipe:
    changes = merged(merged(CHANGES, {"data": {"fold": fold}}), parse_settings(options.set))
    recipe = classify(options.data, seed=seed, changes=changes)
    last = {"training": {"evaluate_every": recipe.training.steps}}
    return classify(options.data, seed=seed, changes=merged(changes, last))


def _trained(options: argparse.Namespace, fold: int, seed: int) -> Run:
    done = finished(_recipe(options, fold, seed), Path(options.out) / f"{fold}-{seed}", quiet=True)
    say(f"fold {fold}, seed {seed}: validation {done.evaluate('val').figures['accuracy']:.4f}")
    return done


def _right(run: Run, split: str) -> np.ndarray:
    """[clips] 1 where the answer is right."""
    data, modality, found = open_data(run.recipe, split), run.recipe.modality, list[float]()
    for index in range(len(data)):
        sample = modality.standard(modality.read(data[index]))
        (prediction,) = run.predictor.predict([sample])
        found.append(float(prediction.label == int(sample.target)))  # type: ignore[attr-defined]
    return np.array(found)


def _figures(right: np.ndarray) -> dict[str, Any]:
    """The share of right answers, and 95 % of it when the clips are drawn anew."""
    draws = np.random.default_rng(0).integers(len(right), size=(DRAWS, len(right)))
    bounds = np.quantile(right[draws].mean(1), (0.025, 0.975))
    return {"value": rounded(right.mean()), "interval": [rounded(bound) for bound in bounds], "clips": len(right)}


def controls(options: argparse.Namespace, split: str) -> dict[str, np.ndarray]:
    """[clips] 1 where a control is right, by its name: a linear model, and the SVM of the published baseline."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    kinds = {"motion, logistic regression": lambda: LogisticRegression(C=0.01, max_iter=1000), "motion, SVM": SVC}
    found: dict[str, list[np.ndarray]] = {name: [] for name in kinds}
    for fold in options.folds:
        recipe = _recipe(options, fold, 0)
        seen, truth = _motion(recipe, "train")
        asked, wanted = _motion(recipe, split)
        for name, make in kinds.items():
            model = make_pipeline(StandardScaler(), make()).fit(seen, truth)
            found[name].append((model.predict(asked) == wanted).astype(float))
    return {name: np.concatenate(each) for name, each in found.items()}


def _motion(recipe: Recipe, split: str) -> tuple[np.ndarray, np.ndarray]:
    """[clips cells] mean change of brightness between frames, and the classes [clips]."""
    data = open_data(recipe, split)
    records = [data[index] for index in range(len(data))]
    return np.stack([_change(recipe.modality, each) for each in records]), np.array([each.target for each in records])


def _change(modality: Modality, record: Any) -> np.ndarray:
    frames = modality.read(record).grid.float().mean(0).numpy()
    small = np.stack([cv2.resize(frame, CELLS, interpolation=cv2.INTER_AREA) for frame in frames])
    return np.abs(np.diff(small, axis=0)).mean(0).ravel()


def _command(options: argparse.Namespace) -> str:
    words = ["python", "benchmarks/clips.py", "--data", "FOLDER", "--seeds", *map(str, options.seeds)]
    return shlex.join([*words, *(word for each in options.set for word in ("--set", each)), "--publish"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the folder of the data set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--folds", type=int, nargs="+", choices=FOLDS, default=list(FOLDS))
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change the recipe")
    parser.add_argument("--out", default="runs/clips", help="folder for the runs; older ones are replaced")
    parser.add_argument("--publish", action="store_true", help="test every fold, once a seed, and write the result")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
