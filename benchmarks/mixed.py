"""A spoken digit beside a handwritten one, one of the two drowned in noise: both together against each alone.

    python benchmarks/mixed.py --data FOLDER               validation only, to choose by
    python benchmarks/mixed.py --data FOLDER --publish     with the test split, once, into the results

FOLDER holds the Free Spoken Digit Dataset. Every recording is paired with a picture of the same digit (scikit-learn's);
test is the official split, validation are recordings 5 to 9 of every speaker and digit, and no picture is in two
splits. Of each pair a coin says which half is drowned, in every split. Pairs are written as files and learnt from as
`swinkit train classify` does; the three sides are trained equally many steps, and the joined one is measured without
each of its inputs too.
"""

from __future__ import annotations

import argparse
import csv
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from classification import wilson
from contest import say, train_swin, with_steps
from PIL import Image
from record import machine, publish, rounded
from speech_strings import RATE

from swinkit.datasets import SoundTable
from swinkit.datasets.digit_sources import handwritten
from swinkit.files.sounds import read_sound
from swinkit.recipes import Recipe, classify, open_run
from swinkit.recipes.parts import loader, open_data
from swinkit.recipes.text import merged, parse_settings

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
"""Of the pictures of each digit."""
PICTURES = 1797
INPUTS = ("image", "audio")
VIEWS: dict[str, dict[str, Any]] = {
    "audio": {"rate": RATE, "rank": 2, "normalise": "bands", "speed": 0.1, "warp": 0.1, "time_masks": 0,
              "band_masks": 0},
    "image": {"flip": 0.0},
}  # fmt: skip
"""How both are varied, alone and together."""
DROP_PATH = 0.1


def write(data: Path, out: Path, options: argparse.Namespace) -> Path:
    """The folder with pairs.csv and a table for each input alone, of the same files."""
    shutil.rmtree(out, ignore_errors=True)
    for name in INPUTS:
        (out / name).mkdir(parents=True)
    rng = np.random.default_rng(options.seed)
    ink, _ = handwritten(np.arange(PICTURES))
    pools, used = pictures(rng), dict.fromkeys(((s, d) for s in SHARES for d in range(10)), 0)
    rows: list[dict[str, str]] = []
    layout = SoundTable(path=str(data), label="digit", speaker="speaker", holdout=0.01)
    for row in sorted(layout.found()[0], key=lambda each: each.id):
        assert isinstance(row.source, Path)
        name, digit = Path(row.id).stem, int(row.words)
        split = split_of(name)
        pool = pools[split, digit]
        picture = ink[pool[used[split, digit] % len(pool)]]
        used[split, digit] += 1
        samples, drowned = read_sound(row.source, RATE), INPUTS[int(rng.integers(2))]
        if drowned == "audio":
            samples = noisy_sound(samples, options.noise_db, rng)
        else:
            picture = np.clip(picture + rng.normal(0, options.noise, picture.shape), 0, 1)
        soundfile.write(out / f"audio/{name}.wav", samples, RATE)
        Image.fromarray(np.rint(255 * picture).astype(np.uint8)).save(out / f"image/{name}.png")
        rows.append({"image": f"image/{name}.png", "audio": f"audio/{name}.wav", "class": str(digit), "split": split,
                     "drowned": drowned})  # fmt: skip
    _table(out / "pairs.csv", rows)
    for name in INPUTS:
        _table(out / f"{name}.csv", [{"file": row[name], "label": row["class"], "split": row["split"]} for row in rows])
    return out


def split_of(name: str) -> str:
    """The split of the recording `DIGIT_SPEAKER_INDEX`."""
    index = int(name.rsplit("_", 1)[1])
    return "test" if index < 5 else "val" if index < 10 else "train"


def pictures(rng: np.random.Generator) -> dict[tuple[str, int], np.ndarray]:
    """(split, digit) -> numbers of the pictures that it may use."""
    _, shown = handwritten(np.arange(PICTURES))
    found: dict[tuple[str, int], np.ndarray] = {}
    for digit in range(10):
        order = rng.permutation(np.flatnonzero(shown == digit))
        edges = np.rint(np.cumsum([0.0, *SHARES.values()]) * len(order)).astype(int)
        for split, first, last in zip(SHARES, edges, edges[1:], strict=False):
            found[split, digit] = order[first:last]
    return found


def noisy_sound(samples: np.ndarray, decibels: float, rng: np.random.Generator) -> np.ndarray:
    """[samples] float32 with white noise at that signal-to-noise ratio, no louder than full scale."""
    noise = rng.standard_normal(len(samples)) * np.sqrt(np.mean(samples**2) / 10 ** (decibels / 10))
    mixed = samples + noise
    return (0.9 * mixed / max(np.abs(mixed).max(), 1e-6)).astype(np.float32)


