"""Detection from a folder of boxes to written answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_boxes import CLASSES, coco, document, scene, voc, yolo
from tiny_runs import TINY, digest

import swinkit as sk
from swinkit.cli.main import main
from swinkit.recipes.completion import complete
from swinkit.recipes.plain import to_plain
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import open_run

SMALL = TINY | {"task.depth": 1, "task.levels": 2}


@pytest.mark.parametrize("form", [coco, voc, yolo])
def test_naming_a_folder_is_enough(tmp_path, form):
    recipe = sk.recipes.detect(form(tmp_path))
    assert sorted(recipe.task.classes) == sorted(CLASSES) and recipe.data.classes == recipe.task.classes
    assert recipe.model.name == "swin_nano" and recipe.modality.size is None and recipe.modality.scale == 1
    assert complete(to_plain(recipe)) == recipe


def test_digit_scenes_are_asked_for_their_boxes():
    recipe = sk.recipes.detect("digit_scenes", changes={"data.counts": [4, 2, 2]})
    assert recipe.data.target == "boxes" and recipe.task.classes == tuple("0123456789")
    assert (recipe.modality.flip, recipe.training.rate) == (0, 3e-3)


def test_large_pictures_are_reduced_and_those_of_mixed_sizes_are_seen_at_one(tmp_path):
    coco(tmp_path, train=10)
    for index in range(10):
        Image.fromarray(scene(index)[0]).resize((800, 640)).save(tmp_path / "images" / f"s{index}.png")
    content = document(10)
    for image in content["images"]:
        image.update(width=800, height=640)
    (tmp_path / "train.json").write_text(json.dumps(content))
    assert sk.recipes.detect(tmp_path).modality.scale == 0.4
    assert sk.recipes.detect(tmp_path, model="swin_t").modality.scale == 0.8
    for index in range(0, 10, 2):
        Image.fromarray(scene(index)[0]).resize((600, 900)).save(tmp_path / "images" / f"s{index}.png")
        content["images"][index].update(width=600, height=900)
    (tmp_path / "train.json").write_text(json.dumps(content))
    modality = sk.recipes.detect(tmp_path).modality
    assert max(modality.size) <= 320 and all(side % 32 == 0 for side in modality.size) and 200 < modality.shorter < 260


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    data = coco(tmp_path_factory.mktemp("boxes"))
    changes = SMALL | {"training.steps": 12, "training.evaluate_every": 12, "modality.flip": 0.0}
    return sk.train(sk.recipes.detect(data, changes=changes), tmp_path_factory.mktemp("runs") / "run", quiet=True)


def test_a_run_is_trained_measured_and_reported(run):
    assert run.report.is_file()
    evaluation = run.evaluate("test")
    assert set(evaluation.figures) == {"map", "map50", "map75", "recall"} and evaluation.main == "map"
    assert [row["name"] for row in evaluation.details["per_class"]] == list(CLASSES)
    assert len(evaluation.scores) == 4
    text = run.report.read_text(encoding="utf-8")
    assert "mAP at 0.5" in text and "block" in text


def test_answers_are_written_as_coco_reads_them_and_score_what_the_run_scored(run, tmp_path):
    data = Path(run.predictor.recipe.data.path)
    content = json.loads((data / "test.json").read_text())
    files = [str(data / "images" / image["file_name"]) for image in content["images"]]
    done = predict_files(run.predictor, files, tmp_path / "out")
    assert not done.problems and len(done.predictions) == 4
    written = json.loads((tmp_path / "out" / "predictions-coco.json").read_text())
    assert [category["name"] for category in written["categories"]] == list(CLASSES)
    assert written["annotations"] and {"bbox", "score", "category_id"} <= set(written["annotations"][0])
    assert all((tmp_path / "out" / entry["overlay"]).is_file() for entry in done.predictions)
    found = run.predict(scene(14)[0])
    assert found.draw().dtype == np.uint8 and found.to_json()["size"] == [32, 40]


def test_a_trained_run_is_asked_in_another_way(run, tmp_path, capsys):
    before = digest(run.dir)
    found = sk.evaluate(run, split="val", changes={"task.flip": True, "task.window": [16, 24]})
    assert set(found.figures) == {"map", "map50", "map75", "recall"} and digest(run.dir) == before
    file = next(Path(run.recipe.data.path).glob("images/*.png"))
    words = ["predict", str(run.dir), str(file), "--out", str(tmp_path / "out")]
    assert main([*words, "--set", "task.window=[16,24]", "--set", "task.threshold=0"]) == 0
    (entry,) = json.loads((tmp_path / "out" / "predictions.json").read_text())["predictions"]
    assert len(entry["objects"]) > run.recipe.task.most, "of several windows, each thing that may be one"
    assert main([*words, "--set", "task.channels=8"]) == 2
    assert "task.channels: is no setting that a trained run takes" in capsys.readouterr().err


def test_the_largest_thing_is_known(tmp_path):
    assert sk.recipes.detect(coco(tmp_path)).task.largest == (12, 40)


def test_the_threshold_chosen_on_validation_is_what_predictions_use(run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run.dir, copy)
    kept = json.loads((copy / "evaluations" / "val.json").read_text())
    kept["details"]["chosen"] = {"sure": 0.61}
    (copy / "evaluations" / "val.json").write_text(json.dumps(kept))
    assert open_run(copy).recipe.task.sure == 0.61
    asked = json.loads((copy / "recipe.json").read_text())
    asked["task"]["sure"] = 0.9  # said by the user
    (copy / "recipe.json").write_text(json.dumps(asked))
    assert open_run(copy, checkpoint="best").recipe.task.sure == 0.9
