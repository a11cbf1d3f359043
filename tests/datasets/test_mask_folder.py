"""Mask folders: every layout, every way of naming classes, and one sentence for everything that is wrong."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swinkit.datasets import LAYOUTS, MaskFolder, recognise
from swinkit.files import ConfigError, DataError

LAYS = {"camvid": "{split}/{kind}", "ade": "{kind}/{split}"}


def write(root: Path, folder: str, stems: range | list[str], masks: str = "labels", top: int = 2) -> Path:
    """Pictures and masks of ids 0..top; `folder` says where, as in LAYS."""
    for stem in map(str, stems):
        seed = int(hashlib.md5(f"{folder}{stem}".encode()).hexdigest()[:8], 16)
        rng = np.random.default_rng(seed)
        for kind in ("images", masks):
            path = root / folder.format(kind=kind)
            path.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (6, 8, 3)) if kind == "images" else rng.integers(0, top + 1, (6, 8))
            if kind != "images":
                pixels[0, 0] = top
            Image.fromarray(pixels.astype(np.uint8)).save(path / f"{stem}.png")
    return root


@pytest.fixture
def root(tmp_path) -> Path:
    write(tmp_path, "train/{kind}", range(12))
    write(tmp_path, "val/{kind}", range(3))
    return write(tmp_path, "test/{kind}", range(4))


@pytest.mark.parametrize("lay", LAYS)
@pytest.mark.parametrize(("train", "val"), [("train", "val"), ("training", "validation"), ("train", "valid")])
@pytest.mark.parametrize("masks", ["labels", "annotations", "masks"])
def test_every_layout_is_found(tmp_path, lay, train, val, masks):
    for split in (train, val):
        write(tmp_path, LAYS[lay].replace("{split}", split), range(3), masks)
    layout = MaskFolder(path=str(tmp_path))
    assert recognise(tmp_path, "segment") == "mask_folder" and LAYOUTS["mask_folder"] is MaskFolder
    assert layout.splits() == ("train", "val")
    assert len(layout.open("training")) == len(layout.open("valid")) == 3
    with pytest.raises(DataError, match="has no test split, only train, val"):
        layout.open("test")


def test_records_are_sorted_stable_and_read_as_classes(root):
    split = MaskFolder(path=str(root)).open("train")
    assert [split[index].id for index in range(3)] == ["0", "1", "10"]
    record = split[2]
    assert record.source == root / "train/images/10.png"
    np.testing.assert_array_equal(record.target.read(), np.asarray(Image.open(root / "train/labels/10.png")))
    assert split.classes == ("class 0", "class 1", "class 2") and split.ids == (0, 1, 2)
    assert split.notes == () and split.problems == ()


def test_without_a_val_split_the_same_part_of_train_is_held_out(tmp_path):
    write(tmp_path, "{kind}", range(40))
    layout = MaskFolder(path=str(tmp_path))
    assert layout.splits() == ("train", "val")
    train, val = layout.open("train"), layout.open("val")
    names = [{split[index].id for index in range(len(split))} for split in (train, val)]
    assert len(names[0]) == 36 and len(names[1]) == 4 and not names[0] & names[1]
    assert "4 of 40 training pictures" in val.notes[0] and train.notes == val.notes
    (tmp_path / "images/0.png").rename(tmp_path / "images/z.png")
    (tmp_path / "labels/0.png").rename(tmp_path / "labels/z.png")
    again = layout.open("val")
    assert len({again[index].id for index in range(4)} & names[1]) >= 3


def test_ids_of_held_out_masks_are_classes_too(tmp_path):
    write(tmp_path, "{kind}", range(10), top=1)
    layout = MaskFolder(path=str(tmp_path))
    held = layout.open("val")[0].id
    Image.fromarray(np.full((6, 8), 5, np.uint8)).save(tmp_path / f"labels/{held}.png")
    assert len(layout.open("train").classes) == 6


def test_one_picture_cannot_be_split(tmp_path):
    with pytest.raises(DataError, match="1 usable training pictures cannot be split"):
        MaskFolder(path=str(write(tmp_path, "{kind}", range(1)))).open("train")


def test_ignored_ids_are_no_classes(root):
    split = MaskFolder(path=str(root), ignore=(1,)).open("train")
    assert split.classes == ("class 0", "class 2") and split.ids == (0, 2)
    stored = np.asarray(Image.open(root / "train/labels/0.png"))
    np.testing.assert_array_equal(split[0].target.read(), np.array([0, 255, 1])[stored])


@pytest.mark.parametrize(
    ("name", "content", "options", "classes", "ids"),
    [
        ("classes.txt", "sky\nroad\ncar\n", {}, ("sky", "road", "car"), (0, 1, 2)),
        ("classes.txt", "\ufeffsky\r\nroad\r\nvoid\r\n", {"ignore": (2,)}, ("sky", "road"), (0, 1)),
        ("classes.json", '["sky", "road", "car"]', {}, ("sky", "road", "car"), (0, 1, 2)),
        ("classes.json", '{"2": "car", "0": "sky"}', {"ignore": (1,)}, ("sky", "car"), (0, 2)),
        ("classes.json", '{"0": "sky", "1": "road"}', {"ids": (1, 2)}, ("road", "class 2"), (1, 2)),
        ("objectInfo150.txt", "Idx\tRatio\tName\n1\t0.1\twall, x\n2\t0.1\tfloor\n", {}, ("wall", "floor"), (1, 2)),
    ],
)
def test_class_names_come_from_files(root, name, content, options, classes, ids):
    (root / name).write_text(content, "utf-8")
    layout = MaskFolder(path=str(root), **options).resolved()
    assert layout.classes == classes and layout.ids == ids
    assert layout.resolved() is layout


@pytest.mark.parametrize(
    ("name", "content"),
    [("classes.txt", "sky\n\nroad"), ("classes.txt", ""), ("classes.json", "{"), ("classes.json", '{"a": "sky"}')],
)
def test_broken_class_files_are_named(root, name, content):
    (root / name).write_text(content)
    with pytest.raises(DataError, match=name):
        MaskFolder(path=str(root)).open("train")


def test_given_classes_win(root):
    (root / "classes.txt").write_text("x\ny\nz\n")
    assert MaskFolder(path=str(root), classes=("a", "b", "c")).open("val").classes == ("a", "b", "c")
    with pytest.raises(ConfigError, match="2 classes but 1 ids"):
        MaskFolder(path=str(root), classes=("a", "b"), ids=(1,))


def test_a_resolved_folder_survives_json(root):
    layout = MaskFolder(path=str(root), ignore=(1,)).resolved()
    plain = json.loads(json.dumps({name: getattr(layout, name) for name in layout.__slots__}))
    again = MaskFolder(**{name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()})
    assert again == layout


def test_masks_of_0_and_255_ask_what_255_means(tmp_path):
    write(tmp_path, "{kind}", range(4))
    for path in (tmp_path / "labels").iterdir():
        Image.fromarray(np.array(np.indices((6, 8)).sum(0) % 2 * 255, np.uint8)).save(path)
    with pytest.raises(DataError, match=r"only the ids 0 and 255.*ids=\[0, 255\]"):
        MaskFolder(path=str(tmp_path)).open("train")
    split = MaskFolder(path=str(tmp_path), ids=(0, 255)).open("train")
    assert split.classes == ("class 0", "class 255") and set(np.unique(split[0].target.read())) == {0, 1}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("colours.txt", "255 0 0 red thing\n0 0 255\tblue\n0 0 0 Void\n"),
        ("c.json", '{"red thing": [255, 0, 0], "blue": [0, 0, 255], "Void": [0, 0, 0]}'),
    ],
)
def test_colour_masks_need_a_table_and_are_read_by_it(tmp_path, name, content):
    write(tmp_path, "{kind}", range(4))
    rows = np.arange(48).reshape(6, 8) % 3
    for path in (tmp_path / "labels").iterdir():
        Image.fromarray(np.array([[255, 0, 0], [0, 0, 255], [0, 0, 0]], np.uint8)[rows]).save(path)
    for strict in (True, False):
        with pytest.raises(DataError, match=r"0\.png: mask: has mode RGB"):
            MaskFolder(path=str(tmp_path)).open("train", strict=strict)
    (tmp_path / name).write_text(content)
    split = MaskFolder(path=str(tmp_path), colours=name, ignore=(2,)).open("train")
    assert split.classes == ("red thing", "blue")
    np.testing.assert_array_equal(split[0].target.read(), np.array([0, 1, 255])[rows])


def test_a_wrong_colour_table_is_named(root):
    (root / "c.txt").write_text("1 2 3 ok\n1 2 x bad\n")
    with pytest.raises(DataError, match=r"c\.txt: row 2"):
        MaskFolder(path=str(root), colours="c.txt").open("train")


def test_a_wrong_folder_says_what_was_looked_for(tmp_path):
    (tmp_path / "stuff").mkdir()
    for path, came in (
        (tmp_path, "holds no known layout"),
        (tmp_path / "gone", "does not exist"),
        (__file__, "is a file"),
    ):
        with pytest.raises(DataError, match=came) as caught:
            recognise(path, "segment")
        wanted = "<split>/images beside <split>/labels" if Path(path).exists() else "for made data are digit_scenes"
        assert wanted in str(caught.value) and "\n" not in str(caught.value)
        with pytest.raises(DataError, match="looked for"):
            MaskFolder(path=str(path)).open("train")
    with pytest.raises(ConfigError, match="no split 'exam': there are train, val, test"):
        MaskFolder(path=str(tmp_path)).open("exam")


def test_pictures_without_a_folder_of_masks(tmp_path):
    (tmp_path / "train/images").mkdir(parents=True)
    with pytest.raises(DataError, match=r"has pictures but no masks: a folder labels or"):
        MaskFolder(path=str(tmp_path), classes=("a",)).open("train")
    (tmp_path / "train/labels").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        MaskFolder(path=str(tmp_path), classes=("a",)).open("train")


def test_missing_masks_are_counted_and_the_first_is_named(root):
    for stem in ("3", "5", "11"):
        (root / f"train/labels/{stem}.png").unlink()
    with pytest.raises(
        DataError, match=r"11\.png: mask: no labels/11\.png .*\(3 of 12 have no mask\) \(and 2 more"
    ) as caught:
        MaskFolder(path=str(root)).open("train")
    assert caught.value.field == "mask"
    split = MaskFolder(path=str(root)).open("train", strict=False)
    assert len(split) == 9 and len(split.problems) == 3


def test_doubtful_entries_are_problems_and_orphans_are_notes(root):
    images = root / "train/images"
    (images / "folder.jpg").mkdir()
    Image.open(images / "0.png").save(images / "0.jpg")
    (root / "train/labels/orphan.png").write_bytes((root / "train/labels/0.png").read_bytes())
    (images / ".hidden.png").write_bytes(b"")
    (images / "notes.txt").write_text("hello")
    split = MaskFolder(path=str(root)).open("train", strict=False)
    assert len(split) == 11
    assert sorted(error.what.split(" ")[0] for error in split.problems) == ["0", "is"]
    assert split.notes == (f"{root / 'train/labels'}: 1 masks have no picture, first orphan.png",)


def test_subfolders_and_links_are_followed_by_name(tmp_path):
    write(tmp_path, "train/{kind}/city", range(3))
    write(tmp_path, "train/{kind}/land", range(3))
    (tmp_path / "train/images/link.png").symlink_to(tmp_path / "train/images/city/0.png")
    (tmp_path / "train/labels/link.png").symlink_to(tmp_path / "train/labels/city/0.png")
    layout = MaskFolder(path=str(tmp_path), classes=("a", "b", "c"))
    splits = [layout.open(name) for name in ("train", "val")]
    ids = [split[index].id for split in splits for index in range(len(split))]
    assert sorted(ids) == ["city/0", "city/1", "city/2", "land/0", "land/1", "land/2", "link"]


def test_camvid(shared_data):
    layout = MaskFolder(path=str(shared_data("camvid")), ignore=(11,)).resolved()
    assert layout.ids == tuple(range(11)) and layout.splits() == ("train", "val", "test")
    assert [len(layout.open(split)) for split in layout.splits()] == [367, 101, 233]
    mask = layout.open("test")[0].target.read()
    assert mask.shape == (360, 480) and set(np.unique(mask)) <= {*range(11), 255}
