"""YOLO's text files: layouts, polygons, and one sentence with file and line for everything that is wrong."""

from __future__ import annotations

import pytest
import torch
from tiny_boxes import CLASSES, scene, yolo

from swinkit.datasets import Yolo, recognise
from swinkit.files import ConfigError, DataError


@pytest.fixture
def root(tmp_path):
    return yolo(tmp_path)


@pytest.mark.parametrize("lay", ["{split}/{kind}", "{kind}/{split}"])
def test_shares_become_pixels(tmp_path, lay):
    yolo(tmp_path, lay)
    layout = Yolo(path=str(tmp_path))
    assert recognise(tmp_path, "detect") == "yolo" and layout.splits() == ("train", "val")
    assert layout.resolved().classes == CLASSES
    for split, count in {"train": 12, "val": 4}.items():
        data = layout.open(split)
        assert len(data) == count
        for index in range(count):
            wanted = scene(int(data[index].id[1:]))[1]
            torch.testing.assert_close(data[index].target.boxes, torch.tensor([box for _, box in wanted]).float())
            assert data[index].target.labels.tolist() == [label for label, _ in wanted]


def test_plain_folders_are_train_and_classes_without_names_are_numbered(tmp_path):
    yolo(tmp_path, "{kind}", train=10)
    (tmp_path / "data.yaml").unlink()
    layout = Yolo(path=str(tmp_path))
    assert layout.splits() == ("train", "val") and layout.resolved().classes == ("class 0", "class 1")
    assert len(layout.open("train")) == 9
    (tmp_path / "classes.txt").write_text("block\nbar\n")
    assert layout.resolved().classes == CLASSES


@pytest.mark.parametrize(
    "told",
    [
        "train: train/images\nval: val/images",
        "path: ../datasets/here\ntrain: ../train/images\nval: ../val/images",
        "path: /somewhere/else\ntrain: [train/images]\nval: /content/data/val/images",
        "train: C:\\data\\train\\images\nval: val",
    ],
)
def test_a_table_may_tell_where_folders_lie_wherever_they_lay_when_it_was_written(root, told):
    (root / "data.yaml").write_text(f"{told}\nnames:\n  0: block\n  1: bar\n")
    layout = Yolo(path=str(root))
    assert layout.splits() == ("train", "val") and layout.resolved().classes == CLASSES
    assert [len(layout.open(split)) for split in layout.splits()] == [12, 4]


def test_polygons_give_boxes_and_masks(root):
    diamond, half = "0.25 0.5 0.5 0.25 0.75 0.5 0.5 0.75", "0.25 0.25 0.5 0.25 0.5 0.75 0.25 0.75"
    for index in range(12):
        (root / "train" / "labels" / f"s{index}.txt").write_text(f"1 {half}\n0 {diamond}\n")
    assert Yolo(path=str(root)).resolved().masks is True
    target = Yolo(path=str(root)).open("train")[0].target
    torch.testing.assert_close(target.boxes, torch.tensor([[10.0, 8, 20, 24], [10, 8, 30, 24]]))
    assert target.masks[0].nonzero().aminmax(dim=0).max.tolist() == [23, 19] and target.masks[0].sum() == 160
    assert 140 <= target.masks[1].sum() <= 180, "half of its box"
    assert Yolo(path=str(root), masks=False).open("train")[0].target.masks is None


def test_a_box_among_polygons_is_no_mask(root):
    (root / "train" / "labels" / "s0.txt").write_text("1 0.25 0.25 0.5 0.25 0.5 0.75 0.25 0.7\n0 0.5 0.5 0.2 0.25\n")
    assert Yolo(path=str(root)).open("train")[0].target.masks is None
    with pytest.raises(DataError, match=r"s0.txt: line 2: the thing has a box but no shape"):
        Yolo(path=str(root), masks=True).open("train")


def test_pictures_without_a_file_or_lines_are_samples(root):
    (root / "train" / "labels" / "s0.txt").write_text("\n")
    (root / "train" / "labels" / "s1.txt").unlink()
    split = Yolo(path=str(root)).open("train")
    assert len(split) == 12 and len(split[0].target) == len(split[1].target) == 0
    assert "1 pictures have no .txt file" in split.notes[0]


