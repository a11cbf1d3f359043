"""n-gram models on disk."""

from __future__ import annotations

import math

import pytest

from swinkit.files import DataError
from swinkit.files.arpa import read_arpa, write_arpa
from swinkit.ops.ngram import Ngram, counted

KNOWN = """\\data\\
ngram 1=4
ngram 2=1

\\1-grams:
-99 <s> -0.5
-1.0 </s>
-0.5 a -0.25
-2.0 <unk>

\\2-grams:
-0.1 <s> a

\\end\\
"""


def test_a_model_comes_back_as_it_was_written(tmp_path):
    model = counted(["a b", "b a a"], 3)
    write_arpa(tmp_path / "lm.arpa", model.table)
    read = Ngram(*read_arpa(tmp_path / "lm.arpa"))
    assert read.order == 3
    for before, word in ((["a"], "b"), (["b", "a"], "a"), ([], "never")):
        assert read.word(before, word) == pytest.approx(model.word(before, word), abs=1e-5)


def test_unknown_beginnings_back_off(tmp_path):
    (tmp_path / "lm.arpa").write_text(KNOWN)
    model = Ngram(*read_arpa(tmp_path / "lm.arpa"))
    assert model.word([], "a") == pytest.approx(-0.1 * math.log(10))
    assert model.end(["a"]) == pytest.approx((-0.25 - 1.0) * math.log(10))
    assert model.word(["a"], "zebra") == pytest.approx((-0.25 - 2.0) * math.log(10))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no ARPA file"),
        (KNOWN.replace("\\end\\", ""), "cut short"),
        (KNOWN.replace("-0.5 a", "x a"), "line 8: 'x'"),
        (KNOWN.replace("-0.1 <s> a", "-0.1 <s>"), "line 12: wanted a number, 2 words"),
        (KNOWN.replace("-2.0", "2.0"), "line 9: wanted logarithms"),
    ],
)
def test_damage_is_told_with_its_line(tmp_path, content, message):
    (tmp_path / "lm.arpa").write_text(content)
    with pytest.raises(DataError, match=message):
        read_arpa(tmp_path / "lm.arpa")
