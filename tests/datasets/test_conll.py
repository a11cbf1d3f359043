"""Sentences with a class a word."""

from __future__ import annotations

import pytest
from tiny_texts import conll

from swinkit.datasets import Conll, recognise
from swinkit.files import DataError


def test_sentences_with_their_classes(tmp_path):
    conll(tmp_path)
    assert recognise(tmp_path, "tag") == "conll"
    layout = Conll(path=str(tmp_path)).resolved()
    assert layout.classes == ("O", "B-bad", "B-good") and layout.splits() == ("train", "val", "test")
    train, val, test = (layout.open(split) for split in layout.splits())
    assert (len(train), len(val), len(test)) == (43, 5, 12) and "no val split" in train.notes[0]
    record = test[0]
    assert len(record.target) == len(record.source.tobytes().decode().split()) and record.id == "test.conll:1"


def test_columns_comments_and_document_starts(tmp_path):
    text = "-DOCSTART- -X- O O\n\n# a comment\n1 EU NNP B-ORG\r\n2 rejects VBZ O\n\n\n1 call NN O\n"
    (tmp_path / "train.conll").write_text(text, encoding="utf-8")
    layout = Conll(path=str(tmp_path), word=1)
    found, problems = layout.sentences(tmp_path / "train.conll")
    assert [(each.line, each.words, each.labels) for each in found] == [
        (4, ("EU", "rejects"), ("B-ORG", "O")), (8, ("call",), ("O",))]  # fmt: skip
    assert not problems and Conll(path=str(tmp_path), word=1, label=2).resolved().classes == ("NN", "NNP", "VBZ")


def test_a_ragged_line_is_named_and_its_sentence_left_out(tmp_path):
    (tmp_path / "train.conll").write_text("a O\nb\n\nc O\n\nd X\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"train.conll: label: line 2: has 1 columns, the lines before 2"):
        Conll(path=str(tmp_path)).open("train")
    opened = Conll(path=str(tmp_path)).open("train", strict=False)
    assert len(opened) == 1 and opened.classes == ("O", "X") and len(opened.problems) == 1