def test_files_without_a_picture_are_told(root):
    (root / "train" / "images" / "s0.png").unlink()
    assert "1 .txt files have no picture, first s0.txt" in Yolo(path=str(root)).open("train").notes[0]


FAULTS = {
    "class 2": ("2 0.5 0.5 0.1 0.1", "class 2: there are 2, from 0"),
    "class -1": ("-1 0.5 0.5 0.1 0.1", "wanted the number of a class, got '-1'"),
    "class 1.0": ("1.0 0.5 0.5 0.1 0.1", "wanted the number of a class, got '1.0'"),
    "class by name": ("bar 0.5 0.5 0.1 0.1", "wanted the number of a class, got 'bar'"),
    "other digits": ("١ 0.5 0.5 0.1 0.1", "wanted the number of a class"),
    "huge class": ("9" * 30 + " 0.5 0.5 0.1 0.1", "wanted the number of a class"),
    "three numbers": ("1 0.5 0.5 0.1", "3 numbers after the class"),
    "odd polygon": ("1 0.5 0.5 0.1 0.1 0.2 0.2 0.3", "7 numbers after the class"),
    "no number": ("1 0.5 0.5 0.1 x", "wanted a number, got 'x'"),
    "commas": ("1,0.5,0.5,0.1,0.1", "wanted the number of a class"),
    "NaN": ("1 nan 0.5 0.1 0.1", "wanted a number, got 'nan'"),
    "infinite": ("1 0.5 0.5 1e999 0.1", "wanted a number"),
    "pixels": ("1 20 10 8 8", "beyond 0 to 1"),
    "half outside": ("1 0.95 0.5 0.2 0.1", "beyond 0 to 1"),
    "empty box": ("1 0.5 0.5 0 0.1", "is 0 wide"),
    "crossed": ("1 0.5 0.5 0.1 -0.1", "high: both must be above 0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_by_file_and_line(root, fault):
    line, says = FAULTS[fault]
    file = root / "train" / "labels" / "s3.txt"
    file.write_text(f"0 0.5 0.5 0.1 0.1\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=says) as caught:
        Yolo(path=str(root)).open("train")
    assert caught.value.path == file and caught.value.field == "line 2" and "\n" not in str(caught.value)
    split = Yolo(path=str(root)).open("train", strict=False)
    assert len(split) == 11 and len(split.problems) == 1
    if "class" not in fault and "digits" not in fault and fault != "commas":
        kept = Yolo(path=str(root), faulty="drop").open("train") if "number" not in says else None
        assert kept is None or len(kept) == 12


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("names: [a, a]", "names: wanted a list of different names"),
        ("names: []", "names: wanted a list"),
        ("names: {0: a, 2: b}", "names: wanted the numbers 0 to 1, got"),
        ("names: [a, b]\nnc: 3", "nc: nc is 3, but there are 2 names"),
        ("names: [1, 2]", "names: wanted a list"),
        ("- a", "wanted names with values"),
        ("names: [a", "is not YAML"),
        ("a: &x [1]\nnames: *x", "aliases"),
        ("names: !!python/name:os.system", "is not YAML"),
        ("names: [a, b]\ntrain: 5", "train: wanted a folder or a list of folders, got 5"),
    ],
)
def test_a_damaged_table_is_said_with_file_and_field(root, text, says):
    (root / "data.yaml").write_text(text)
    assert Yolo.recognises(root)
    with pytest.raises(DataError, match=says) as caught:
        Yolo(path=str(root)).open("train")
    assert caught.value.path == root / "data.yaml"


def test_what_is_no_such_folder_is_said(tmp_path):
    assert not Yolo.recognises(tmp_path)
    with pytest.raises(DataError, match="does not exist; looked for data.yaml"):
        Yolo(path=str(tmp_path / "none")).open()
    with pytest.raises(ConfigError, match="holdout"):
        Yolo(path=".", holdout=2)
