"""COCO keypoint folders: where things are found, and one sentence for everything that is wrong."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pose_data import NAMES, document, scene, write
from pydantic import TypeAdapter

from swinkit.datasets import CocoKeypoints, recognise
from swinkit.datasets.keypoint_file import mirrored
from swinkit.files import ConfigError, DataError
from swinkit.files.pictures import read_picture


@pytest.fixture
def root(tmp_path) -> Path:
    return write(tmp_path, {"train": 6, "val": 2, "test": 3})


def changed(root: Path, change) -> Path:
    """The training file after `change(content)`."""
    content = json.loads((root / "train.json").read_text())
    change(content)
    (root / "train.json").write_text(json.dumps(content))
    return root


@pytest.mark.parametrize("tar", [False, True])
def test_pictures_lie_in_folders_or_in_plain_tars(tmp_path, tar):
    write(tmp_path, {"train": 4, "test": 3}, tar=tar)
    shutil.rmtree(tmp_path / "loose", ignore_errors=True)
    assert recognise(tmp_path, "pose") == "coco_keypoints"
    layout = CocoKeypoints(path=str(tmp_path))
    assert layout.splits() == ("train", "val", "test")
    split = layout.open("test")
    assert len(split) == 3 and split.classes == ("dots",)
    for index in range(3):
        record, (picture, points) = split[index], scene(4 + index)
        np.testing.assert_array_equal(read_picture(record.source), picture)
        wanted = np.array(points, np.float32).reshape(3, 3) + np.float32([0.5, 0.5, 0])
        np.testing.assert_array_equal(record.target.points[0].numpy(), wanted)


def test_the_original_folders_of_coco_are_found(tmp_path):
    content, pictures = document(2)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "train2017").mkdir()
    (tmp_path / "annotations/person_keypoints_train2017.json").write_text(json.dumps(content))
    for image, picture in zip(content["images"], pictures, strict=True):
        Image.fromarray(picture).save(tmp_path / "train2017" / image["file_name"])
    record = CocoKeypoints(path=str(tmp_path)).open("train")[0]
    assert record.source.parent.name == "train2017" and record.source.is_file()


def test_a_record_is_one_thing_with_the_padded_box_to_look_at(root):
    split = CocoKeypoints(path=str(root), padding=1.5).open("train")
    record = split[0]
    left, top, right, bottom = record.target.boxes[0].tolist()
    wide, high = (right - left) / 4, (bottom - top) / 4
    assert record.region == pytest.approx((left - wide, top - high, right + wide, bottom + high))
    assert record.id == "p0-0" and record.target.pairs == ((1, 2),)
    assert float(record.target.areas[0]) == pytest.approx((right - left) * (bottom - top))
    assert CocoKeypoints(path=str(root), whole=True).open("train")[0].region is None


def test_people_in_one_picture_are_records_of_their_own_and_stay_on_one_side(tmp_path):
    write(tmp_path, {"train": 10})

    def double(content):
        content["annotations"] += [{**row, "id": row["id"] + 100} for row in content["annotations"]]

    changed(tmp_path, double)
    layout = CocoKeypoints(path=str(tmp_path), holdout=0.3)
    train, val = layout.open("train"), layout.open("val")
    sides = [{split[index].source for index in range(len(split))} for split in (train, val)]
    assert (len(train), len(val)) == (14, 6) and not sides[0] & sides[1]
    assert len({train[index].id for index in range(14)}) == 14
    assert "3 of 10 training samples" in val.notes[0]


def test_what_has_no_labelled_point_is_passed_over_and_crowds_too(root):
    def empty(content):
        content["annotations"][0] |= {"keypoints": [0] * 9, "num_keypoints": 0}
        content["annotations"][1] |= {"iscrowd": 1}

    split = CocoKeypoints(path=str(changed(root, empty))).open("train")
    assert len(split) == 4 and "1 annotations have no labelled point" in split.notes[0]


def test_a_missing_box_is_that_of_the_points(root):
    record = CocoKeypoints(path=str(changed(root, lambda c: c["annotations"][0].pop("bbox")))).open("train")[0]
    xy = record.target.points[0, :, :2]
    wanted = [*(xy.amin(0) - 0.5).tolist(), *(xy.amax(0) + 0.5).tolist()]
    assert record.target.boxes[0].tolist() == pytest.approx(wanted)


def test_a_resolved_layout_survives_json_and_keeps_its_points(root):
    layout = CocoKeypoints(path=str(root)).resolved()
    assert (layout.category, layout.points, layout.skeleton) == ("dots", tuple(NAMES), ((0, 1), (0, 2)))
    assert TypeAdapter(CocoKeypoints).validate_json(json.dumps(asdict(layout)), strict=True) == layout
    assert layout.resolved() is layout
    changed(root, lambda c: c["categories"][0].update(keypoints=["a", "b", "c"]))
    with pytest.raises(DataError, match=r"train\.json: categories: has the points a, b, c, wanted are head"):
        layout.open("train")


def test_left_and_right_are_told_by_names():
    assert mirrored(["nose", "left_eye", "right_eye"]) == ((1, 2),)
    assert mirrored(["rightear", "leftear", "tail"]) == ((0, 1),)
    assert mirrored(["l_knee", "r_knee", "knee.L", "knee.R", "lip"]) == ((0, 1), (2, 3))
    assert mirrored(["a", "b", "left_only"]) == ()


def put(key, index, **values):
    return lambda content: content[key][index].update(values)


FAULTS = [
    (put("annotations", 0, keypoints=[1, 2]), r"annotations\[0\]\.keypoints: wanted 9 numbers \(3 points"),
    (put("annotations", 0, keypoints=[1] * 8 + ["2"]), r"annotations\[0\]\.keypoints: '2' is no number"),
    (put("annotations", 0, keypoints=[1, 1, 3] * 3), r"keypoints: visibility 3: wanted 0, 1 or 2"),
    (put("annotations", 0, num_keypoints=1), r"keypoints: num_keypoints is 1, but 3 are labelled"),
    (put("annotations", 0, bbox=[9, 9, -3, 5]), r"annotations\[0\]\.bbox: is -3 wide and 5 high"),
    (put("annotations", 0, bbox=[9, 9, 0, 5]), r"annotations\[0\]\.bbox: is 0 wide"),
    (put("annotations", 0, bbox=[9, 9, 5]), r"bbox: wanted left, top, width and height"),
    (put("annotations", 0, bbox=[9, 9, True, 5]), r"bbox: True is no number"),
    (put("annotations", 0, bbox=[9, 9, 1e300, 5]), r"bbox: 1e\+300 is no place in a picture"),
    (put("annotations", 0, bbox=[64, 9, 5, 5]), r"bbox: lies outside of p0\.png"),
    (put("annotations", 1, id=0), r"annotations\[1\]\.id: 0 is the id of another annotation too"),
    (put("annotations", 0, id="a"), r"annotations\[0\]\.id: wanted a whole number"),
    (put("annotations", 0, image_id=99), r"annotations\[0\]\.image_id: 99 is the id of no image"),
    (put("images", 1, id=0), r"images\[1\]\.id: 0 is the id of another image too"),
    (put("images", 1, file_name="p0.png"), r"images\[1\]\.file_name: p0\.png is there twice"),
    (put("images", 0, file_name="../p0.png"), r"images\[0\]\.file_name: '\.\./p0\.png' is no name in a folder"),
    (put("images", 0, file_name="gone.png"), r"images\.file_name: gone\.png is missing: looked in images"),
]


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_a_fault_names_file_and_field_and_stops_only_what_is_strict(root, change, message):
    layout = CocoKeypoints(path=str(changed(root, change)))
    with pytest.raises(DataError, match=rf"train\.json: .*{message}"):
        layout.open("train")
    split = layout.open("train", strict=False)
    assert 4 <= len(split) <= 5 and split.problems
    assert all(split[index].source.is_file() for index in range(len(split)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("images"), r"images: wanted a list, got nothing"),
        (lambda c: c["categories"].clear(), r"categories: none has keypoints"),
        (
            lambda c: c["categories"].append({**c["categories"][0], "name": "more"}),
            r"categories: dots, more have keypoints: name one \(data\.category\)",
        ),
        (put("categories", 0, keypoints=["a", "a"]), r"categories\[0\]\.keypoints: wanted different names"),
        (put("categories", 0, skeleton=[[0, 1]]), r"categories\[0\]\.skeleton: wanted pairs of 1 to 3"),
        (lambda c: c["annotations"].insert(0, 7), r"annotations\[0\]: wanted an object, got 7"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_named(root, change, message):
    with pytest.raises(DataError, match=rf"train\.json: {message}"):
        CocoKeypoints(path=str(changed(root, change))).open("train")


def test_numbers_that_are_not_finite_are_refused(root):
    text = (root / "train.json").read_text().replace('"area": ', '"area": NaN, "x": ', 1)
    (root / "train.json").write_text(text)
    with pytest.raises(DataError, match=r"train\.json: NaN is not a finite number"):
        CocoKeypoints(path=str(root)).open("train")


def test_a_picture_of_another_size_than_annotated_is_named(root):
    Image.new("RGB", (32, 24)).save(root / "images/p0.png")
    split = CocoKeypoints(path=str(root)).open("train")
    with pytest.raises(DataError, match=r"p0\.png: width, height: the annotations are for 64x48 px, it has 32x24"):
        split[0]


def test_settings_that_cannot_be_are_refused(root):
    for wrong, message in (
        ({"holdout": 1.0}, "holdout"),
        ({"padding": 0.0}, "padding"),
        ({"points": ("a", "b"), "pairs": ((0, 2),)}, "pairs"),
    ):
        with pytest.raises(ConfigError, match=message):
            CocoKeypoints(path=str(root), **wrong)
    with pytest.raises(ConfigError, match="did you mean 'dots'"):
        CocoKeypoints(path=str(root), category="dotts").resolved()
    with pytest.raises(DataError, match="looked for"):
        CocoKeypoints(path=str(root / "images")).open("train")
    assert not CocoKeypoints.recognises(root / "images")
