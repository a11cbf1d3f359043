"""`swinkit models` and `swinkit doctor`."""

from __future__ import annotations

import json

import pytest

from swinkit.backbone import SIZES
from swinkit.cli import doctor, models
from swinkit.cli.main import main


@pytest.fixture
def few(monkeypatch):
    """Counting every size takes a while; these are of all ranks."""
    names = ["swin_nano", "swin_t", "swin_nano_1d", "swin_nano_3d"]
    assert models._names() == list(SIZES)
    monkeypatch.setattr(models, "_names", lambda: names)
    return names


def test_models_in_json(few, capsys):
    assert main(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == few
    assert rows["swin_t"]["parameters"] == 28_288_354
    assert rows["swin_t"]["gmacs"] == pytest.approx(4.49, rel=0.005)
    assert "swin_tiny_patch4_window7_224" in rows["swin_t"]["aliases"]
    assert (rows["swin_nano_3d"]["rank"], rows["swin_nano_3d"]["input"]) == (3, [32, 32, 32])


def test_models_as_a_table(few, capsys):
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "rank", "parameters", "GMACs", "input"]
    assert [line.split()[0] for line in lines[1:]] == few
    assert "28,288,354" in lines[2]


def test_doctor_in_json(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["versions"]["torch"]
    assert found["devices"]["cpu"]["threads"] >= 1
    assert found["problems"] == []
    assert {"torch.compile", "triton", "matplotlib"} <= set(found["caches"])
    assert found["extras"]["export"]["packages"]["onnx"]


def test_doctor_says_how_to_install_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_requirements", lambda: (["torch"], {"fly": ["no-such-package-at-all"]}))
    assert main(["doctor"]) == 0
    assert "missing: pip install 'swinkit[fly]'" in capsys.readouterr().out


def test_doctor_fails_where_something_needed_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "_requirements", lambda: (["torch", "no-such-package-at-all"], {}))
    assert main(["doctor"]) == 1
    assert "no-such-package-at-all is missing" in capsys.readouterr().out
