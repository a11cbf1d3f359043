"""Scenes of several things: found by one run, posed by another."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Picture
from pose_data import write
from rectangles import finder
from tiny_boxes import coco
from tiny_runs import TINY, trained

import swinkit as sk
from swinkit.cli.main import main
from swinkit.datasets import CocoKeypoints
from swinkit.engine import Training
from swinkit.files import ConfigError
from swinkit.modalities import Image
from swinkit.recipes import ModelChoice, Predictor, Recipe, Scenes
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.tracking import Tracking
from swinkit.tasks import Pose
from swinkit.types import Record

PLACES = {(40, 50): (0.3, 0.6), (130, 120): (0.7, 0.2), (30, 200): (0.5, 0.5)}
"""Top left corners of squares of 48 px, and where in each its dot is, down and across."""
SIDE = 48


class Brightest(torch.nn.Module):
    """A model whose one map is how green its view is."""

    def forward(self, grid: torch.Tensor, valid: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        return {"logits": 4 * grid[:, 1:2]}


def poser(**data: object) -> Predictor:
    recipe = Recipe(
        task=Pose(points=("dot",), sigma=2.0),
        data=CocoKeypoints(path="dots", category="square", points=("dot",), pairs=(), skeleton=(), **data),
        model=ModelChoice(name="swin_nano"),
        modality=Image(size=(96, 80), view="region"),
        training=Training(steps=1),
    )
    return Predictor(recipe, Brightest().eval(), torch.device("cpu"))


def scene(shift: float = 0.0) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Squares with a soft green dot each, and x and y of the dots; the third square is blue."""
    picture = np.zeros((200, 280, 3), np.float64)
    rows, columns = np.mgrid[:200, :280] + 0.5
    dots = []
    for index, ((top, left), (down, across)) in enumerate(PLACES.items()):
        left = left + round(shift)
        picture[top : top + SIDE, left : left + SIDE, 2 if index == 2 else 0] = 255
        y, x = top + down * SIDE, left + across * SIDE
        picture[..., 1] += 255 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 5**2))
        dots.append((x, y))
    return picture.clip(0, 255).astype(np.uint8), dots


def test_points_of_everything_that_is_found_lie_in_the_scene():
    picture, dots = scene()
    found = Scenes(finder(), poser(padding=1.3))(picture).prediction
    assert len(found) == 3 and found.size == (200, 280)
    wanted = sorted(dots)
    for (x, y, score), dot in zip(sorted(found.points[:, 0].tolist()), wanted, strict=True):
        assert (x, y) == pytest.approx(dot, abs=0.4) and 0 < score <= 1
    corners = sorted([left, top, left + SIDE, top + SIDE] for top, left in PLACES)
    assert sorted(found.boxes.tolist()) == corners
    alone = poser()
    for box, points in zip(found.boxes.tolist(), found.points, strict=True):
        grown = (box[0] - 0.15 * SIDE, box[1] - 0.15 * SIDE, box[2] + 0.15 * SIDE, box[3] + 0.15 * SIDE)
        modality = alone.recipe.modality
        (asked,) = alone.predict([modality.standard(modality.read(Record(id="a", source=picture, region=grown)))])
        torch.testing.assert_close(points, asked.points[0])


def test_only_what_was_asked_for_and_is_sure_is_posed():
    picture, dots = scene()
    (point,) = Scenes(finder(), poser(), of=["blue"])(picture).prediction.points[:, 0].tolist()
    assert point[:2] == pytest.approx(dots[2], abs=0.4)
    none = Scenes(finder(sure=0.99), poser())(picture)
    assert none.prediction.points.shape == (0, 1, 3) and none.draw().shape == picture.shape


def test_scenes_are_written_as_coco_a_table_and_overlays(tmp_path):
    picture, dots = scene()
    Picture.fromarray(picture).save(tmp_path / "scene.png")
    Picture.fromarray(np.zeros((60, 60, 3), np.uint8)).save(tmp_path / "empty.png")
    done = predict_files(Scenes(finder(), poser()), [str(tmp_path)], tmp_path / "out")
    assert not done.problems
    document = json.loads((tmp_path / "out" / "predictions-coco.json").read_text())
    assert document["categories"] == [{"id": 1, "name": "square", "keypoints": ["dot"], "skeleton": []}]
    assert [row["num_keypoints"] for row in document["annotations"]] == [1, 1, 1]
    places = [tuple(np.array(row["keypoints"][:2]) + 0.5) for row in document["annotations"]]
    np.testing.assert_allclose(sorted(places), sorted(dots), atol=0.4)
    rows = list(csv.DictReader((tmp_path / "out" / "keypoints.csv").open()))
    assert [row["thing"] for row in rows] == ["0", "1", "2"] and {row["point"] for row in rows} == {"dot"}
    things = done.predictions[1]["objects"]
    assert {thing["class"] for thing in things} == {"red", "blue"} and all(0 < t["score"] <= t["found"] for t in things)
    with Picture.open(tmp_path / "out" / "scene-overlay.png") as overlay:
        assert overlay.size == (280, 200) and np.asarray(overlay).shape == picture.shape
        assert not np.array_equal(np.asarray(overlay), picture)


