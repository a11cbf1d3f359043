"""The whole way in a few minutes, offline: train a segmenter or a detector on digit scenes, or a transcriber on digits
that a formant synthesiser speaks (no recorded voices), measure it, draw it.

The same as
    swinkit train segment digit_scenes --model swin_nano --out runs/demo --overwrite --set training.steps=840
    swinkit evaluate runs/demo --split test
    swinkit predict runs/demo SCENE.png ... --out runs/demo/drawn
or, with `--task detect`, the same with `swinkit train detect`, and with `--task speech` with
    swinkit train transcribe spoken_digits --out runs/demo --overwrite --set training.steps=400
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import swinkit as sk
from swinkit.datasets import DigitScenes, SpokenDigits
from swinkit.files import UserError

STEPS = {"segment": 840, "detect": 500, "speech": 400}
"""Fixed numbers, so that a second run gives the same figures to the last digit."""
EVALUATIONS = 2
SHOWN = 3
ABOUT = dict.fromkeys(STEPS, "400 scenes on backgrounds that were never seen in training")
ABOUT["speech"] = "200 strings of digits from synthetic voices that were never heard in training"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="run folder; an earlier demo is replaced")
    parser.add_argument("--task", choices=STEPS, default="segment")
    parser.add_argument("--steps", type=int, help="instead of the number that fits into a few minutes")
    options = parser.parse_args()
    try:
        demonstrate(options.task, options.out, options.steps or STEPS[options.task])
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def demonstrate(task: str, out: Path, steps: int) -> None:
    """Train, evaluate on the test split, predict on scenes, say where everything is."""
    settings = {"training.steps": steps, "training.evaluate_every": max(1, steps // EVALUATIONS)}
    data = SpokenDigits(target="text") if task == "speech" else DigitScenes()
    make = {"segment": sk.recipes.segment, "detect": sk.recipes.detect, "speech": sk.recipes.transcribe}[task]
    model = None if task == "speech" else "swin_nano"
    recipe = make(data.path, model=model, changes=settings)
    run = sk.train(recipe, out, overwrite=True, command=f"make demo TASK={task}")
    figures = run.evaluate("test").figures
    print(f"\ntest split, {ABOUT[task]}")
    for name, value in figures.items():
        print(f"  {name:16s} {value:.4f}")
    drawn = out / "drawn"
    drawn.mkdir(exist_ok=True)
    test = data.open("test")
    for index in range(SHOWN):
        record = test[index]
        path = run.predict(record.source).save(drawn / f"{record.id}.png", overlay=True)
        print(f"drawn: {path}")
    print(f"report: {run.report}")


if __name__ == "__main__":
    sys.exit(main())
