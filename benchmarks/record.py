"""One side of a contest as plain values, and both sides as an entry of `benchmarks/results/*.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import torch
from assessment import Assessment
from contest import Trained

from swinkit.recipes.environment import environment

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
