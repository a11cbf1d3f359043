"""Layouts for classification: folders, tables, MNIST's files, parquet."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from swinkit.datasets import LAYOUTS, ClassFolder, ClassTable, Idx, Parquet, recognise
from swinkit.files import DataError, MissingExtra


def picture(path: Path, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(np.full((6, 8, 3), value, np.uint8)).save(path)
    return path


def shown(split) -> list[tuple[str, int]]:
    return [(record.id, record.target) for record in (split[index] for index in range(len(split)))]


@pytest.fixture
def folders(tmp_path) -> Path:
    for split, names in (("train", "abc"), ("test", "ab")):
        for name in names:
            for number in range(4):
                picture(tmp_path / split / name / f"{number}.png", 10 * number)
    return tmp_path


def test_a_folder_a_class(folders):
    assert recognise(folders, "classify") == "class_folder"
    layout = ClassFolder(path=str(folders)).resolved()
    assert layout.classes == ("a", "b", "c") and layout.splits() == ("train", "val", "test")
    train, val, test = (layout.open(split) for split in layout.splits())
    assert len(train) == 11 and len(val) == 1 and "no val split" in train.notes[0]
    assert shown(test) == [(f"{name}/{number}.png", index) for index, name in enumerate("ab") for number in range(4)]
    assert {name for name, _ in shown(train)} | {name for name, _ in shown(val)} == {
        f"{name}/{number}.png" for name in "abc" for number in range(4)
    }


def test_folders_without_splits_are_all_train(tmp_path):
    for name in ("cat", "dog"):
        picture(tmp_path / name / "1.jpg")
        picture(tmp_path / name / "deep" / "2.jpg")
    layout = ClassFolder(path=str(tmp_path), holdout=0.25)
    assert layout.splits() == ("train", "val") and len(layout.open("train")) == 3 and len(layout.open("val")) == 1


def test_an_empty_class_is_named_and_can_be_left_out(folders):
    (folders / "train" / "d").mkdir()
    with pytest.raises(DataError, match=r"train/d: class: holds no picture"):
        ClassFolder(path=str(folders)).open("train")
    opened = ClassFolder(path=str(folders)).open("train", strict=False)
    assert opened.classes == ("a", "b", "c") and [problem.field for problem in opened.problems] == ["class"]


def test_a_class_that_only_the_test_split_has_is_named(folders):
    picture(folders / "test" / "zebra" / "1.png")
    with pytest.raises(DataError, match=r"zebra/1.png: class: .*'zebra' is none of the 3 classes"):
        ClassFolder(path=str(folders)).open("test")


def test_a_table_of_files(tmp_path):
    for number in range(5):
        picture(tmp_path / "pictures" / f"{number}.png")
    rows = [f"pictures/{n}.png,{'dog' if n % 2 else 'cat'},{'test' if n == 4 else 'train'}" for n in range(5)]
    table = tmp_path / "all.csv"
    table.write_text("\ufefffile,label,split\r\n" + "\r\n".join(rows) + "\r\n", encoding="utf-8")
    assert recognise(table, "classify") == "class_table"
    layout = ClassTable(path=str(table)).resolved()
    assert layout.classes == ("cat", "dog") and layout.splits() == ("train", "val", "test")
    assert shown(layout.open("test")) == [("pictures/4.png", 0)]


TABLES = {
    "no column": ("file,lable\na.png,x\n", "label: is no column: did you mean 'lable'"),
    "twice": ("file,label,label\na.png,x,x\n", "label: is there twice"),
    "empty label": ("file,label\na.png,\n", "label: line 2: is empty"),
    "missing file": ("file,label\nno.png,x\n", "file: line 2: there is no file no.png"),
    "bad split": ("file,label,split\na.png,x,tain\n", "split: line 2: 'tain' is none of train, val, test"),
    "unclosed quote": ('file,label\n"a.png,x\n', "is no CSV"),
}


@pytest.mark.parametrize("text, message", TABLES.values(), ids=TABLES)
def test_faults_of_a_table_name_file_line_and_column(tmp_path, text, message):
    picture(tmp_path / "a.png")
    table = tmp_path / "train.csv"
    table.write_text(text)
    with pytest.raises(DataError) as caught:
        ClassTable(path=str(tmp_path), classes=("x", "y")).open("train")
    assert message in str(caught.value) and str(table) in str(caught.value)


def idx(path: Path, values: np.ndarray) -> None:
    head = np.array([2048 + values.ndim, *values.shape], ">u4").tobytes()
    path.write_bytes(gzip.compress(head + values.astype(np.uint8).tobytes()))


@pytest.fixture
def mnist(tmp_path) -> Path:
    rng = np.random.default_rng(0)
    for start, count in (("train", 20), ("t10k", 5)):
        idx(tmp_path / f"{start}-images-idx3-ubyte.gz", rng.integers(0, 256, (count, 4, 3)))
        idx(tmp_path / f"{start}-labels-idx1-ubyte.gz", np.arange(count) % 10)
    return tmp_path


def test_mnist_files(mnist):
    assert recognise(mnist, "classify") == "idx"
    layout = Idx(path=str(mnist)).resolved()
    assert layout.classes == tuple("0123456789") and layout.splits() == ("train", "val", "test")
    test = layout.open("test")
    assert [label for _, label in shown(test)] == [0, 1, 2, 3, 4]
    assert test[0].source.shape == (4, 3, 3) and test[0].source.dtype == np.uint8
    assert len(layout.open("train")) == 18


@pytest.mark.parametrize("end, message", [(b"", "says"), (b"xx", "says")])
def test_an_idx_file_of_another_length_is_named(mnist, end, message):
    file = mnist / "t10k-labels-idx1-ubyte.gz"
    content = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(content + end if end else content[:-1]))
    with pytest.raises(DataError, match=rf"t10k-labels-idx1-ubyte.gz: size: {message}"):
        Idx(path=str(mnist)).open("test")


def test_other_faults_of_idx_files_are_named(mnist):
    idx(mnist / "t10k-labels-idx1-ubyte.gz", np.arange(4))
    with pytest.raises(DataError, match="count: 4 labels for 5 pictures"):
        Idx(path=str(mnist)).open("test")
    (mnist / "t10k-labels-idx1-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="cannot be read"):
        Idx(path=str(mnist)).open("test")
    idx(mnist / "t10k-images-idx3-ubyte.gz", np.arange(4))
    with pytest.raises(DataError, match="magic: does not begin with 2051"):
        Idx(path=str(mnist)).open("test")


def jpeg(value: int) -> bytes:
    file = io.BytesIO()
    Picture.fromarray(np.full((5, 7, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


def test_parquet_tables(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = arrow.table({"image": [jpeg(n) for n in range(12)], "label": [n % 3 for n in range(12)]})
    parquet.write_table(table, tmp_path / "train.parquet")
    hub = arrow.table({"image": [{"bytes": jpeg(9), "path": "x.png"}, {"bytes": None, "path": ""}], "label": [2, 0]})
    parquet.write_table(hub, tmp_path / "test.parquet")
    assert recognise(tmp_path, "classify") == "parquet"
    layout = Parquet(path=str(tmp_path), classes=("a", "b", "c"))
    test = layout.open("test")
    assert test[0].target == 2 and test[0].source.shape == (5, 7, 3) and int(test[0].source[0, 0, 0]) == 9
    with pytest.raises(DataError, match="row 1: image: holds no bytes"):
        test[1]
    with pytest.raises(DataError, match="lable: has no such column, only image, label"):
        Parquet(path=str(tmp_path), label="lable").resolved()
    (tmp_path / "train.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(DataError, match="is damaged or no parquet file"):
        Parquet(path=str(tmp_path)).resolved()


def test_parquet_without_its_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "train.parquet").write_bytes(b"")
    with pytest.raises(MissingExtra, match=r"pip install 'swinkit\[parquet\]'"):
        Parquet(path=str(tmp_path)).resolved()


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="holds no known layout; looked for .*idx: .*class_folder: "):
        recognise(tmp_path, "classify")
    assert all("classify" in LAYOUTS[name].serves for name in ("idx", "parquet", "class_table", "class_folder"))
