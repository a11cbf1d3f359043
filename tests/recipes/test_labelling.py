"""Predicted, corrected, learnt from: without a step in between."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pose_data import write
from rectangles import finder
from tiny_boxes import changed, coco
from tiny_runs import TINY, scene, trained

import swinkit as sk
from swinkit.cli.main import main
from swinkit.files import ConfigError
from swinkit.recipes.labelling import doubt, label_files
from swinkit.recipes.predictor import Predictor, open_run
from swinkit.tasks import Classify
from swinkit.types import ClassScores, Detections, Keypoints, LabelMap

SHORT = TINY | {"training.steps": 2, "training.evaluate_every": 2}


@pytest.fixture
def pictures(tmp_path) -> Path:
    (tmp_path / "new" / "more").mkdir(parents=True)
    for index, name in enumerate(("a.png", "b.PNG", "more/a.png", "c.jpg")):
        Image.fromarray(scene(index)[0]).save(tmp_path / "new" / name)
    (tmp_path / "new" / "bad.png").write_bytes(b"no picture")
    return tmp_path / "new"


def record(recipe, name):
    """The sample of that name in train or val, and how many there are."""
    every = [data[index] for data in map(recipe.data.open, ("train", "val")) for index in range(len(data))]
    (found,) = [each for each in every if Path(each.source).stem == name]
    return found, len(every)


def review(folder: Path) -> list[dict[str, str]]:
    rows = list(csv.DictReader((folder / "review.csv").open()))
    doubts = [float(row["doubt"]) for row in rows]
    assert doubts == sorted(doubts, reverse=True) and all(0 <= value <= 1 for value in doubts)
    return rows


def test_masks_are_predicted_corrected_and_learnt(pictures, tmp_path):
    out = tmp_path / "data"
    assert main(["predict", str(trained()), str(pictures), "--out", str(out), "--as-data"]) == 2, "one file is bad"
    names = ("new-a.png", "b.png", "more-a.png", "c.jpg")
    assert {row["file"] for row in review(out)} == {f"images/{name}" for name in names}
    with Image.open(out / "labels" / "c.png") as opened:
        mask = opened.copy()
    assert np.array_equal(np.asarray(mask), open_run(trained())(pictures / "c.jpg").labels)
    mask.putpixel((3, 5), 1 - min(1, mask.getpixel((3, 5))))
    mask.save(out / "labels" / "c.png")
    recipe = sk.recipes.segment(out, changes=SHORT)
    assert recipe.task.classes == open_run(trained()).recipe.task.classes
    found, count = record(recipe, "c")
    assert count == 4 and np.array_equal(found.target.read(), np.asarray(mask))
    assert sk.train(recipe, tmp_path / "again", quiet=True, report=False).dir.is_dir()


def test_boxes_are_predicted_corrected_and_learnt(pictures, tmp_path):
    first = sk.recipes.detect(coco(tmp_path / "boxes"), changes=SHORT | {"task.depth": 1, "task.levels": 2})
    run = sk.train(first, tmp_path / "run", quiet=True, report=False)
    ready = open_run(run.dir, changes={"task.sure": 0.0, "task.most": 3, "task.threshold": 0.0})
    out = tmp_path / "data"
    done = label_files(ready, [str(pictures)], out)
    assert len(done.problems) == 1 and "bad.png" in str(done.problems[0]) and len(review(out)) == 4
    document = json.loads((out / "train.json").read_text())
    assert [c["name"] for c in document["categories"]] == list(first.task.classes)
    assert document["annotations"] and all("score" in row for row in document["annotations"])
    image = next(row["id"] for row in document["images"] if row["file_name"] == "c.jpg")

    def correct(content):
        rows = [row for row in content["annotations"] if row["image_id"] != image]
        content["annotations"] = [*rows, {"id": 999, "image_id": image, "category_id": 2, "bbox": [4, 6, 10, 12]}]

    changed(out / "train.json", correct)
    recipe = sk.recipes.detect(out, changes=SHORT | {"task.depth": 1, "task.levels": 2})
    assert recipe.task.classes == first.task.classes
    found, count = record(recipe, "c")
    assert count == 4 and found.target.boxes.tolist() == [[4, 6, 14, 18]] and found.target.labels.tolist() == [1]
    other, _ = record(recipe, "b")
    torch.testing.assert_close(other.target.boxes, ready(pictures / "b.PNG").prediction.boxes, atol=1e-4, rtol=0)
    assert sk.train(recipe, tmp_path / "again", quiet=True, report=False).dir.is_dir()


def test_points_are_predicted_corrected_and_learnt(pictures, tmp_path):
    size = {"modality.size": [32, 64]}
    first = sk.recipes.pose(write(tmp_path / "points", {"train": 5, "test": 2}), changes=SHORT | size)
    run = sk.train(first, tmp_path / "run", quiet=True, report=False)
    out = tmp_path / "data"
    label_files(run.predictor, [str(pictures)], out)

    def correct(content):
        for row in content["annotations"]:
            row["keypoints"][3:6] = [7.0, 9.5, 2]

    changed(out / "train.json", correct)
    recipe = sk.recipes.pose(out, changes=SHORT | size)
    assert (recipe.data.category, recipe.task.points) == (first.data.category, first.task.points)
    assert recipe.task.skeleton == first.task.skeleton and recipe.task.pairs == first.task.pairs
    found, count = record(recipe, "c")
    assert count == 4 and found.target.points[0, 1].tolist() == [7.5, 10, 2]
    asked = run.predictor(pictures / "c.jpg").prediction.points[0, [0, 2], :2]
    torch.testing.assert_close(found.target.points[0, [0, 2], :2], asked, atol=1e-4, rtol=0)
    assert {row["about"].split()[0] for row in review(out)} <= set(first.task.points)
    assert sk.train(recipe, tmp_path / "again", quiet=True, report=False).dir.is_dir()


class Shade(torch.nn.Module):
    """A model that knows dark pictures from light ones."""

    def forward(self, grid: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
        light = grid.mean((1, 2, 3))
        return torch.stack([-light, light], 1)


def test_classes_become_folders(tmp_path):
    (tmp_path / "new").mkdir()
    for index, value in enumerate((20, 60, 120, 200, 240)):
        Image.fromarray(np.full((9, 12, 3), value, np.uint8)).save(tmp_path / "new" / f"{index}.png")
    recipe = replace(finder().recipe, task=Classify(classes=("dark", "light")))
    out = tmp_path / "data"
    label_files(Predictor(recipe, Shade().eval(), torch.device("cpu")), [str(tmp_path / "new")], out)
    assert review(out)[0]["file"] == "dark/2.png", "the one in the middle"
    (out / "dark" / "2.png").rename(out / "light" / "2.png")
    learnt = sk.recipes.classify(out)
    assert learnt.task.classes == ("dark", "light")
    every = [data[index] for data in map(learnt.data.open, ("train", "val")) for index in range(len(data))]
    found = {Path(each.source).stem: each.target for each in every}
    assert found == {"0": 0, "1": 0, "2": 1, "3": 1, "4": 1}


def test_doubt_is_greatest_where_a_glance_helps_most():
    def found(*scores: float) -> Detections:
        count = len(scores)
        return Detections(
            id="x", boxes=torch.zeros(count, 4), labels=torch.arange(count) % 2, scores=torch.tensor(scores),
            classes=("cat", "dog"), size=(9, 9), sure=0.25,
        )  # fmt: skip

    assert doubt(found(0.99, 0.3)) == (pytest.approx(0.7 / 0.75), "dog 0.30")
    assert doubt(found(0.2)) == (pytest.approx(0.8), "cat 0.20") and doubt(found()) == (0, "nothing found")
    points = Keypoints(
        id="x", points=torch.tensor([[[1.0, 1, 0.9], [2, 2, 0.4]]]), boxes=torch.zeros(1, 4), names=("head", "tail"),
        skeleton=(), size=(9, 9),
    )  # fmt: skip
    assert doubt(points) == (pytest.approx(0.6), "tail 0.40")
    classes = ClassScores(id="x", scores=torch.tensor([0.4, 0.6]), classes=("cat", "dog"))
    assert doubt(classes) == (pytest.approx(0.4), "dog 0.60, cat 0.40")
    labels, scores = torch.zeros(1, 2, dtype=torch.int64), torch.tensor([[0.4, 1.0]])
    cells = LabelMap(id="x", labels=labels, classes=("a", "b"), scores=scores)
    assert doubt(cells) == (pytest.approx(0.3), "50.0% of the cells below 0.5")


def test_what_cannot_be_labelled_is_said(pictures, tmp_path, capsys):
    with pytest.raises(ConfigError, match="a data set is written into a new folder"):
        label_files(finder(), [str(pictures)], pictures)
    (tmp_path / "walk.mp4").write_bytes(b"film")
    done = label_files(finder(), [str(pictures / "a.png"), str(tmp_path / "walk.mp4")], tmp_path / "data")
    assert len(done.predictions) == 1 and "walk.mp4: is no picture of moderate size" in str(done.problems[0])
    words = ["predict", str(trained()), str(pictures), "--out", str(tmp_path / "out"), "--as-data", "--track"]
    assert main(words) == 2 and "leave --track" in capsys.readouterr().err
