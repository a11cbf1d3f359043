"""Classification from a folder to a report and predictions."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import swinkit as sk
from swinkit.files import ConfigError
from swinkit.recipes.checking import check
from swinkit.recipes.classification import PUBLISHED
from swinkit.recipes.plain import read, to_plain
from swinkit.recipes.predicting import predict_files

TINY = {
    "model.name": "swin_nano",
    "model.changes": {"depths": [1, 1], "heads": [1, 1], "width": 24, "window": [[4, 4]]},
    "task.mixup": 0.2,
    "training.batch": 8,
    "training.rate": 0.004,
    "training.precision": "fp32",
    "training.steps": 30,
    "training.evaluate_every": 15,
    "training.workers": 0,
    "training.ema": None,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Red and blue pictures."""
    root, rng = tmp_path_factory.mktemp("colours"), np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 6)):
        for name, channel in (("red", 0), ("blue", 2)):
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                picture = rng.integers(0, 90, (20, 24, 3)).astype(np.uint8)
                picture[..., channel] += 120
                Image.fromarray(picture).save(root / split / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    recipe = sk.recipes.classify(folder, changes=TINY)
    return sk.train(recipe, tmp_path_factory.mktemp("runs") / "run", quiet=True)


def test_it_learns_is_measured_and_reported(run):
    evaluation = run.evaluate("test")
    assert evaluation.main == "accuracy" and evaluation["accuracy"] > 0.9
    assert len(evaluation.scores) == 12 and all(0 <= score <= 1 for score in evaluation.scores)
    page = run.report.read_text(encoding="utf-8")
    for text in ("Accuracy", "Calibration error", "Confusion", "truth: red; prediction: red"):
        assert text in page
    assert to_plain(read(run.dir / "recipe.json"))["task"]["kind"] == "classify"


def test_predictions_are_a_table_and_pictures(run, folder, tmp_path):
    done = predict_files(run.predictor, [str(folder / "test")], tmp_path / "out")
    rows = list(csv.DictReader((tmp_path / "out" / "predictions.csv").open()))
    assert len(rows) == len(done.predictions) == 12 and not done.problems
    assert all(Path(row["file"]).is_file() and row["class"] in ("red", "blue") for row in rows)
    right = [Path(row["file"]).parent.name == row["class"] for row in rows]
    assert np.mean(right) > 0.9
    assert json.loads((tmp_path / "out" / "predictions.json").read_text()) == done.to_json()
    assert (tmp_path / "out" / done.predictions[0]["overlay"]).is_file() and "mask" not in done.predictions[0]
    result = run.predict(folder / "test" / "red" / "0.png")
    assert json.loads(result.save(tmp_path / "one.json").read_text())["class"] == result.to_json()["class"]
    with pytest.raises(ConfigError, match=r"one.png: a prediction is saved as .json"):
        result.save(tmp_path / "one.png")


def test_check_counts_samples(folder):
    found = check("classify", str(folder), say=lambda _: None)
    assert found.ok and found.splits["train"].unit == "samples" and sum(found.splits["test"].counts) == 12
    assert any("50.00% of the samples" in line for line in found.lines())


def test_tiny_pictures_get_small_patches_and_published_sizes_their_published_training(folder):
    assert sk.recipes.classify(folder).model.config().stem.size == (2, 2)
    recipe = sk.recipes.classify(folder, model="swin_t")
    assert recipe.model.config().stem.size == (4, 4)
    assert (recipe.training.epochs, recipe.training.batch, recipe.training.clip) == (300, 1024, 5)
    assert (recipe.task.mixup, recipe.task.cutmix, recipe.task.smoothing) == (0.8, 1.0, 0.1)
    assert recipe.modality.mean == PUBLISHED["modality"]["mean"]
