"""What mixing costs in quality: one recipe a data set with full attention, shifted windows and cross_block.

python benchmarks/mixing_quality.py                      a table, on the validation splits
python benchmarks/mixing_quality.py --publish            the test splits too, into results/mixing_quality.json

Digit scenes are segmented by `swin_nano` (mean IoU), TREC questions classified by the recipe of texts (accuracy). Full
attention is one window as large as the map of every stage; the other two have smaller windows. Seed, data, steps and
everything else are the same, so a seed compares three runs; their order changes from seed to seed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from text import SETS

import swinkit as sk

RESULTS = Path(__file__).resolve().parent / "results" / "mixing_quality.json"
CONTENDERS: dict[str, dict[str, dict[str, Any]]] = {
    "full attention": {"digit_scenes": {"window": ((16, 16), (8, 8), (4, 4))}, "trec": {"window": ((64,), (64,))}},
    "shifted": {"digit_scenes": {}, "trec": {}},
    "cross_block": {"digit_scenes": {"mixing": "cross_block"}, "trec": {"mixing": "cross_block"}},
}
TREC = Path(__file__).resolve().parents[2] / "shared" / "data" / "trec"
METRICS = {"digit_scenes": "miou", "trec": "accuracy"}


def train(data: str, name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """One run's figures."""
    splits = ["val", "test"] if options.publish else ["val"]
    begun = time.perf_counter()
    run = sk.train(_recipe(data, name, seed, options), _folder(data, name, seed, options), overwrite=True, quiet=True)
    seconds = time.perf_counter() - begun
    found = {split: float(run.evaluate(split).figures[METRICS[data]]) for split in splits}
    row = {"data": data, "name": name, "seed": seed, "seconds": round(seconds, 1)}
    row |= {split: round(value, 4) for split, value in found.items()}
    print(row, flush=True)
    return row


def _recipe(data: str, name: str, seed: int, options: argparse.Namespace) -> Any:
    settings: dict[str, Any] = {"model.changes": CONTENDERS[name][data], "training.workers": 0}
    if data == "trec":
        changes = {**settings, "data": SETS["trec"]["data"], "training.epochs": options.epochs}
        return sk.recipes.classify(TREC, seed=seed, changes=changes)
    settings |= {"training.steps": options.steps, "training.evaluate_every": options.steps}
    return sk.recipes.segment("digit_scenes", model="swin_nano", seed=seed, changes=settings)


def _folder(data: str, name: str, seed: int, options: argparse.Namespace) -> Path:
    return options.out / f"{data}-{name.replace(' ', '_')}-{seed}"


def summary(rows: list[dict[str, Any]], data: str, split: str) -> dict[str, dict[str, float]]:
    """Mean figure, the deviation over seeds and mean seconds of every mixing."""
    table: dict[str, dict[str, float]] = {}
    for name in CONTENDERS:
        mine = [row for row in rows if row["name"] == name and row["data"] == data]
        values = [row[split] for row in mine]
        table[name] = {
            METRICS[data]: round(statistics.mean(values), 4),
            "deviation": round(statistics.stdev(values), 4) if len(values) > 1 else 0.0,
            "seconds": round(statistics.mean(row["seconds"] for row in mine), 1),
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=list(METRICS), default=list(METRICS))
    parser.add_argument("--steps", type=int, default=600, help="of a run on digit scenes")
    parser.add_argument("--epochs", type=int, default=12, help="of a run on TREC")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/mixing_quality"))
    parser.add_argument("--publish", action="store_true", help="evaluate the test splits, once, and write the result")
    options = parser.parse_args()
    names, split = list(CONTENDERS), "test" if options.publish else "val"
    entries: list[dict[str, Any]] = []
    for data in options.data:
        rows = [
            train(data, name, seed, options)
            for turn, seed in enumerate(options.seeds)
            for name in names[turn % 3 :] + names[: turn % 3]
        ]
        table = summary(rows, data, split)
        print(json.dumps({"data": data, "split": split, **table}, indent=2), flush=True)
        entries.append({
            "bench": f"mixing_quality/{data}", "metric": METRICS[data], "split": split, "rows": rows,
            "value": table["cross_block"][METRICS[data]], "seed": options.seeds, "control": table,
            "recipe": f"python benchmarks/mixing_quality.py --data {data} --steps {options.steps} "
                      f"--epochs {options.epochs} --publish",
            "seconds": table["cross_block"]["seconds"], "threads": torch.get_num_threads(),
            "versions": {"torch": torch.__version__}, "date": time.strftime("%Y-%m-%d"),
        })  # fmt: skip
    if options.publish:
        RESULTS.parent.mkdir(exist_ok=True)
        kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []
        new = {entry["bench"] for entry in entries}
        entries = [entry for entry in kept if entry["bench"] not in new] + entries
        RESULTS.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
