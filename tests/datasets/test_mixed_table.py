"""Tables of samples with several inputs: found by their columns, read line by line, every fault with its line."""

from __future__ import annotations

import re

import numpy as np
import pytest
from mixed_data import CLASSES, files, pairs, table

from swinkit.datasets import LAYOUTS, MixedTable, recognise
from swinkit.files import ConfigError, DataError, UserError
from swinkit.recipes.checking import check


def test_it_is_known_by_its_columns(tmp_path):
    folder = pairs(tmp_path / "pairs")
    assert LAYOUTS["mixed_table"] is MixedTable
    assert recognise(folder, "classify") == recognise(folder / "train.csv", "classify") == "mixed_table"
    other = table(tmp_path / "one.csv", [("train0.png", "high")], ("file", "label"))
    assert recognise(other, "classify") == "class_table"
    lone = table(tmp_path / "lone.csv", [("some words", "high")], ("text", "class"))
    assert recognise(lone, "classify") == "text_table"
    words = table(tmp_path / "words.csv", [("some words", "a.wav", "high")], ("text", "audio", "class"))
    assert recognise(words, "classify") == "mixed_table"
    with pytest.raises(DataError, match="holds no known layout"):
        recognise(folder, "detect")


def test_records_hold_what_a_line_has(tmp_path):
    layout = MixedTable(path=str(pairs(tmp_path))).resolved()
    assert (
        layout.classes == CLASSES
        and layout.columns == ("image", "audio")
        and layout.splits() == ("train", "val", "test")
    )
    train = layout.open("train")
    assert len(train) == 12 and [train[index].target for index in range(3)] == [0, 1, 0]
    assert [sorted(train[index].parts) for index in range(4)] == [["audio", "image"]] * 2 + [["audio"], ["image"]]
    assert train[0].id == "train.csv:2" and train[0].parts["image"].source == tmp_path / "train0.png"
    part = layout.part("image").open("train")
    assert (
        len(part) == 9 and part.classes == CLASSES and part[2].source == tmp_path / "train3.png" and part[2].target == 1
    )
    assert layout.told == {"inputs": {"image": {"kind": "image"}, "audio": {"kind": "audio"}}}
    seen = MixedTable(path=str(tmp_path), columns=("image",)).open("train", strict=False)
    assert (
        len(seen) == 9 and len(seen.problems) == 3 and all(list(seen[index].parts) == ["image"] for index in range(9))
    )


def test_one_table_says_its_splits_and_validation_is_held_out(tmp_path):
    rows = [(*files(tmp_path, str(index), index % 2 == 0, index), f"say {index}", CLASSES[index % 2],
             "test" if index > 7 else "train") for index in range(10)]  # fmt: skip
    path = table(tmp_path / "all.csv", rows, ("image", "audio", "text", "class", "split"))
    layout = MixedTable(path=str(path), holdout=0.25).resolved()
    train, val, test = (layout.open(split) for split in layout.splits())
    assert (len(train), len(val), len(test)) == (6, 2, 2) and "kept for validation" in val.notes[0]
    assert not {train[n].id for n in range(6)} & {val[n].id for n in range(2)}
    assert test[0].parts["text"].source.tobytes() == b"say 8" and layout.columns == ("image", "audio", "text")


FAULTS = {
    "no class": ("a.png,a.wav,\n", r"class: line 2: is empty"),
    "no input": (",,high\n", r"image: line 2: has no input: fill one of image, audio"),
    "no such file": ("b.png,a.wav,high\n", r"image: line 2: there is no file b\.png"),
    "a folder": ("a.png,sub,high\n", r"audio: line 2: there is no file sub"),
    "a way out": ("../a.png,a.wav,high\n", r"image: line 2: '\.\./a\.png': wanted a name below"),
    "from the root": ("/a.png,a.wav,high\n", r"image: line 2: '/a\.png': wanted a name below"),
    "a short line": ("a.png,high\n", r"line 2: has 2 fields, the header 3"),
    "an open quote": ('a.png,"a.wav,high\n', r"a quote is opened and never closed"),
    "a broken picture": ("bad.png,a.wav,high\n", r"bad\.png"),
    "a broken sound": ("a.png,bad.wav,high\n", r"bad\.wav: .*is no WAV"),
}


@pytest.mark.parametrize(("lines", "wanted"), FAULTS.values(), ids=FAULTS)
def test_a_bad_line_is_named(tmp_path, lines, wanted):
    files(tmp_path, "a", high=True)
    files(tmp_path, "c", high=False, seed=1)
    (tmp_path / "sub").mkdir()
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    good = "image,audio,class\n" + lines + "c.png,c.wav,low\nc.png,,low\na.png,a.wav,high\n"
    (tmp_path / "train.csv").write_text(good, encoding="utf-8")
    try:
        found = check("classify", str(tmp_path), say=lambda _: None)
        told = [f"{each.file}: {each.field}: {each.message}" for each in found.problems if each.level == "error"]
    except UserError as error:
        told = [str(error)]
    assert len(told) == 1
    assert re.search(wanted, told[0]), told


def test_a_table_that_cannot_be_used_is_refused(tmp_path):
    files(tmp_path, "a", high=True)
    path = table(tmp_path / "t.csv", [("a.png", "a.wav", "high")], ("image", "audio", "kind"))
    with pytest.raises(DataError, match=r"t\.csv: class: line 1: is no column"):
        MixedTable(path=str(path)).resolved()
    assert MixedTable(path=str(path), label="kind").resolved().classes == ("high",)
    with pytest.raises(DataError, match=r"class: line 1: is there twice"):
        MixedTable(path=str(table(path, [("a.png", "x", "y")], ("image", "class", "class")))).resolved()
    with pytest.raises(DataError, match="has no column of inputs"):
        MixedTable(path=str(table(path, [("a.png", "x")], ("picture", "class")))).resolved()
    with pytest.raises(DataError, match="split: line 2: 'tset' is none of train, val, test"):
        MixedTable(path=str(table(path, [("a.png", "x", "tset")], ("image", "class", "split")))).resolved()
    with pytest.raises(DataError, match="does not exist; looked for"):
        MixedTable(path=str(tmp_path / "nothing")).splits()
    with pytest.raises(ConfigError, match="'picture' is no input"):
        MixedTable(path=".", columns=("picture",))
    with pytest.raises(ConfigError, match="holdout 2"):
        MixedTable(path=".", holdout=2)


def test_check_counts_samples_and_finds_equal_ones(tmp_path):
    folder = pairs(tmp_path, (6, 2, 2))
    found = check("classify", str(folder), say=lambda _: None)
    assert found.ok and found.splits["train"].counts == (3, 3) and found.splits["train"].sizes == {(2,): 4, (1,): 2}
    assert not found.problems
    table(folder / "test.csv", [("train0.png", "train0.wav", "high"), ("train0.png", "test1.wav", "low")])
    found = check("classify", str(folder), settings=["modality.inputs.audio.rate=8000"], say=lambda _: None)
    assert [problem.file for problem in found.problems] == ["test.csv:2"]
    assert "is the same as train.csv:2 in train" in found.problems[0].message
    assert isinstance(found.splits["test"].present, tuple) and np.sum(found.splits["test"].counts) == 2
