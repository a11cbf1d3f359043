"""Broken texts, tables and CoNLL files: one sentence with the file and the field or line, soon and in little memory."""

from __future__ import annotations

import re
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_texts import sentences, table

from swinkit.files import UserError
from swinkit.recipes.checking import check

GOOD = b"label,text\n" + b"".join(f"{label},{text}\n".encode() for label, text in sentences(12))
LINES = b"the\tO\ndog\tB-x\n\nwent\tO\nout\tO\n\n" * 4
JSON = b'{"label": "a", "text": "b c"}\n{"label": "b", "text": "d"}\n' * 2
SECONDS, BYTES = 2.0, 256 << 20

TABLES: dict[str, tuple[str, bytes, str]] = {
    "bad UTF-8": ("train.csv", GOOD + b"good,caf\xe9\n", r"line 14: byte 0xe9 is no UTF-8"),
    "UTF-16": ("train.csv", GOOD.decode().encode("utf-16"), r"UTF-8|holds no"),
    "lone surrogate": ("train.csv", GOOD + b"good,\xed\xa0\x80\n", r"line 14: byte 0xed is no UTF-8"),
    "NUL": ("train.csv", GOOD + b"good,a\x00b\n", r"line 14: holds a NUL"),
    "empty file": ("train.tsv", b"", r"is empty"),
    "nothing but spaces": ("train.tsv", b" \n\n", r"holds no text"),
    "a header alone": ("train.csv", b"label,text\n", r"has a header and no line below it"),
    "no column of texts": ("train.tsv", b"label\twords\na\tb\n", r"text: line 1: is no column"),
    "no column of classes": ("train.csv", b"kind,text\na,b\n", r"label: line 1: is no column"),
    "a column twice": ("train.csv", b"label,text,text\na,b,c\n", r"text: line 1: is there twice"),
    "too many fields": ("train.csv", GOOD + b"good,one, two\n", r"line 14: has 3 fields, the header 2"),
    "too few fields": ("train.csv", GOOD + b"good\n", r"line 14: has 1 fields, the header 2"),
    "another separator": ("train.csv", GOOD.replace(b",", b";"), r"line 1: its columns are separated by ';'"),
    "tabs in a CSV": ("train.csv", GOOD.replace(b",", b"\t"), r"line 1: its columns are separated by '\\t'"),
    "an open quote": ("train.csv", GOOD + b'good,"one\nbad,two\n', r"a quote is opened and never closed"),
    "text behind a quote": ("train.csv", GOOD + b'good,"one" two\n', r"line 14: is no CSV"),
    "an empty text": ("train.csv", GOOD + b"good,\n", r"text: line 14: is empty"),
    "an empty class": ("train.csv", GOOD + b",some words\n", r"label: line 14: is empty"),
    "a huge field": ("train.csv", GOOD + b"good," + b"x" * (5 << 20) + b"\n", r"line 14: is no CSV: field larger"),
    "a class of the test alone": ("test.csv", b"label,text\nugly,one two\n", r"test.csv:2: 'ugly' is none of the 2"),
    "no JSON": ("train.jsonl", JSON + b'{"label": \n', r"line 5: is not JSON"),
    "JSON without a name": ("train.jsonl", JSON + b'{"text": "b"}\n', r"label: line 5: is miss"),
    "JSON of another kind": ("train.jsonl", JSON + b'["a", "b"]\n', r"line 5: wanted"),
    "JSON with a list": ("train.jsonl", b'{"label": "a", "text": ["b"]}\n', r"text: line 1: wanted"),
    "JSON with a name twice": ("train.jsonl", b'{"label": "a", "label": "b", "text": "c"}\n', r"is there twice"),
    "deep JSON": ("train.jsonl", b'{"text": ' + b"[" * 10_000 + b"]" * 10_000 + b"}\n", r"line 1: is nested"),
}  # fmt: skip
SENTENCES: dict[str, tuple[str, bytes, str]] = {
    "a line without a class": ("train.conll", LINES + b"a\tO\nb\n\n", r"label: line 26: has 1 columns"),
    "a line too wide": ("train.conll", LINES + b"a\tO\tO\n\n", r"label: line 25: has 3 columns"),
    "words alone": ("train.conll", b"the\ndog\n\n", r"line 1: has one column"),
    "an empty word": ("train.conll", LINES + b"\tO\n\n", r"line 25: has an empty word or class"),
    "an empty CoNLL file": ("train.conll", b"", r"holds no text"),
    "comments alone": ("train.conll", b"# one\n# two\n", r"holds no sentence"),
    "CoNLL that is no UTF-8": ("train.conll", LINES + b"caf\xe9\tO\n", r"line 25: byte 0xe9 is no UTF-8"),
    "CoNLL with a NUL": ("train.conll", LINES + b"a\x00\tO\n", r"line 25: holds a NUL"),
    "a tag of the test alone": ("test.conll", b"a\tB-new\n", r"line 1: 'B-new' is none of the 2"),
}
FINE: dict[str, tuple[str, bytes]] = {
    "a byte order mark": ("train.csv", b"\xef\xbb\xbf" + GOOD),
    "CRLF": ("train.csv", GOOD.replace(b"\n", b"\r\n")),
    "control characters": ("train.csv", GOOD + b"good,\x07 bell \x1b[31m red\n"),
    "a long line": ("train.csv", GOOD + b"good," + b"word " * 200_000 + b"\n"),
}


