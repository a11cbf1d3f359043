"""metrics.csv grows with its columns, and a resumed run cuts what was never saved."""

from __future__ import annotations

import csv

import pytest

from swinkit.engine import Track
from swinkit.files import DataError


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_rows_are_there_at_once_and_columns_join(tmp_path):
    path = tmp_path / "metrics.csv"
    with Track(path) as track:
        track.add({"step": 1, "loss": 0.5})
        assert rows(path) == [{"step": "1", "loss": "0.5"}]
        track.add({"step": 2, "loss": 0.1 + 0.2})
        track.add({"step": 2, "miou": 0.25, "note": 'a, "b"\nc'})
        track.add({"step": 3, "loss": None})
    assert [row["loss"] for row in rows(path)] == ["0.5", "0.30000000000000004", "", ""]
    assert rows(path)[2]["note"] == 'a, "b"\nc'


def test_resuming_cuts_later_rows_and_a_torn_line(tmp_path):
    path = tmp_path / "metrics.csv"
    with Track(path) as track:
        for step in range(1, 6):
            track.add({"step": step, "loss": step / 10})
    with path.open("a") as file:
        file.write("6,0.")
    with Track(path, step=3) as track:
        assert [row["step"] for row in rows(path)] == ["1", "2", "3"]
        track.add({"step": 4, "loss": 0.9})
    assert [row["loss"] for row in rows(path)] == ["0.1", "0.2", "0.3", "0.9"]


def test_a_fresh_start_empties_the_table(tmp_path):
    path = tmp_path / "metrics.csv"
    with Track(path) as track:
        track.add({"step": 1})
    Track(path).close()
    assert rows(path) == []


def test_a_table_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"metrics\.csv: header: is no table of a run"):
        Track(path, step=3)
    assert path.read_text() == "a,b\n1,2\n"