def test_in_films_everyone_keeps_a_number(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "walk.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (280, 200))
    for time in range(6):
        writer.write(cv2.cvtColor(scene(4 * time)[0], cv2.COLOR_RGB2BGR))
    writer.release()
    ready = Scenes(finder(), poser())
    tracking = Tracking(sure=0.3)
    done = predict_files(ready, [str(tmp_path / "walk.mp4")], tmp_path / "out", tracking=tracking)
    assert not done.problems and done.predictions[0]["frames"] == 6
    lines = [json.loads(line) for line in (tmp_path / "out" / "walk.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines[:2]] == ["walk-000000", "walk-000001"]
    assert all([thing["track"] for thing in line["objects"]] == [1, 2, 3] for line in lines)
    first = {thing["track"]: thing["keypoints"][0] for thing in lines[0]["objects"]}
    last = {thing["track"]: thing["keypoints"][0] for thing in lines[-1]["objects"]}
    assert all(last[track] - first[track] == pytest.approx(20, abs=2) for track in first)
    assert len(list(csv.DictReader((tmp_path / "out" / "walk-tracks.csv").open()))) == 18
    plain = predict_files(ready, [str(tmp_path / "walk.mp4")], tmp_path / "plain")
    assert not plain.problems and len((tmp_path / "plain" / "walk.jsonl").read_text().splitlines()) == 6


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of each task, hardly trained."""
    place = tmp_path_factory.mktemp("runs")
    short = TINY | {"training.steps": 2, "training.evaluate_every": 2}
    detect = sk.recipes.detect(coco(place / "boxes"), changes=short | {"task.depth": 1, "task.levels": 2})
    points = write(place / "points", {"train": 5, "test": 2})
    posing = sk.recipes.pose(points, changes=short | {"modality.size": [32, 64]})
    for name, recipe in (("detect", detect), ("pose", posing)):
        sk.train(recipe, place / name, quiet=True, report=False)
    return place


def test_the_command_takes_both_runs_and_names_the_wrong_ones(runs, tmp_path, capsys):
    picture = next((runs / "boxes" / "images").glob("*.png"))
    words = ["predict", str(runs / "detect"), str(picture), "--out", str(tmp_path / "out")]
    sure = ["--set", "task.sure=0", "--set", "task.most=3"]
    assert main([*words, "--pose", str(runs / "pose"), "--pose-of", "block", *sure]) == 0
    (entry,) = json.loads((tmp_path / "out" / "predictions.json").read_text())["predictions"]
    assert {thing["class"] for thing in entry["objects"]} <= {"block"}
    for change, says in (
        (["--pose", str(runs / "detect")], "a run of detect came where one of pose was wanted"),
        (["--pose", str(runs / "pose"), "--pose-of", "blok"], "finds no 'blok': did you mean 'block'?"),
        (["--pose-of", "block"], "--pose-of: say which run poses them with --pose RUN"),
    ):
        assert main([*words, *change]) == 2
        assert says in capsys.readouterr().err
    with pytest.raises(ConfigError, match="a run of segment came where one of detect was wanted"):
        sk.recipes.open_scenes(trained(), runs / "pose")
    whole = poser()
    whole.recipe = replace(whole.recipe, data=replace(whole.recipe.data, whole=True))
    with pytest.raises(ConfigError, match="looks at whole pictures"):
        Scenes(finder(), whole)


def test_an_input_that_the_run_cannot_do_stops_none_of_the_others(tmp_path, capsys):
    """A film to be followed by a run that finds no things, beside a picture."""
    picture = scene()[0]
    Picture.fromarray(picture).save(tmp_path / "scene.png")
    writer = cv2.VideoWriter(str(tmp_path / "walk.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (280, 200))
    writer.write(picture)
    writer.release()
    files = [str(tmp_path / name) for name in ("walk.mp4", "scene.png")]
    assert main(["predict", str(trained()), *files, "--out", str(tmp_path / "out"), "--track"]) == 2
    assert "walk.mp4: --track follows things" in capsys.readouterr().err
    written = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [entry["id"] for entry in written["predictions"]] == ["scene"]
    assert [problem["file"] for problem in written["problems"]] == [files[0]]
    assert not list((tmp_path / "out").glob("walk*"))