def told(task: str, folder: Path) -> list[str]:
    """What a user reads: the errors of `swinkit check`, or the sentence that it ends with."""
    try:
        found = check(task, str(folder), say=lambda _: None)
    except UserError as error:
        return [str(error)]
    return [f"{each.file}: {each.field}: {each.message}" for each in found.problems if each.level == "error"]


def measured(call: Callable[[], list[str]]) -> tuple[list[str], float, int]:
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = call()
    return found, time.process_time() - begun, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10


def prepared(folder: Path, task: str, name: str, content: bytes) -> None:
    if task == "tag":
        (folder / "train.conll").write_bytes(LINES)
    else:
        table(folder / "train.csv", sentences(12))
        if name.endswith((".tsv", ".jsonl")):
            (folder / "train.csv").unlink()
    (folder / name).write_bytes(content)


CASES = [("classify", name) for name in TABLES] + [("tag", name) for name in SENTENCES]


@pytest.mark.parametrize("task, case", CASES)
def test_what_is_wrong_is_one_sentence_with_the_file(task, case, tmp_path, record_property):
    name, content, wanted = (TABLES if task == "classify" else SENTENCES)[case]
    prepared(tmp_path, task, name, content)
    found, seconds, taken = measured(lambda: told(task, tmp_path))
    record_property("measured", f"{seconds:.2f} s, {taken >> 20} MiB")
    assert found and all("\n" not in sentence for sentence in found), found
    assert any(re.search(wanted, sentence) for sentence in found), found
    assert all(name in sentence or str(tmp_path) in sentence for sentence in found)
    assert not any("0x7f" in sentence or "Traceback" in sentence for sentence in found)
    assert seconds < SECONDS and taken < BYTES


@pytest.mark.parametrize("case", FINE)
def test_what_only_looks_odd_is_read(case, tmp_path):
    name, content = FINE[case]
    (tmp_path / name).write_bytes(content)
    found, seconds, taken = measured(lambda: told("classify", tmp_path))
    assert not found and seconds < SECONDS and taken < BYTES


@pytest.mark.parametrize(
    "content, wanted",
    [
        (b"", "holds no text"),
        (b"\x00\x01", "holds a NUL"),
        (b"\xff\xfe", "no UTF-8"),
        (b"x" * (17 << 20), "bytes are more"),
    ],
)
def test_a_text_file_of_a_class_is_named(content, wanted, tmp_path):
    for name in ("ham", "spam"):
        (tmp_path / "train" / name).mkdir(parents=True)
        for number in range(3):
            (tmp_path / "train" / name / f"{number}.txt").write_text(f"{name} {number}", encoding="utf-8")
    (tmp_path / "train" / "ham" / "1.txt").write_bytes(content)
    (found,) = told("classify", tmp_path)
    assert "ham/1.txt" in found and wanted in found
