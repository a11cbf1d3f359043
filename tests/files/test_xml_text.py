from __future__ import annotations

import os

import pytest

from swinkit.files import DataError
from swinkit.files.xml_text import LARGEST, parse_xml, read_xml


def test_elements_are_read_in_any_declared_encoding(tmp_path):
    for encoding in ("utf-8", "utf-16", "latin-1"):
        text = f'<?xml version="1.0" encoding="{encoding}"?><a><b>\xe9</b><b>&amp;</b></a>'
        (tmp_path / "a.xml").write_bytes(text.encode(encoding))
        assert [b.text for b in read_xml(tmp_path / "a.xml").findall("b")] == ["\xe9", "&"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<!DOCTYPE a><a/>", "document type"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        ('<!DOCTYPE a SYSTEM "http://localhost/x.dtd"><a/>', "document type"),
        ("<a>&b;</a>", "is not XML"),
        ("<a><b></a>", "line 1: is not XML"),
        ("<a/><a/>", "is not XML"),
        ("", "is not XML"),
        ("<a>" * 100, "nested too deeply"),
        ("<a>" + "<b/>" * 200_001 + "</a>", "more than 200000 elements"),
    ],
)
def test_what_could_grow_or_reach_out_is_refused(text, says):
    with pytest.raises(ValueError, match=says):
        parse_xml(text.encode())


def test_files_are_bounded_and_plain(tmp_path):
    with pytest.raises(DataError, match="none.xml: does not exist"):
        read_xml(tmp_path / "none.xml")
    with pytest.raises(DataError, match="is not a plain file"):
        read_xml(tmp_path)
    with (tmp_path / "a.xml").open("wb") as file:
        os.truncate(file.fileno(), LARGEST + 1)
    with pytest.raises(DataError, match="bytes are more than"):
        read_xml(tmp_path / "a.xml")
