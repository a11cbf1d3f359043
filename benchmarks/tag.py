"""How words are written, told from their small letters: the recipe of `tag` against each word's most frequent class.

    python benchmarks/tag.py --data FOLDER              validation only
    python benchmarks/tag.py --data FOLDER --publish    with the test split, into the results

The labels are exact: texts of `ag_news_small` are cut at spaces and at other signs, every word is put in small letters,
and its class is how it was written: O (small letters, or no letter), Title, UPPER, or Mixed. A word alone does not say
it: "may", "us", "apple" and the first word of a sentence take the words around them.
"""

from __future__ import annotations

import argparse
import re
import shlex
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from classification import wilson
from contest import finished, seconds_of
from record import plain_entry, publish, rounded

from swinkit.datasets import TextTable
from swinkit.models import count
from swinkit.recipes import Run, tag
from swinkit.recipes.parts import make_model, open_data
from swinkit.recipes.text import parse_settings

Tagged = list[tuple[str, str]]
SIGNS = r"\w+|[^\w\s]"


def shape(word: str) -> str:
    """How a word is written."""
    if word == word.lower():
        return "O"
    if word == word.upper() and len(word) > 1:
        return "UPPER"
    return "Title" if word == word[:1].upper() + word[1:].lower() else "Mixed"


def write(source: Path, target: Path) -> Path:
    """train.conll and test.conll of a folder of texts."""
    target.mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        texts, _ = TextTable(path=str(source)).texts(source / f"{split}.csv")
        rows = ([(word.lower(), shape(word)) for word in re.findall(SIGNS, text)] for _, text in texts)
        content = "\n".join("".join(f"{word}\t{label}\n" for word, label in row) for row in rows if row)
        (target / f"{split}.conll").write_text(content, encoding="utf-8")
    return target


def control(run: Run, split: str) -> dict[str, Any]:
    """The most frequent class of every word in train, of all words for one that is not there."""
    begun = time.perf_counter()
    seen: dict[str, Counter[int]] = defaultdict(Counter)
    for word, label in _words(run, "train"):
        seen[word][label] += 1
    rest = sum(seen.values(), Counter()).most_common(1)[0][0]
    best = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
    right = [best.get(word, rest) == label for word, label in _words(run, split)]
    value = sum(right) / len(right)
    return _figures("most frequent class of the word", value, len(right)) | {
        "seconds": round(time.perf_counter() - begun, 1)
    }


def run(options: argparse.Namespace) -> None:
    """Train, evaluate, write."""
    folder = write(Path(options.data), Path(options.out) / "data")
    plan = tag(folder, seed=options.seed, changes=parse_settings(options.set), say=print)
    done = finished(plan, Path(options.out) / "run")
    seconds, split = seconds_of(done), "test" if options.publish else "val"
    found = done.evaluate(split).figures
    own = _figures(done.recipe.model.name, found["accuracy"], sum(1 for _ in _words(done, split))) | {
        "parameters": count(make_model(done.recipe)), "steps": done.recipe.training.steps, "seconds": round(seconds, 1),
        "macro_f1": rounded(found["macro_f1"]),
        "per_class": {name: rounded(value) for name, value in found.items() if "/" in name},
    }  # fmt: skip
    other = control(done, split)
    print(f"swin: {own}\ncontrol: {other}")
    if options.publish:
        words = ["python", "benchmarks/tag.py", "--data", "FOLDER", "--seed", str(options.seed)]
        command = shlex.join([*words, *(word for each in options.set for word in ("--set", each)), "--publish"])
        entry = plain_entry("tag", "accuracy", {"swin": own, "control": other}, done.recipe, command)
        print(f"written: {publish(entry)}")


def _words(run: Run, split: str) -> Tagged:
    data = open_data(run.recipe, split)
    records = [data[index] for index in range(len(data))]
    pairs = (zip(bytes(r.source).decode().split(), r.target.tolist(), strict=True) for r in records)
    return [pair for each in pairs for pair in each]


def _figures(name: str, value: float, words: int) -> dict[str, Any]:
    return {"name": name, "value": rounded(value), "interval": list(map(rounded, wilson(value, words))), "words": words}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the folder of ag_news_small, or of other tables of texts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change the recipe")
    parser.add_argument("--out", default="runs/tag", help="folder for data and run; older ones are replaced")
    parser.add_argument("--publish", action="store_true", help="evaluate the test split, once, and write the result")
    run(parser.parse_args())


if __name__ == "__main__":
    main()
