"""Instance masks from a folder of polygons to written answers."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_boxes import changed, coco, document, scene, voc
from tiny_runs import TINY

import swinkit as sk
from swinkit.datasets import Coco
from swinkit.files import ConfigError, DataError
from swinkit.files.run_lengths import decoded
from swinkit.recipes.checking import check
from swinkit.recipes.completion import complete
from swinkit.recipes.plain import to_plain
from swinkit.recipes.predicting import predict_files

SMALL = TINY | {"task.depth": 1, "task.levels": 2}


def shaped(root: Path, *, splits: tuple[str, ...] = ("train", "val", "test")) -> Path:
    """The scenes with shapes: a block without a corner as a polygon, a bar as run lengths that leave its ends out."""
    coco(root)

    def draw(content: dict) -> None:
        for row in content["annotations"]:
            x, y, wide, high = row["bbox"]
            if row["category_id"] == 0:
                row["segmentation"] = [[x, y, x + wide, y, x + wide, y + 6, x + 6, y + high, x, y + high]]
            else:
                mask = np.zeros((32, 40), bool)
                mask[y : y + high, 4:36] = True
                edges = np.flatnonzero(np.diff(np.r_[False, mask.T.ravel(), False]))
                counts = np.diff([0, *edges.tolist(), mask.size]).tolist()
                row["segmentation"] = {"size": [32, 40], "counts": counts}

    for split in splits:
        changed(root / f"{split}.json", draw)
    return root


def test_shapes_in_the_data_are_enough_to_learn_masks(tmp_path):
    recipe = sk.recipes.detect(shaped(tmp_path))
    assert recipe.task.masks is recipe.data.masks is True
    assert complete(to_plain(recipe)) == recipe
    boxes = sk.recipes.detect(tmp_path, changes={"task.masks": False})
    assert boxes.task.masks is boxes.data.masks is False
    assert boxes.data.open("train")[0].target.masks is None
    with pytest.raises(ConfigError, match="task.masks"):
        sk.recipes.detect(voc(tmp_path / "voc"), changes={"task.masks": True})


def test_masks_that_are_asked_for_must_be_there(tmp_path):
    root = shaped(tmp_path)
    changed(root / "val.json", lambda c: c["annotations"][0].pop("segmentation"))
    with pytest.raises(DataError, match=r"val.json: annotations\[0\].segmentation: the thing has a box but no shape"):
        sk.recipes.detect(root)
    found = check("detect", str(root), say=str)
    assert {problem.field for problem in found.problems if problem.level == "error"} >= {"annotations[0].segmentation"}
    changed(root / "train.json", lambda c: [row.pop("segmentation") for row in c["annotations"]])
    assert sk.recipes.detect(root).task.masks is False
    with pytest.raises(DataError, match=r"train.json: annotations\[0\].segmentation"):
        sk.recipes.detect(root, changes={"task.masks": True})


def test_digit_scenes_have_masks_where_they_are_asked_for():
    for changes in ({"data.target": "instances"}, {"task.masks": True}):
        recipe = sk.recipes.detect("digit_scenes", changes={"data.counts": [4, 2, 2], **changes})
        assert recipe.task.masks and recipe.data.target == "instances"
        assert recipe.data.open("train")[0].target.masks is not None
    plain = sk.recipes.detect("digit_scenes", changes={"data.counts": [4, 2, 2]})
    assert not plain.task.masks and plain.data.target == "boxes"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    data = shaped(tmp_path_factory.mktemp("shapes"))
    changes = SMALL | {
        "task.threshold": 0.001,
        "training.steps": 12,
        "training.evaluate_every": 12,
        "modality.flip": 0.5,
    }
    return sk.train(sk.recipes.detect(data, changes=changes), tmp_path_factory.mktemp("runs") / "run", quiet=True)


def test_a_run_says_how_well_masks_and_boxes_are_found(run):
    evaluation = run.evaluate("test")
    names = {"map", "map50", "map75", "recall"}
    assert set(evaluation.figures) == names | {f"mask_{name}" for name in names} and evaluation.main == "mask_map"
    kept = json.loads((run.dir / "evaluations" / "val.json").read_text())
    assert "mask_map50" in kept["figures"] and "mask_map50" in kept["details"]["per_class"][0]
    assert "Mask mAP at 0.5" in run.report.read_text(encoding="utf-8")
    assert "val/mask_map" in (run.dir / "metrics.csv").read_text().splitlines()[0]


def test_written_answers_hold_masks_of_the_original_size_that_score_what_the_run_scored(run, tmp_path, monkeypatch):
    data = Path(run.predictor.recipe.data.path)
    files = [str(data / "images" / image["file_name"]) for image in document(4, 16)["images"]]
    predict_files(run.predictor, files, tmp_path / "out")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    from coco_files import evaluate_files

    written, figures = tmp_path / "out" / "predictions-coco.json", run.evaluate("test").figures
    for masks, begin in ((True, "mask_"), (False, "")):
        found = evaluate_files(written, data / "test.json", masks=masks)
        assert found == pytest.approx({name: figures[begin + name] for name in found}, abs=1e-6)
    sys.modules.pop("coco_files")
    content = json.loads(written.read_text())
    assert content["annotations"] and all(
        row["segmentation"]["size"] == [32, 40] and row["area"] <= 1280 for row in content["annotations"]
    )
    content["annotations"] = [row for row in content["annotations"] if row["bbox"][2] > 1 < row["bbox"][3]]
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "train.json").write_text(json.dumps(content))
    (tmp_path / "again" / "images").symlink_to(data / "images")
    again = Coco(path=str(tmp_path / "again"), masks=True, holdout=0.1).open("train")[0].target
    rows = {row["area"] for row in content["annotations"]}
    assert set(again.masks.sum((1, 2)).tolist()) <= rows, "annotation tools and swinkit read what was written"


def test_a_picture_of_another_size_gets_masks_of_its_own(run, tmp_path):
    odd = np.asarray(Image.fromarray(scene(15)[0]).resize((53, 41)))
    result = run.predict(odd)
    found = result.prediction
    assert found.masks.shape == (len(found), 41, 53) and len(found)
    for box, mask in zip(found.boxes, found.masks, strict=True):
        left, top, right, bottom = (*box[:2].floor().int().tolist(), *box[2:].ceil().int().tolist())
        assert (
            not mask[:top].any() and not mask[bottom:].any() and not mask[:, :left].any() and not mask[:, right:].any()
        )
    for thing, mask in zip(result.to_json()["objects"], found.masks, strict=True):
        np.testing.assert_array_equal(decoded(thing["segmentation"], (41, 53)), mask.numpy())
    everything = dataclasses.replace(found, sure=0.0, masks=torch.ones_like(found.masks))
    drawn = run.predictor.recipe.modality.draw(result.sample, everything)
    assert drawn.shape[0] % 41 == 0 and (drawn[-1, -1] != np.asarray(odd)[-1, -1]).any(), "the mask tints its pixels"
