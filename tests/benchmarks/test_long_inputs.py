"""Long inputs are answered by what a recipe chooses for their kind, and the memory of that is told."""

from __future__ import annotations

from pathlib import Path

import pytest

ENOUGH = {"sound": (1, 0.05), "film": (0.1, 0.05), "volume": (70, 64)}
"""Minutes and voxels: longer than a piece, and warm."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ENOUGH)
def test_every_kind_is_answered(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import long_inputs

    size, warm = ENOUGH[kind]
    monkeypatch.setitem(long_inputs.WARM, kind, warm)
    found = long_inputs.answered(kind, size, tmp_path)
    assert found["mib"] > 0 and found["parameters"] > 10_000
    assert (tmp_path / f"out-{kind}-{size}" / "predictions.json").is_file()
