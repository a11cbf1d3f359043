"""What the segmentation contests share: their options, the two sides one after the other, and what is written."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assessment import Assessment, assess
from contest import Trained, fresh, keep, pace, say, train_control, train_swin, with_steps
from controls.unet import UNet
from record import entry, publish, rounded, side

from swinkit.engine import pick_device
from swinkit.recipes import Recipe, segment
from swinkit.recipes.plain import to_plain
from swinkit.recipes.text import merged, parse_settings

CONTROL = {"training": {"rate": 1e-3, "weight_decay": 1e-4, "warmup": 0.05, "schedule": "cosine", "ema": None}}
"""How a U-Net is usually trained; its rate and width are chosen on validation with --control-set and --width."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """One benchmark."""

    bench: str
    data: str
    model: str
    minutes: float
    changes: dict[str, Any]
    """What the benchmark sets in the recipe, for both sides."""
    parts: dict[str, Callable[[str], bool]] = dataclasses.field(default_factory=dict)
    """Parts of the test split that are stated apart: name -> which ids belong."""


def run(contest: Contest) -> None:
    """Parse the command line, train what was asked for, evaluate, write."""
    options = _options(contest)
    out = Path(options.out)
    if options.part in ("swin", "both"):
        _train(contest, options, "swin", out)
    if options.part in ("control", "both"):
        _train(contest, options, "control", out)
    own, control = (_read(out / f"{part}.json") for part in ("swin", "control"))
    if own and control and "value" in own["facts"] and "value" in control["facts"]:
        found = entry(contest.bench, own["facts"], control["facts"], own["command"], own["recipe"])
        say(f"written: {publish(found)}")


def _train(contest: Contest, options: argparse.Namespace, part: str, out: Path) -> None:
    recipe = _recipe(contest, options, part)
    make = fresh(recipe) if part == "swin" else _unet(recipe, options.width)
    steps = options.steps if part == "swin" else options.control_steps
    if steps is None:
        seconds = _budget(options, part, out)
        steps = pace(recipe, make).steps(seconds)
        say(f"{part}: {steps} steps for {seconds:.0f} s")
    recipe = with_steps(recipe, steps)
    command = _command(contest, options, part, steps)
    if part == "swin":
        trained = train_swin(recipe, out / "swin", command)
    else:
        trained = train_control(recipe, make, out / "control")
    _finish(contest, options, part, trained, command)


def _finish(contest: Contest, options: argparse.Namespace, part: str, trained: Trained, command: str) -> None:
    device = pick_device(trained.recipe.training.device)
    validation = assess(trained.recipe, trained.model, "val", device)
    test = assess(trained.recipe, trained.model, "test", device) if options.publish else None
    name = trained.recipe.model.name if part == "swin" else f"U-Net, 5 levels, width {options.width}, batch norm"
    facts = side(name, trained, validation, test)
    if test is not None:
        facts |= {"parts": _parts(contest, test)} if contest.parts else {}
    keep(Path(options.out) / f"{part}.json", {"facts": facts, "command": command, "recipe": to_plain(trained.recipe)})
    say(f"{part}: {trained.seconds:.0f} s, validation mean IoU {validation.miou:.4f}")
    if test is not None:
        low, high = test.interval
        say(f"{part}: test mean IoU {test.miou:.4f} (95 % from {low:.4f} to {high:.4f}) {facts.get('parts', '')}")


def _parts(contest: Contest, test: Assessment) -> dict[str, float]:
    found = {name: test.part(belongs) for name, belongs in contest.parts.items()}
    return {name: rounded(value) for name, value in found.items() if value is not None}


def _recipe(contest: Contest, options: argparse.Namespace, part: str) -> Recipe:
    """Both sides have one recipe, data and loss included; the control differs in how it is trained."""
    changes = merged({"training": {"seed": options.seed, "steps": 100}}, contest.changes)
    changes = merged(changes, parse_settings(options.set))
    if part == "control":
        changes = merged(merged(changes, CONTROL), parse_settings(options.control_set))
    return segment(options.data, model=options.model, seed=options.seed, changes=changes, say=say)


def _unet(recipe: Recipe, width: int) -> Callable[[], UNet]:
    classes = len(recipe.task.classes)  # type: ignore[attr-defined]
    return lambda: UNet(classes, width=width, channels=recipe.modality.channels)


def _budget(options: argparse.Namespace, part: str, out: Path) -> float:
    """Seconds: what was asked for, and for the control what the other side took."""
    other = _read(out / "swin.json")
    return other["facts"]["seconds"] if part == "control" and other else 60 * options.minutes


def _command(contest: Contest, options: argparse.Namespace, part: str, steps: int) -> str:
    words = [
        "python",
        f"benchmarks/{contest.bench}.py",
        "--part",
        part,
        "--model",
        options.model,
        "--seed",
        str(options.seed),
    ]
    words += ["--steps" if part == "swin" else "--control-steps", str(steps)]
    for word in options.set:
        words += ["--set", word]
    if part == "control":
        words += ["--width", str(options.width)]
        for word in options.control_set:
            words += ["--control-set", word]
    return shlex.join([*words, *(["--publish"] if options.publish else [])])


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _options(contest: Contest) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--part", choices=("swin", "control", "both"), default="both", help="what to train now")
    parser.add_argument("--minutes", type=float, default=contest.minutes, help="of training, evaluations included")
    parser.add_argument("--steps", type=int, help="of swinkit's side, instead of --minutes")
    parser.add_argument("--control-steps", type=int, help="of the control, instead of as long as swinkit's side took")
    parser.add_argument("--model", default=contest.model)
    parser.add_argument("--data", default=contest.data)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change the recipe, of both sides")
    parser.add_argument(
        "--control-set", action="append", default=[], metavar="A.B=C", help="change the control's recipe"
    )
    parser.add_argument("--width", type=int, default=32, help="of the control's first level")
    parser.add_argument("--out", default=f"runs/{contest.bench}", help="folder for both sides; older runs are replaced")
    parser.add_argument("--publish", action="store_true", help="evaluate the test split, once, and write the result")
    return parser.parse_args()
