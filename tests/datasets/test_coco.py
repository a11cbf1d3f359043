"""COCO files: every layout, and one sentence with file and field for everything that is wrong."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from PIL import Image
from tiny_boxes import CLASSES, changed, coco, document, pictures, scene

from swinkit.datasets import Coco, recognise
from swinkit.files import ConfigError, DataError


@pytest.fixture
def root(tmp_path):
    return coco(tmp_path)


def note(**values):
    """Change the fourth annotation."""
    return lambda c: c["annotations"][3].update(values)


def test_boxes_are_edges_in_pixels_and_classes_follow_the_ids(root):
    layout = Coco(path=str(root))
    assert recognise(root, "detect") == "coco" and layout.resolved().classes == CLASSES
    assert layout.splits() == ("train", "val", "test")
    record = layout.open("train")[2]
    assert record.id == "s2" and record.source == root / "images" / "s2.png"
    wanted = scene(2)[1]
    assert record.target.boxes.tolist() == [list(box) for _, box in wanted]
    assert record.target.labels.tolist() == [label for label, _ in wanted]
    assert not record.target.crowd.any() and record.target.masks is None
    assert (record.target.boxes.dtype, record.target.labels.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("annotations/instances_{0}2017.json", "{0}2017"),
        ("annotations/instances_{0}2017.json", "images/{0}2017"),
        ("annotations/instances_{0}.json", "images/{0}"),
        ("annotations/instances_{0}.json", "images"),
        ("{0}.json", "images/{0}"),
        ("instances_{0}.json", "images"),
        ("{0}/_annotations.coco.json", "{0}"),
    ],
)
def test_every_layout_is_found(tmp_path, file, folder):
    for place, (split, count) in enumerate({"train": 4, "val": 2}.items()):
        pictures(tmp_path / folder.format(split), count, 10 * place)
        target = tmp_path / file.format(split)
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_text(json.dumps(document(count, 10 * place)))
    layout = Coco(path=str(tmp_path))
    assert Coco.recognises(tmp_path) and layout.splits() == ("train", "val")
    assert [layout.open(split)[0].source.parent for split in layout.splits()] == [
        tmp_path / folder.format(split) for split in layout.splits()
    ]


def test_a_single_file_is_train_and_validation_is_held_out_of_it(tmp_path):
    pictures(tmp_path / "images", 20)
    (tmp_path / "boxes.json").write_text(json.dumps(document(20)))
    layout = Coco(path=str(tmp_path), holdout=0.2)
    train, val = layout.open("train"), layout.open("val")
    ids = [{data[i].id for i in range(len(data))} for data in (train, val)]
    assert len(ids[1]) == 4 and not ids[0] & ids[1] and "no val split" in train.notes[0]
    assert ids == [{data[i].id for i in range(len(data))} for data in (layout.open("train"), layout.open("val"))]


def test_pictures_without_things_are_samples_and_crowds_are_told(root):
    changed(root / "train.json", lambda c: (c["annotations"].__delitem__(slice(4, 6)), note(iscrowd=1)(c)))
    split = Coco(path=str(root)).open("train")
    assert len(split) == 12 and len(split[2].target) == 0 and split[2].target.boxes.shape == (0, 4)
    assert split[1].target.crowd.tolist() == [False, True]


def test_sizes_and_ids_of_annotations_may_be_missing_and_a_little_beyond_is_cut(root):
    def loose(content):
        for image in content["images"]:
            del image["width"], image["height"]
        for row in content["annotations"]:
            del row["id"], row["area"], row["iscrowd"]
        content["annotations"][1]["bbox"] = [-1, 4, 10, 29.5]

    changed(root / "train.json", loose)
    assert Coco(path=str(root)).open("train")[0].target.boxes[1].tolist() == [0, 4, 9, 32]


FAULTS = {
    "no list": (lambda c: c.update(images={}), "images: wanted a list"),
    "no categories": (lambda c: c.pop("categories"), "categories: wanted a list"),
    "empty categories": (lambda c: c.update(categories=[]), "categories: is empty"),
    "no images": (lambda c: c.update(images=[], annotations=[]), "images: is empty"),
    "no object": (lambda c: c["images"].append(5), r"images\[12\]: wanted an object, got 5"),
    "category id is text": (lambda c: c["categories"][1].update(id="3"), r"categories\[1\].id: wanted a whole number"),
    "category twice": (lambda c: c["categories"][1].update(id=0), r"categories\[1\]: the id 0 is there twice"),
    "name twice": (lambda c: c["categories"][1].update(name="block"), "the name 'block' is there twice"),
    "name is empty": (lambda c: c["categories"][0].update(name=" "), r"categories\[0\].name: wanted a name"),
    "name no terminal shows": (lambda c: c["categories"][0].update(name="a\x1b[31m"), r"categories\[0\].name"),
    "lone surrogate": (lambda c: c["images"][0].update(file_name="\ud800.png"), r"images\[0\].file_name"),
    "image twice": (lambda c: c["images"][1].update(id=0), r"images\[1\].id: 0 is the id of another image too"),
    "image id is text": (lambda c: c["images"][1].update(id="1"), r"images\[1\].id: wanted a whole number, got '1'"),
    "image id is true": (lambda c: c["images"][1].update(id=True), r"images\[1\].id: wanted a whole number, got True"),
    "file twice": (lambda c: c["images"][1].update(file_name="s0.png"), "another image is s0.png"),
    "stem twice": (lambda c: c["images"][1].update(file_name="s0.jpg"), "s0.jpg: another image is s0.png"),
    "file missing": (
        lambda c: c["images"][1].update(file_name="none.png"),
        r"images\[1\].file_name: 'none.png' is not",
    ),
    "wrong case": (lambda c: c["images"][1].update(file_name="S1.PNG"), "; s1.png is there"),
    "way out": (lambda c: c["images"][1].update(file_name="../s1.png"), "no name below the folder"),
    "absolute": (lambda c: c["images"][1].update(file_name="/etc/passwd"), "no name below the folder"),
    "NUL": (lambda c: c["images"][1].update(file_name="s1\0.png"), r"images\[1\].file_name: wanted the name of a file"),
    "size 0": (lambda c: c["images"][1].update(width=0), r"images\[1\].width: a picture of 0x32 px is none"),
    "half a size": (lambda c: c["images"][1].pop("width"), r"images\[1\].width: wanted a whole number, got nothing"),
    "no such image": (note(image_id=99), r"annotations\[3\].image_id: there is no image 99"),
    "no such category": (note(category_id=1), r"annotations\[3\].category_id: there is no category 1"),
    "annotation twice": (note(id=0), r"annotations\[3\].id: 0 is the id of another annotation too"),
    "crowd 2": (note(iscrowd=2), r"annotations\[3\].iscrowd: wanted 0 or 1, got 2"),
    "no box": (
        lambda c: c["annotations"][3].pop("bbox"),
        r"annotations\[3\].bbox: wanted \[left, top, width, height\]",
    ),
    "three numbers": (note(bbox=[1, 2, 3]), r"annotations\[3\].bbox: wanted"),
    "text": (note(bbox=[1, 2, 3, "4"]), r"annotations\[3\].bbox: wanted four numbers, got '4'"),
    "huge number": (note(bbox=[1, 2, 3, 10**400]), r"annotations\[3\].bbox: wanted four numbers"),
    "empty box": (note(bbox=[1, 2, 0, 4]), r"annotations\[3\].bbox: is 0 wide and 4 high"),
    "crossed": (note(bbox=[9, 2, -4, 4]), r"annotations\[3\].bbox: is -4 wide"),
    "outside": (note(bbox=[36, 2, 10, 4]), r"annotations\[3\].bbox: reaches from 36, 2, 46, 6 .* beyond 40x32 px"),
    "far outside": (note(bbox=[-500, 2, 10, 4]), "beyond 40x32 px"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_by_file_and_field(root, fault):
    change, says = FAULTS[fault]
    file = changed(root / "train.json", change)
    with pytest.raises(DataError, match=says) as caught:
        Coco(path=str(root), classes=CLASSES).open("train")
    assert caught.value.path == file and caught.value.field and "\n" not in str(caught.value)


TEXTS = {
    "empty": ("", "line 1: is not JSON"),
    "html": ("<html>", "is not JSON"),
    "list": ("[]", "is no COCO file"),
    "cut": ('{"images": [', "is not JSON"),
    "doubled name": ('{"images": [], "images": []}', "'images' is there twice"),
    "NaN": ('{"images": [NaN]}', "NaN is not a finite number"),
    "too large": ('{"images": [1e999]}', "inf is not a finite number"),
    "deep": ("[" * 100_000 + "]" * 100_000, "is nested too deeply"),
    "latin-1": (b'{"images": "\xe9"}', "is not UTF-8 text"),
    "NUL": ('{"images": "\0"}', "is not JSON"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_what_is_no_json_is_said_with_its_file(root, kind):
    text, says = TEXTS[kind]
    (root / "train.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=says) as caught:
        Coco(path=str(root)).open("train")
    assert caught.value.path == root / "train.json"


def test_a_byte_order_mark_and_crlf_are_nothing_to_speak_of(root):
    file = root / "train.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(document(12), indent=1).replace("\n", "\r\n").encode())
    assert len(Coco(path=str(root)).open("train")) == 12


def test_not_strict_leaves_pictures_out_and_lists_every_fault(root):
    def spoil(content):
        content["annotations"][3]["bbox"] = [0, 0, -1, 5]
        content["annotations"][8]["category_id"] = 77
        content["images"][9]["file_name"] = "none.png"

    changed(root / "train.json", spoil)
    split = Coco(path=str(root)).open("train", strict=False)
    assert len(split) == 9 and [error.field for error in split.problems] == [
        "images[9].file_name", "annotations[3].bbox", "annotations[8].category_id",
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"\(and 2 more in train: `swinkit check` lists them\)"):
        Coco(path=str(root)).open("train")


def test_faulty_boxes_are_dropped_when_told(root):
    changed(root / "train.json", note(bbox=[0, 0, -1, 5]))
    split = Coco(path=str(root), faulty="drop").open("train")
    assert len(split) == 12 and len(split[1].target) == 1 and "1 faulty boxes are left out" in split.notes[0]


def test_another_split_has_the_same_classes(root):
    changed(root / "val.json", lambda c: c["categories"][0].update(name="Block"))
    with pytest.raises(DataError, match="'Block' is none of the 2 classes") as caught:
        Coco(path=str(root)).open("val")
    assert caught.value.path == root / "val.json" and caught.value.field == "annotations[1].bbox"


def test_a_picture_of_another_size_is_found_when_it_is_asked_for(root):
    Image.fromarray(scene(0)[0]).rotate(90, expand=True).save(root / "images" / "s0.png")
    split = Coco(path=str(root)).open("train")
    with pytest.raises(DataError, match=r"train.json: images\[0\].width: says 40x32 px, but s0.png is 32x40"):
        split[0]
    changed(root / "train.json", lambda c: c["images"][0].update(width=None, height=None))
    split = Coco(path=str(root)).open("train")
    with pytest.raises(DataError, match="beyond 32x40 px"):
        split[0]


def test_what_is_no_such_folder_is_said(tmp_path):
    assert not Coco.recognises(tmp_path) and not Coco.recognises(tmp_path / "none")
    with pytest.raises(DataError, match="does not exist; looked for <split>.json"):
        Coco(path=str(tmp_path / "none")).open()
    with pytest.raises(ConfigError, match="holdout"):
        Coco(path=".", holdout=1)
    coco(tmp_path, test=3)
    with pytest.raises(DataError, match="has no train split, only test"):
        Coco(path=str(tmp_path)).open("train")
    shutil.rmtree(tmp_path / "images")
    with pytest.raises(DataError, match="is not in"):
        Coco(path=str(tmp_path)).open("test")


def test_blood_cells_are_read(shared_data):
    layout = Coco(path=str(shared_data("bccd")))
    assert layout.resolved().classes == ("RBC", "WBC", "Platelets")
    counts = {split: [len(layout.open(split)), 0] for split in layout.splits()}
    for split, row in counts.items():
        data = layout.open(split)
        row[1] = sum(len(data[index].target) for index in range(len(data)))
    assert counts == {"train": [205, 2804], "val": [87, 1137], "test": [72, 945]}
