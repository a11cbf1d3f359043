"""VOC's XML files: layouts, how pixels are counted, and one sentence with file and field for everything wrong."""

from __future__ import annotations

import pytest
from tiny_boxes import CLASSES, scene, voc, voc_text

from swinkit.datasets import Voc, recognise
from swinkit.files import ConfigError, DataError


@pytest.fixture
def root(tmp_path):
    return voc(tmp_path)


def lists(root, **names):
    folder = root / "ImageSets" / "Main"
    folder.mkdir(parents=True)
    for split, stems in names.items():
        (folder / f"{split}.txt").write_text("\n".join(f"s{stem}" for stem in stems) + "\n")
    return root


def test_without_lists_all_is_train_and_coordinates_are_edges(root):
    layout = Voc(path=str(root)).resolved()
    assert recognise(root, "detect") == "voc" and layout.splits() == ("train", "val")
    assert layout.classes == tuple(sorted(CLASSES)) and layout.from_one is False
    split = layout.open("train")
    record = split[0]
    wanted = scene(int(record.id[1:]))[1]
    assert record.target.boxes.tolist() == [list(box) for _, box in wanted]
    assert [split.classes[label] for label in record.target.labels] == [CLASSES[label] for label, _ in wanted]


def test_lists_name_the_splits_and_pixels_are_counted_from_one_there(root):
    lists(root, trainval=range(6), val=[6, 7], test=[8])
    layout = Voc(path=str(root))
    assert layout.splits() == ("train", "val", "test") and [len(layout.open(s)) for s in layout.splits()] == [6, 2, 1]
    assert layout.resolved().from_one is True
    left, top, right, bottom = scene(8)[1][0][1]
    assert Voc(path=str(root), from_one=False).open("test")[0].target.boxes[0].tolist() == [left, top, right, bottom]
    (root / "Annotations" / "s8.xml").write_text(voc_text(8, box=(1, 1, 40, 32)))
    assert layout.open("test")[0].target.boxes[0].tolist() == [0, 0, 40, 32]


def test_the_folders_may_have_the_names_of_other_tools(root):
    (root / "Annotations").rename(root / "voc_xml")
    (root / "JPEGImages").rename(root / "images")
    assert recognise(root, "detect") == "voc" and len(Voc(path=str(root)).open("val")) == 1


def test_difficult_things_are_neither_right_nor_wrong(root):
    (root / "Annotations" / "s0.xml").write_text(voc_text(0, difficult=1))
    split = Voc(path=str(root), holdout=0.01).open("train")
    crowds = {split[index].id: split[index].target.crowd.tolist() for index in range(len(split))}
    assert all(any(crowd) == (name == "s0") for name, crowd in crowds.items())


def test_an_empty_picture_is_a_sample_and_an_unknown_size_is_looked_up(root):
    (root / "Annotations" / "s1.xml").write_text("<annotation><filename>s1.png</filename></annotation>")
    (root / "Annotations" / "s2.xml").write_text(voc_text(2, width=0, height=0))
    split = Voc(path=str(root), holdout=0.01).open("train")
    things = {split[index].id: len(split[index].target) for index in range(len(split))}
    assert things["s1"] == 0 and things["s2"] == 2


def bomb():
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(10))
    return f"<!DOCTYPE annotation [{entities}]><annotation><name>&e9;</name></annotation>"


