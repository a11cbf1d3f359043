"""Sentences and news from scratch: the recipe's rank-1 Swin against TF-IDF of one and two words with a linear SVM.

    python benchmarks/text.py --bench trec --data FOLDER              validation only, to choose by
    python benchmarks/text.py --bench sst2 --data FOLDER --publish    with the test split, into the results

Both sides learn from the same rows; swinkit's trains once a seed and its figure is the mean. `--pretrain STEPS` begins
with masked pre-training on the training texts of the set itself; what it gains shows against a run without it.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import time
from pathlib import Path
from typing import Any

from classification import wilson
from contest import finished, seconds_of
from record import plain_entry, publish, rounded

from swinkit.models import count
from swinkit.recipes import Recipe, Run, classify, reconstruct
from swinkit.recipes.parts import make_model, open_data
from swinkit.recipes.text import merged, parse_settings

SETS: dict[str, dict[str, Any]] = {
    "trec": {"data": {"label": "coarse"}},
    "sst2": {},
    "ag_news_small": {},
    "subj": {"data": {"folds": 10, "fold": 0}},
}
"""What has to be said of each; everything else is the recipe's."""


def run(options: argparse.Namespace) -> None:
    """Train swinkit's side with every seed and the control once, evaluate, write."""
    start = _pretrained(options) if options.pretrain else None
    runs = [_trained(options, seed, start) for seed in options.seeds]
    seconds = statistics.mean(map(seconds_of, runs))
    own = _side(runs, seconds, "test" if options.publish else "val")
    print(f"swin: {own}", flush=True)
    other = control(runs[0].recipe, options.publish)
    print(f"control: {other}", flush=True)
    if options.publish:
        found = plain_entry(
            options.bench, "accuracy", {"swin": own, "control": other}, runs[0].recipe, _command(options)
        )
        print(f"written: {publish(found)}")


def recipe(options: argparse.Namespace, seed: int, more: dict[str, Any] | None = None, maker: Any = classify) -> Recipe:
    """The recipe of the data with what `--set` says."""
    changes = merged(merged(SETS[options.bench], more or {}), parse_settings(options.set))
    return maker(Path(options.data), seed=seed, changes=changes, say=print)


def control(recipe: Recipe, test: bool) -> dict[str, Any]:
    """TF-IDF (1-2 words, sublinear) and a linear SVM with C = 1, by scikit-learn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    begun = time.perf_counter()
    rows = {split: _rows(recipe, split) for split in ("train", "val", *(["test"] if test else []))}
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LinearSVC().fit(words.fit_transform(rows["train"][0]), rows["train"][1])
    found = {split: model.score(words.transform(texts), labels) for split, (texts, labels) in rows.items()}
    facts = {"name": "TF-IDF 1-2 words, linear SVM", "validation": rounded(found["val"])}
    if test:
        interval = wilson(found["test"], len(rows["test"][0]))
        facts |= {"value": rounded(found["test"]), "interval": [rounded(bound) for bound in interval]}
    return {**facts, "seconds": round(time.perf_counter() - begun, 1)}


def _rows(recipe: Recipe, split: str) -> tuple[list[str], list[int]]:
    data = open_data(recipe, split)
    records = [data[index] for index in range(len(data))]
    return [bytes(record.source).decode() for record in records], [int(record.target) for record in records]


def _pretrained(options: argparse.Namespace) -> str:
    plan = recipe(options, options.seeds[0], {"training": {"steps": options.pretrain}}, reconstruct)
    done = finished(plan, Path(options.out) / f"{options.bench}-hidden")
    print(f"pre-training: {done.evaluate('val').figures}", flush=True)
    return str(done.dir)


def _trained(options: argparse.Namespace, seed: int, start: str | None) -> Run:
    more: dict[str, Any] = {} if start is None else {"model": {"weights": start}}
    if options.steps:
        more = merged(more, {"training": {"steps": options.steps}})
    return finished(recipe(options, seed, more), Path(options.out) / f"{options.bench}-{seed}")


def _side(runs: list[Run], seconds: float, split: str) -> dict[str, Any]:
    found = [each.evaluate(split).figures for each in runs]
    validation = [each.evaluate("val").figures["accuracy"] for each in runs]
    values = [each["accuracy"] for each in found]
    recipe = runs[0].recipe
    facts: dict[str, Any] = {
        "name": recipe.model.name, "parameters": count(make_model(recipe)), "steps": recipe.training.steps,
        "batch": recipe.training.batch, "rate": recipe.training.rate, "seconds": round(seconds, 1),
        "validation": rounded(statistics.mean(validation)), "validation_by_seed": list(map(rounded, validation)),
    }  # fmt: skip
    if split == "test":
        mean = statistics.mean(values)
        interval = wilson(mean, len(open_data(recipe, "test")))
        facts |= {
            "value": rounded(mean),
            "interval": list(map(rounded, interval)),
            "by_seed": list(map(rounded, values)),
        }
        facts["per_class"] = {name: rounded(value) for name, value in found[0].items() if "/" in name}
    return facts


def _command(options: argparse.Namespace) -> str:
    words = ["python", "benchmarks/text.py", "--bench", options.bench, "--data", "FOLDER", "--seeds"]
    words += [str(seed) for seed in options.seeds]
    words += ["--steps", str(options.steps)] if options.steps else []
    words += ["--pretrain", str(options.pretrain)] if options.pretrain else []
    return shlex.join([*words, *(word for each in options.set for word in ("--set", each)), "--publish"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", choices=SETS, default="trec")
    parser.add_argument("--data", required=True, help="the folder of the data set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, help="by default as many as the recipe finds right")
    parser.add_argument("--pretrain", type=int, metavar="STEPS", help="of masked pre-training before")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change the recipe")
    parser.add_argument("--out", default="runs/text", help="folder for the runs; older ones are replaced")
    parser.add_argument(
        "--publish", action="store_true", help="evaluate the test split, once a seed, and write the result"
    )
    run(parser.parse_args())


if __name__ == "__main__":
    main()
