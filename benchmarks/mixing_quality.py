"""What mixing costs in quality: one recipe on digit scenes with full attention, shifted windows and cross_block.

python benchmarks/mixing_quality.py                      a table, on the validation split
python benchmarks/mixing_quality.py --publish            the test split too, into benchmarks/results/mixing_quality.json

Full attention is one window as large as the map of every stage; the other two have the windows of `swin_nano`. Seed,
data, steps and everything else are the same, so a seed compares three runs; their order changes from seed to seed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

import swinkit as sk

RESULTS = Path(__file__).resolve().parent / "results" / "mixing_quality.json"
CONTENDERS: dict[str, dict[str, Any]] = {
    "full attention": {"window": ((16, 16), (8, 8), (4, 4))},
    "shifted": {},
    "cross_block": {"mixing": "cross_block"},
}


def train(name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run's figures."""
    settings = {
        "model.changes": CONTENDERS[name], "training.steps": options.steps, "training.workers": 0,
        "training.evaluate_every": options.steps,
    }  # fmt: skip
    recipe = sk.recipes.segment("digit_scenes", model="swin_nano", seed=seed, changes=settings)
    begun = time.perf_counter()
    run = sk.train(recipe, options.out / f"{name.replace(' ', '_')}-{seed}", overwrite=True, command=" ".join(sys.argv))
    row = {"name": name, "seed": seed, "seconds": round(time.perf_counter() - begun, 1)}
    for split in ("val", "test") if options.publish else ("val",):
        row[split] = round(float(run.evaluate(split).figures["miou"]), 4)
    print(row, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/mixing_quality"))
    parser.add_argument("--publish", action="store_true", help="evaluate the test split, once, and write the result")
    options = parser.parse_args()
    names = list(CONTENDERS)
    rows = [
        train(name, seed, options)
        for turn, seed in enumerate(options.seeds)
        for name in names[turn % 3 :] + names[: turn % 3]
    ]
    split = "test" if options.publish else "val"
    means = {name: round(statistics.mean(row[split] for row in rows if row["name"] == name), 4) for name in names}
    seconds = {name: round(statistics.mean(row["seconds"] for row in rows if row["name"] == name), 1) for name in names}
    print(json.dumps({"split": split, "mean miou": means, "mean seconds": seconds}, indent=2))
    if options.publish:
        entry = {
            "bench": "mixing_quality", "metric": "miou", "value": means["cross_block"], "split": split, "rows": rows,
            "seed": options.seeds, "recipe": f"python benchmarks/mixing_quality.py --steps {options.steps} --publish",
            "seconds": seconds["cross_block"], "threads": torch.get_num_threads(),
            "versions": {"torch": torch.__version__}, "date": time.strftime("%Y-%m-%d"),
            "control": {name: {"miou": means[name], "seconds": seconds[name]} for name in names},
        }  # fmt: skip
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps([entry], indent=2) + "\n")


if __name__ == "__main__":
    main()