FAULTS = {
    "empty": ("", "is not XML"),
    "html": ("<html><body></html>", "line 1: is not XML"),
    "other root": ("<html></html>", "its root is <'html'>"),
    "billion laughs": (bomb(), "has a document type"),
    "outside file": ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>', "document"),
    "deep": ("<a>" * 5000, "is nested too deeply"),
    "NUL": ("<annotation>\0</annotation>", "is not XML"),
    "no name": (voc_text(3, name=" "), r"object\[1\].name: wanted a name"),
    "name with a newline": (voc_text(3, name="a\nb"), r"object\[1\].name: wanted a name, got 'a\\nb'"),
    "wrong case": (voc_text(3, name="Block"), r"object\[1\].bndbox: 'Block' is none of the 2 classes"),
    "crossed": (voc_text(3, box=(9, 2, 4, 8)), r"object\[0\].bndbox: is -5 wide"),
    "empty box": (voc_text(3, box=(4, 2, 4, 8)), r"object\[0\].bndbox: is 0 wide"),
    "NaN": (voc_text(3, box=("nan", 2, 4, 8)), r"object\[0\].bndbox.xmin: wanted a number, got 'nan'"),
    "infinite": (voc_text(3, box=(1, 2, "1e999", 8)), r"object\[0\].bndbox.xmax: wanted a number"),
    "text": (voc_text(3, box=(1, 2, "x", 8)), r"object\[0\].bndbox.xmax: wanted a number, got 'x'"),
    "other digits": (voc_text(3, box=(1, 2, "٣", 8)), r"object\[0\].bndbox.xmax: wanted a number"),
    "missing edge": (voc_text(3).replace("ymax", "yma"), r"object\[0\].bndbox.ymax: wanted a number, got nothing"),
    "missing box": (voc_text(3).replace("bndbox", "box"), r"object\[0\].bndbox: is missing"),
    "outside": (voc_text(3, box=(1, 2, 60, 8)), r"object\[0\].bndbox: reaches from .* beyond 40x32 px"),
    "difficult": (voc_text(3, difficult=7), r"object\[0\].difficult: wanted 0 or 1"),
    "size": (voc_text(3, width="wide"), r"size.width: wanted a number, got 'wide'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_by_file_and_field(root, fault):
    text, says = FAULTS[fault]
    file = root / "Annotations" / "s3.xml"
    file.write_text(text, encoding="utf-8")
    layout = Voc(path=str(root), classes=CLASSES)
    with pytest.raises(DataError, match=says) as caught:
        layout.open("train")
    assert caught.value.path == file and "\n" not in str(caught.value)
    split = layout.open("train", strict=False)
    assert [error.path for error in split.problems] == [file] and len(split) == 10


def test_faulty_boxes_are_dropped_when_told(root):
    (root / "Annotations" / "s3.xml").write_text(voc_text(3, box=(9, 2, 4, 8)))
    split = Voc(path=str(root), faulty="drop").open("train")
    assert len(split) == 11 and "2 faulty boxes are left out" in split.notes[0]


def test_pictures_and_files_belong_together(root):
    (root / "Annotations" / "none.xml").write_text(voc_text(0))
    with pytest.raises(DataError, match=r"none.xml: filename: no picture none in"):
        Voc(path=str(root)).open("train")
    (root / "Annotations" / "none.xml").rename(root / "Annotations" / "S5.xml")
    with pytest.raises(DataError, match="; s5.png is there"):
        Voc(path=str(root)).open("train")
    (root / "Annotations" / "S5.xml").unlink()
    (root / "Annotations" / "s5.xml").unlink()
    assert "1 pictures have no .xml file" in Voc(path=str(root)).open("train").notes[0]
    (root / "JPEGImages" / "s6.jpg").write_bytes((root / "JPEGImages" / "s6.png").read_bytes())
    with pytest.raises(DataError, match=r"s6 is there 2 times \(s6.jpg, s6.png\): keep one"):
        Voc(path=str(root)).open("train")


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ("s1\n../s2\n", r"train.txt: line 2: '../s2' is no name of a picture"),
        ("s1\ns1\n", "train.txt: name: s1 is there twice"),
        ("s1\nnone\n", "no picture none"),
        ("", "holds no usable picture"),
    ],
)
def test_lists_are_held_against_the_files(root, names, says):
    lists(root, train=[1])
    (root / "ImageSets" / "Main" / "train.txt").write_text(names)
    with pytest.raises(DataError, match=says):
        Voc(path=str(root), classes=CLASSES).open("train")


def test_a_picture_of_another_size_is_found_when_it_is_asked_for(root):
    (root / "Annotations" / "s3.xml").write_text(voc_text(3, width=80, height=64))
    layout = Voc(path=str(root))
    with pytest.raises(DataError, match="s3.xml: size.width: says 80x64 px, but s3.png is 40x32"):
        [data[index] for data in (layout.open("train"), layout.open("val")) for index in range(len(data))]


def test_what_is_no_such_folder_is_said(tmp_path):
    assert not Voc.recognises(tmp_path)
    with pytest.raises(DataError, match="does not exist; looked for Annotations"):
        Voc(path=str(tmp_path / "none")).open()
    with pytest.raises(ConfigError, match="holdout"):
        Voc(path=".", holdout=0)


def test_blood_cells_as_they_were_labelled_have_two_empty_boxes(shared_data):
    root = shared_data("bccd")
    with pytest.raises(DataError, match="both must be above 0"):
        Voc(path=str(root)).open("train")
    layout = Voc(path=str(root), faulty="drop")
    assert layout.resolved().classes == ("Platelets", "RBC", "WBC")
    assert len(layout.open("train")) + len(layout.open("val")) == 364
