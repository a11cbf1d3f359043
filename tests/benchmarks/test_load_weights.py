"""The script that measures loading writes every layout, and each gives the same answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_every_layout_is_loaded_and_answers_alike(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import load_weights

    load_weights.write(tmp_path, "swin_t", width=24)
    found = {name: load_weights.once("swinkit", tmp_path / file) for name, file in load_weights.LAYOUTS.items()}
    assert all(each["logits"] == found["swinkit"]["logits"] for each in found.values())
    assert all(each["seconds"] > 0 for each in found.values())
