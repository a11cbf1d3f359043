"""The script that measures the way of the data: every part has a figure, and what is published replaces the old."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """Its neighbours are imported by their names, as when it is run."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    before = set(sys.modules)
    import loader

    yield loader
    for name in set(sys.modules) - before:
        if str(SCRIPTS) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_every_part_is_measured_and_published_once_a_data_set(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "RESULTS", tmp_path / "results" / "loader.json")
    monkeypatch.setattr(script, "WORKERS", (0,))
    older = {"bench": "loader", "data": "other", "value": 1.0}
    script.RESULTS.parent.mkdir()
    script.RESULTS.write_text(json.dumps([older, {**older, "data": "made"}]))
    script.main(["--tiny", "--publish"])
    kept, *rows = json.loads(script.RESULTS.read_text())
    assert kept == older
    parts = {(row["part"], row["workers"], row["cache"]): row["value"] for row in rows}
    wanted = {"read loose", "read packed", "augment", "collate", "loader", "training"}
    assert wanted <= {part for part, _, _ in parts} and len(parts) == len(rows)
    assert {cache for part, _, cache in parts if part == "loader"} == {"none", "memory"}
    assert all(value > 0 for value in parts.values())
    assert all(
        {"metric", "date", "cores", "versions", "recipe", "size", "samples", "model"} <= set(row) for row in rows
    )
    assert "of training" in capsys.readouterr().out


def test_made_pictures_are_a_data_set_and_a_folder_is_taken(script, tmp_path):
    folder = script.write(tmp_path / "made", 3, (20, 30))
    layout = script.LAYOUTS[script.recognise(folder, "segment")](path=str(folder)).resolved()
    assert len(layout.open("train")) == 3 and len(layout.classes) == script.CLASSES
    assert {path.suffix for path in (folder / "train" / "images").iterdir()} == {".jpg", ".png"}
    sample = script.MODALITIES["image"]().read(layout.open("train")[1])
    assert tuple(sample.grid.shape) == (3, 20, 30) and int(sample.target.max()) < script.CLASSES
