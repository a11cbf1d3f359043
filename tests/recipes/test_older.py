"""Runs from before this version's settings are opened, and go on."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from sound_data import manifest

from swinkit.files import ConfigError
from swinkit.files.manifest import MANIFEST, write_manifest
from swinkit.recipes import classify, open_run, train
from swinkit.recipes.older import as_before, readable
from swinkit.recipes.plain import read
from swinkit.tasks import Segment

TINY = {
    "model.changes": {"depths": [1, 1], "heads": [1, 1], "width": 16, "window": [[4, 4]], "drop_path": 0.0},
    "modality.bands": 12, "modality.rank": 2, "data.hold_out": "files", "training.batch": 4,
    "training.micro_batch": None, "training.precision": "fp32", "training.steps": 4, "training.evaluate_every": 2,
    "training.workers": 0, "training.ema": None,
}  # fmt: skip


def rows(run: Path) -> list[str]:
    with (run / "metrics.csv").open() as file:
        return [row["loss"] for row in csv.DictReader(file)]


def aged(run: Path) -> None:
    """The run as a version without ranges, microphones and voices wrote it, whose classification counted clips."""
    manifests = [run / "checkpoints" / step for step in ("step-2", "step-4")]
    for path in (run / "recipe.json", *(folder / "state.json" for folder in manifests)):
        plain = json.loads(path.read_text())
        recipe = plain.get("fingerprint", plain)
        for name in ("range", "colour", "voices"):
            recipe["modality"].pop(name, None)
        recipe["task"]["clips"] = 1
        path.write_text(json.dumps(plain))
    for folder in manifests:  # the checkpoint is whole again
        (folder / MANIFEST).unlink()
        write_manifest(folder)


def test_a_run_from_before_is_opened_and_goes_on(tmp_path: Path) -> None:
    data = manifest(tmp_path / "data").parent
    recipe = classify(data, changes=TINY)
    run = train(recipe, tmp_path / "run", quiet=True, report=False)
    wanted = rows(run.dir)
    aged(run.dir)
    shutil.rmtree(run.dir / "checkpoints" / "step-4")
    assert open_run(run.dir).recipe.task == recipe.task
    assert read(run.dir / "recipe.json") == recipe
    again = train(recipe, run.dir, resume="last", quiet=True, report=False)
    assert rows(again.dir) == wanted
    louder = classify(data, changes={**TINY, "modality.colour": 6.0})
    with pytest.raises(ConfigError, match=r"modality\.colour: null, 6\.0"):
        train(louder, run.dir, resume="last", quiet=True, report=False)


def test_tasks_inside_others_are_read_too() -> None:
    inner = {"kind": "classify", "classes": ["a", "b"], "clips": 1}
    stored = {"task": {"kind": "several", "tasks": {"kinds": inner, "parts": {"kind": "segment"}}}}
    found = readable(stored)
    assert found["task"]["tasks"] == {
        "kinds": {"kind": "classify", "classes": ["a", "b"]},
        "parts": {"kind": "segment"},
    }
    assert as_before(found)["task"]["tasks"]["kinds"]["clips"] == 1 and inner["clips"] == 1


def test_a_task_that_averages_no_views_gets_none(tmp_path: Path) -> None:
    recipe = classify(manifest(tmp_path / "data").parent, changes={**TINY, "modality.voices": [0.9, 1.1]})
    assert recipe.modality.views == 2
    with pytest.raises(ConfigError, match="2 views of one input: a Segment does not average them"):
        dataclasses.replace(recipe, task=Segment(classes=("a", "b")))
