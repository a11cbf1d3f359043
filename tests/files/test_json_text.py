from __future__ import annotations

import os

import pytest

from swinkit.files import DataError
from swinkit.files.json_text import parse_json, read_json


def test_values_are_read_with_or_without_a_byte_order_mark(tmp_path):
    for start in (b"", b"\xef\xbb\xbf"):
        (tmp_path / "a.json").write_bytes(start + b'{"a": [1, 2.5, "x", null, true]}\r\n')
        assert read_json(tmp_path / "a.json") == {"a": [1, 2.5, "x", None, True]}


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "NaN", "[-Infinity]", "[1e999]", "1e999", "[" * 100_000, "{", ""])
def test_what_is_no_plain_value_is_refused(text):
    with pytest.raises(ValueError, match="."):
        parse_json(text)


def test_depth_is_bounded():
    assert parse_json("[[[]]]", deepest=3) == [[[]]]
    for text in ("[[[[]]]]", '{"a": {"a": {"a": {"a": 1}}}}'):
        with pytest.raises(ValueError, match="is nested too deeply"):
            parse_json(text, deepest=2)


def test_files_are_bounded_and_plain(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2, 3]")
    with pytest.raises(DataError, match=r"a.json: 9 bytes are more than the 8 that are read"):
        read_json(tmp_path / "a.json", largest=8)
    with pytest.raises(DataError, match=r"none.json: does not exist"):
        read_json(tmp_path / "none.json")
    with pytest.raises(DataError, match="is not a plain file"):
        read_json(tmp_path)
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="is not a plain file"):
        read_json(tmp_path / "pipe.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_json(tmp_path / "b.json")