def _table(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def recipes(data: Path, options: argparse.Namespace) -> dict[str, Recipe]:
    """Of the joined model and of each input alone; the training is the joined one's, for all."""
    shared = {"model": {"changes": {"drop_path": DROP_PATH}}, "training": {"steps": options.steps}}
    changes = merged(merged(shared, {"modality": {"inputs": VIEWS}}), parse_settings(options.set))
    found = {"joined": classify(data / "pairs.csv", model=options.model, seed=options.seed, changes=changes, say=say)}
    for name, view in VIEWS.items():
        alone = merged(shared, {"data": {"kind": "class_table"}, "modality": {"kind": name, **view}})
        recipe = classify(data / f"{name}.csv", model=options.model, seed=options.seed, changes=alone, say=say)
        found[name] = replace(recipe, training=found["joined"].training)
    return {name: with_steps(recipe, options.steps) for name, recipe in found.items()}


def figures(run: Path, data: Path, split: str, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Accuracy on a split, its interval, and the accuracy where each input is drowned."""
    predictor = open_run(run, changes={"modality": {"without": list(without)}} if without else None)
    right: list[bool] = []
    with torch.inference_mode():
        for batch in loader(predictor.recipe, open_data(predictor.recipe, split), batch=64).once():
            batch = batch.to(predictor.device)
            found = predictor.recipe.task.predict(predictor.model, batch)
            right += [each.label == int(truth) for each, truth in zip(found, batch.target, strict=True)]  # type: ignore[union-attr]
    with (data / "pairs.csv").open(encoding="utf-8", newline="") as file:
        drowned = [row["drowned"] for row in csv.DictReader(file) if row["split"] == split]
    each = {name: np.mean([r for r, d in zip(right, drowned, strict=True) if d == name]) for name in INPUTS}
    value = float(np.mean(right))
    return {
        "value": rounded(value),
        "interval": [rounded(bound) for bound in wilson(value, len(right))],
        "drowned": {name: rounded(share) for name, share in each.items()},
    }


def measured(runs: Mapping[str, Path], data: Path, split: str) -> dict[str, Any]:
    """Everything on a split: together, alone, and together without one."""
    found = {name: figures(run, data, split) for name, run in runs.items()}
    for name in INPUTS:
        found[f"joined_without_{name}"] = figures(runs["joined"], data, split, without=[name])
    best = max(found[name]["value"] for name in INPUTS)
    gain = rounded(found["joined"]["value"] - best)
    lost = {name: rounded(found[other]["value"] - found[f"joined_without_{name}"]["value"])
            for name, other in zip(INPUTS, reversed(INPUTS), strict=True)}  # fmt: skip
    say(
        f"{split}: {found}; better than the better one by {gain}; without an input worse than the other alone by {lost}"
    )
    return {**found, "gain": gain, "worse_than_alone_without": lost}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the Free Spoken Digit Dataset")
    parser.add_argument("--model", default="swin_nano")
    parser.add_argument("--steps", type=int, default=1500, help="of each of the three trainings")
    parser.add_argument("--noise", type=float, default=0.8, help="standard deviation of a drowned picture's, ink is 1")
    parser.add_argument("--noise-db", type=float, default=-10.0, help="signal-to-noise ratio of a drowned sound")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change the joined recipe")
    parser.add_argument("--out", type=Path, default=Path("runs/mixed"))
    parser.add_argument("--publish", action="store_true", help="evaluate the test split, once, and write the result")
    options = parser.parse_args()
    words = ["python", "benchmarks/mixed.py", "--data", "FOLDER", "--model", options.model]
    for name in ("steps", "noise", "noise_db", "seed"):
        words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    command = shlex.join([*words, *(word for each in options.set for word in ("--set", each))])
    data = write(options.data, options.out / "data", options)
    sides = {name: train_swin(recipe, options.out / name, command) for name, recipe in recipes(data, options).items()}
    runs = {name: options.out / name for name in sides}
    details: dict[str, Any] = {"validation": measured(runs, data, "val")}
    details["parameters"] = {name: side.parameters for name, side in sides.items()}
    details["seconds"] = {name: round(side.seconds, 1) for name, side in sides.items()}
    if not options.publish:
        return
    details["test"] = measured(runs, data, "test")
    own = details["test"]["joined"]
    entry = {
        "bench": "mixed", "metric": "accuracy", "value": own["value"], "split": "test", "seed": options.seed,
        "interval": own["interval"], "model": options.model, "recipe": f"{command} --publish",
        "control": max(details["test"][name]["value"] for name in INPUTS), "details": details,
        "seconds": details["seconds"]["joined"], **machine(),
    }  # fmt: skip
    say(f"written: {publish(entry)}")


if __name__ == "__main__":
    main()
