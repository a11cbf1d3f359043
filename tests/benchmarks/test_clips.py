"""The benchmark of fight clips: what its controls see, and how folds and seeds become one figure."""

from __future__ import annotations

import numpy as np
import pytest

from swinkit.modalities import Video
from swinkit.types import Record


def test_controls_see_where_things_move() -> None:
    from clips import CELLS, _change

    modality = Video(frames=4, size=(16, 16), shorter=24, colour=False)
    frames = np.zeros((4, 24, 32, 3), np.uint8)
    still = _change(modality, Record(id="still", source=frames, target=0))
    assert still.shape == (CELLS[0] * CELLS[1],) and not still.any()
    frames[1::2, :8, :8] = 200  # the upper left corner flickers
    moving = _change(modality, Record(id="moving", source=frames, target=0)).reshape(CELLS[1], CELLS[0])
    assert moving[0, 0] == pytest.approx(200) and not moving[CELLS[1] // 2 :].any()


def test_a_figure_has_the_interval_of_its_clips() -> None:
    from clips import _figures

    found = _figures(np.array([1.0, 0.0] * 50))
    assert found["value"] == 0.5 and found["clips"] == 100
    low, high = found["interval"]
    assert 0.38 < low < 0.43 and 0.57 < high < 0.62
    assert _figures(np.ones(20))["interval"] == [1.0, 1.0]
