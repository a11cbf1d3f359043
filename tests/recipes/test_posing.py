"""From a folder of annotated pictures to a run, its figures, and answers on disk."""

from __future__ import annotations

import csv
import json

import pytest
from pose_data import NAMES, SIZE, write
from tiny_runs import TINY

from swinkit.datasets import CocoKeypoints
from swinkit.files import ConfigError
from swinkit.recipes import from_plain, open_run, pose, to_plain, train
from swinkit.recipes.evaluation import evaluate
from swinkit.recipes.posing import SIGMA, deviation, sigmas, torso, view_size
from swinkit.recipes.predicting import predict_files

SHORT = TINY | {
    "training.steps": 2,
    "training.evaluate_every": 2,
    "modality.size": [32, 64],
}


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "data", {"train": 5, "test": 2})


def test_a_recipe_knows_points_sides_and_sizes(data):
    said: list[str] = []
    recipe = pose(data, say=said.append)
    assert recipe.task.points == tuple(NAMES) and recipe.task.pairs == ((1, 2),) and recipe.task.flip
    assert recipe.task.sigmas == (0.079, 0.1, 0.1) and recipe.task.torso == ()
    assert recipe.modality.view == "region" and recipe.modality.flip == 0.5
    assert all(side % 32 == 0 for side in recipe.modality.size)
    assert from_plain(to_plain(recipe)) == recipe
    assert any("3 points" in line for line in said)


def test_simcc_is_built_for_the_view_and_mirrors_need_sides(data):
    assert pose(data, changes={"task.decoder": "simcc", "modality.size": [64, 32]}).task.size == (64, 32)
    plain = pose(data, changes={"data.pairs": []})
    assert not plain.task.flip and plain.modality.flip == 0
    published = pose(data, model="swin_t")
    assert published.task.decoder == "deconvolutions" and published.task.channels is None
    with pytest.raises(ConfigError, match=r"task\.point: no such setting"):
        pose(data, changes={"task.point": 1})


def test_views_have_the_aspect_and_about_the_size_of_what_is_looked_at(data):
    height, width = view_size(CocoKeypoints(path=str(data), whole=True).open("train"))
    assert (height, width) == (64 * round(64 * SIZE[0] / SIZE[1] / 32) // 2, 64)
    assert sigmas(["left_knee", "tail"]) == [0.087, 0.1]
    assert torso(["Left Shoulder", "right_hip"]) == [0, 1] and torso(["left_shoulder"]) == []


def test_points_are_as_sharp_as_what_is_looked_at_is_large(data):
    regions, whole = (CocoKeypoints(path=str(data), whole=whole).open("train") for whole in (False, True))
    assert deviation(regions, (256, 192), 1.25) == round(SIGMA * 256, 2)
    left, top, right, bottom = whole[0].target.boxes[0].tolist()
    side, scale = max(right - left, bottom - top), min(1024 / SIZE[0], 1024 / SIZE[1])
    assert deviation(whole, (1024, 1024), 1.25) == pytest.approx(SIGMA * 1.25 * side * scale, rel=0.5)
    assert deviation(whole, (1024, 1024), 1.25) < SIGMA * 1024
    assert deviation(whole, (16, 16), 1.25) == 1.0


@pytest.mark.parametrize("decoder", ["deconvolutions", "simcc"])
def test_every_decoder_trains_and_is_evaluated(data, tmp_path, decoder):
    run = train(pose(data, changes={**SHORT, "task.decoder": decoder}), tmp_path / "run", quiet=True, report=False)
    assert {"pck", "rmse_px", "oks_ap"} <= set(evaluate(run.predictor, "test").figures)


def test_it_trains_evaluates_predicts_and_writes(data, tmp_path):
    run = train(pose(data, changes={**SHORT, "data.whole": True}), tmp_path / "run", quiet=True, report=False)
    assert {"pck", "rmse_px", "oks_ap"} <= set(run.evaluate("test").figures)
    assert (tmp_path / "run" / "report.html").is_file()
    done = predict_files(open_run(tmp_path / "run"), [str(data / "images")], tmp_path / "out")
    assert len(done.predictions) == 7 and not done.problems
    document = json.loads((tmp_path / "out" / "predictions-coco.json").read_text())
    assert document["categories"] == [{"id": 1, "name": "dots", "keypoints": NAMES, "skeleton": [[1, 2], [1, 3]]}]
    assert len(document["annotations"]) == 7 and len(document["annotations"][0]["keypoints"]) == 9
    rows = list(csv.DictReader((tmp_path / "out" / "keypoints.csv").open()))
    assert len(rows) == 21 and [row["point"] for row in rows[:3]] == NAMES
    assert float(rows[0]["x"]) == pytest.approx(document["annotations"][0]["keypoints"][0], abs=1e-3)
    with open(tmp_path / "out" / "predictions.json") as file:
        assert json.load(file)["predictions"][0]["objects"][0]["num_keypoints"] == 3


def test_what_was_predicted_can_be_read_as_data(data, tmp_path):
    """COCO's numbers mean the same going in and coming out."""
    run = train(pose(data, changes=SHORT), tmp_path / "run", quiet=True, report=False)
    predict_files(run.predictor, [str(data / "images")], tmp_path / "data2")
    document = (tmp_path / "data2" / "predictions-coco.json").read_text()
    (tmp_path / "data2" / "test.json").write_text(document)
    (tmp_path / "data2" / "images").symlink_to(data / "images")
    split = CocoKeypoints(path=str(tmp_path / "data2")).open("test")
    result = run.predictor(split[0].source)
    assert split[0].target.points[0, :, :2].numpy() == pytest.approx(
        result.prediction.points[0, :, :2].numpy(), abs=1e-3
    )
