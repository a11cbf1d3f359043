"""Tables of texts: CSV, TSV, JSON lines, folds of one table."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from tiny_texts import sentences, table, tables

from swinkit.datasets import ClassFolder, TextTable, recognise
from swinkit.files import DataError


def texts(split) -> list[tuple[str, int]]:
    records = [split[index] for index in range(len(split))]
    return [(record.source.tobytes().decode(), record.target) for record in records]


def test_tables_in_a_folder(tmp_path):
    tables(tmp_path)
    assert recognise(tmp_path, "classify") == "text_table"
    layout = TextTable(path=str(tmp_path)).resolved()
    assert (layout.text, layout.label, layout.classes) == ("text", "label", ("bad", "good"))
    assert layout.splits() == ("train", "val", "test")
    expected = [(text, int(label == "good")) for label, text in sentences(16, 1)]
    assert texts(layout.open("val")) == expected and layout.open("val")[0].id == "dev.csv:2"
    assert len(layout.open("train")) == 64 and not layout.open("train").notes


def test_tabs_json_lines_and_other_names_of_columns_say_the_same(tmp_path):
    rows = [("ab"[n % 2], f'{n}, "two"') for n in range(12)]
    (tmp_path / "x.tsv").write_text("class\tsentence\n" + "".join(f"{b}\t{t}\n" for b, t in rows), encoding="utf-8")
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps({"label": b, "text": t}) for b, t in rows), encoding="utf-8")
    table(tmp_path / "x.csv", rows, ("kind", "text"))
    opened = [TextTable(path=str(tmp_path / "x.tsv")), TextTable(path=str(tmp_path / "x.jsonl")),
              TextTable(path=str(tmp_path / "x.csv"), label="kind")]  # fmt: skip
    assert all(recognise(layout.path, "classify") == "text_table" for layout in opened)
    found = [Counter(texts(layout.open("train")) + texts(layout.open("val")) + texts(layout.open("test")))
             for layout in (TextTable(path=each.path, label=each.label, folds=2) for each in opened)]  # fmt: skip
    assert found[0] == found[1] == found[2] == Counter((t, int(b == "b")) for b, t in rows)
    with pytest.raises(DataError, match=r"x.csv: label: line 1: is no column: .*say data.label=NAME"):
        TextTable(path=str(tmp_path / "x.csv")).resolved()


def test_a_table_of_files_is_not_one_of_texts(tmp_path):
    table(tmp_path / "train.csv", [("a", "1.png"), ("b", "2.png")], ("label", "file"))
    assert recognise(tmp_path, "classify") == "class_table"


def test_one_table_is_cut_into_stratified_folds(tmp_path):
    file = table(tmp_path / "all.csv", sentences(60))
    assert recognise(tmp_path, "classify") == recognise(file, "classify") == "text_table"
    seen: list[str] = []
    for fold in range(5):
        layout = TextTable(path=str(tmp_path), folds=5, fold=fold)
        split = {name: layout.open(name) for name in layout.splits()}
        ids = {name: {each[index].id for index in range(len(each))} for name, each in split.items()}
        assert Counter(target for _, target in texts(split["test"])) == {0: 6, 1: 6}
        assert sum(map(len, ids.values())) == len(set.union(*ids.values())) == 60
        seen += ids["test"]
    assert len(set(seen)) == 60


def test_class_folders_of_texts(tmp_path):
    for split in ("train", "test"):
        for name in ("ham", "spam"):
            for number in range(3):
                place = tmp_path / split / name / f"{number}.txt"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(f"{name} {number}", encoding="utf-8")
    assert recognise(tmp_path, "classify") == "class_folder"
    assert len(ClassFolder(path=str(tmp_path)).open("test")) == 6


def test_quoted_line_ends_and_long_documents_are_one_text(tmp_path):
    long = "word " * 60_000
    file = table(tmp_path / "all.csv", [("a", "one\ntwo\u2028three"), ("b", long), ("a", "x"), ("b", "y")])
    found, problems = TextTable(path=str(file)).texts(file)
    assert [text for _, text in found] == ["one\ntwo\u2028three", long, "x", "y"] and not problems
