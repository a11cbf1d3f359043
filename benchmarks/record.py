"""One side of a contest as plain values, and both sides as an entry of `benchmarks/results/*.json`."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import torch
from assessment import Assessment
from contest import Trained

from swinkit.files import ConfigError
from swinkit.recipes import Recipe
from swinkit.recipes.environment import environment
from swinkit.recipes.plain import to_plain

RESULTS = Path(__file__).parent / "results"
VERSIONS = ("python", "swinkit", "torch", "numpy")


def side(name: str, trained: Trained, validation: Assessment, test: Assessment | None) -> dict[str, Any]:
    """What is kept about one side: on validation always, on the test split where it was published."""
    training = trained.recipe.training
    facts: dict[str, Any] = {
        "name": name,
        "parameters": trained.parameters,
        "steps": training.steps,
        "batch": training.batch,
        "rate": training.rate,
        "seconds": round(trained.seconds, 1),
        "validation": rounded(validation.miou),
    }
    if test is not None:
        facts |= {
            "value": rounded(test.miou),
            "interval": [rounded(bound) for bound in test.interval],
            "pixel_accuracy": rounded(test.pixel_accuracy()),
            "per_class": {name: rounded(value) for name, value in test.per_class().items()},
        }
    return facts


def entry(bench: str, own: Mapping[str, Any], control: Mapping[str, Any], command: str, recipe: Any) -> dict[str, Any]:
    """The published figure."""
    found = environment()
    training = recipe["training"]
    return {
        "bench": bench,
        "metric": "miou",
        "value": own["value"],
        "split": "test",
        "seed": training["seed"],
        "model": own["name"],
        "recipe": command,
        "seconds": own["seconds"],
        "cores": int(found["cores"]),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else found["processor"],
        "versions": {name: found[name] for name in VERSIONS if name in found},
        "date": date.today().isoformat(),
        "interval": own["interval"],
        "control": control["value"],
        "details": {key: value for key, value in own.items() if key not in ("value", "interval", "seconds", "name")},
        "control_details": dict(control),
        "training": training,
    }


def plain_entry(bench: str, metric: str, sides: Mapping[str, Any], recipe: Recipe, command: str) -> dict[str, Any]:
    """The published figure of a contest whose sides say `name`, `value`, `interval` and `seconds`; where no control was
    trained, beside the one that is published."""
    found, own, other = environment(), sides["swin"], sides.get("control") or last_control(bench)
    plain = to_plain(recipe)
    return {
        "bench": bench, "metric": metric, "value": own["value"], "split": "test", "seed": recipe.training.seed,
        "model": own["name"], "recipe": command, "seconds": own["seconds"],
        "cores": int(found["cores"]), "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else found["processor"],
        "versions": {name: found[name] for name in VERSIONS if name in found}, "date": date.today().isoformat(),
        "interval": own["interval"], "control": other["value"], "details": own, "control_details": other,
        **{part: plain[part] for part in ("task", "modality", "training")}, "changes": plain["model"]["changes"],
    }  # fmt: skip


def machine() -> dict[str, Any]:
    """Where and when something was measured."""
    found = environment()
    return {
        "cores": int(found["cores"]),
        "threads": torch.get_num_threads(),
        "device": found["processor"],
        "versions": {name: found[name] for name in VERSIONS if name in found},
        "date": date.today().isoformat(),
    }


def contest_options(
    about: str | None, *, model: str, out: str, width: int, minutes: str, data: str | None = None
) -> argparse.ArgumentParser:
    """The options that all contests share; `data`: what is learnt from where nothing else is said."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=data is None, default=data, help="the folder of the data set")
    parser.add_argument("--model", default=model)
    parser.add_argument("--minutes", type=float, help=f"of training, evaluations included; by default {minutes}")
    parser.add_argument("--steps", type=int, help="of swinkit's side, instead of --minutes")
    parser.add_argument("--control-steps", type=int, help="instead of as long as swinkit's side took")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C", help="change the recipe, of both sides")
    parser.add_argument("--control-set", action="append", default=[], metavar="A.B=C", help="change the control's")
    parser.add_argument(
        "--no-control", action="store_true", help="train swinkit's side alone; published beside the control that is"
    )
    parser.add_argument("--width", type=int, default=width, help="of the control's first level")
    parser.add_argument("--out", default=out, help="folder for both sides; older runs are replaced")
    parser.add_argument("--publish", action="store_true", help="evaluate the test split, once, and write the result")
    return parser


def contest_command(script: str, options: argparse.Namespace, steps: int) -> str:
    """What repeats a contest."""
    words = ["python", f"benchmarks/{script}.py"]
    words += ["--bench", options.bench] if hasattr(options, "bench") else []
    words += ["--data", "FOLDER"] if Path(options.data).exists() else []
    words += ["--model", options.model, "--seed", str(options.seed), "--steps", str(steps)]
    for word in options.set:
        words += ["--set", word]
    words += ["--no-control"] if options.no_control else []
    return shlex.join([*words, *(["--publish"] if options.publish else [])])


def last_control(bench: str) -> dict[str, Any]:
    """The control of the entry that is published, with the day it was measured on. Raises ConfigError without one."""
    path = RESULTS / f"{bench}.json"
    if not path.is_file():
        raise ConfigError(f"{path}: there is no control that was published: leave out --no-control")
    old = json.loads(path.read_text(encoding="utf-8"))[-1]
    return {"date": old["date"], **old["control_details"]}


def publish(found: Mapping[str, Any]) -> Path:
    """Put the entry into its file, in place of an older one of the same model."""
    path = RESULTS / f"{found['bench']}.json"
    entries = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    key = ("model", "device")
    entries = [old for old in entries if any(old.get(name) != found[name] for name in key)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([*entries, found], indent=2) + "\n", encoding="utf-8")
    return path


def rounded(value: float) -> float:
    """Four decimals: more are noise."""
    return round(float(value), 4)
