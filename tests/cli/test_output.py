"""What a person at a terminal sees while something goes on."""

from __future__ import annotations

import sys

import pytest

from swinkit.cli import output


def test_it_counts_inputs_and_says_how_far_a_long_one_is(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(output, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with output.Counting("predicting") as counting:
        counting(1, 3)
        counting.within(30, 120)
        counting.within(130, 120)  # a film may be longer than it claims
    shown = capsys.readouterr().err.replace("\x1b[K", "").split("\r")
    assert shown == ["", "predicting 1/3", "predicting 1/3 (25% of the next)", "predicting 1/3 (100% of the next)", ""]


def test_it_is_silent_where_there_is_no_terminal(capsys) -> None:
    with output.Counting("predicting") as counting:
        counting(1, 3)
        counting.within(1, 2)
    assert capsys.readouterr().err == ""
