"""Dice and surface distance by hand, by brute force, and over cases."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.distance import cdist

from swinkit.metrics import DiceScore
from swinkit.metrics.dice import distance, overlap
from swinkit.types import Batch, LabelMap

NAMES = ("rest", "a", "b")


def ball(shape: tuple[int, ...], middle: tuple[float, ...], radius: float) -> np.ndarray:
    cells = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return ((cells - np.asarray(middle)) ** 2).sum(-1) <= radius**2


def test_overlap_by_hand() -> None:
    one, other = np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 1], bool)
    assert overlap(one, other) == pytest.approx(2 / 5)
    assert overlap(one, one) == 1
    assert overlap(~one & one, one) == 0
    assert overlap(~one & one, ~one & one) is None


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 2.0, 3.0)])
def test_distance_is_that_of_all_pairs_of_surface_cells(spacing: tuple[float, ...]) -> None:
    one, other = ball((14, 12, 10), (5, 5, 4), 3), ball((14, 12, 10), (7, 6, 5), 3.6)
    places = [np.argwhere(m & ~ndimage.binary_erosion(m)) * spacing for m in (one, other)]
    every = cdist(*places)
    wanted = max(np.percentile(every.min(1), 95), np.percentile(every.min(0), 95))
    assert distance(one, other, spacing) == pytest.approx(wanted)
    assert distance(one, one, spacing) == 0
    assert distance(one, one & ~one, spacing) is None


def test_things_at_the_border_have_a_surface_there() -> None:
    whole = np.ones((4, 4, 4), bool)
    half = whole.copy()
    half[2:] = False
    assert distance(whole, half, (1.0, 1.0, 1.0)) == pytest.approx(2.0)


def test_cases_are_averaged_and_what_is_nowhere_has_no_figure() -> None:
    truth = torch.zeros(2, 6, 6, dtype=torch.int64)
    truth[0, :2] = 1
    truth[1, :2] = 1
    truth[1, 4:, :5] = 2
    truth[:, 3, 3] = 255
    found = truth.clone()
    found[0, 1] = 0  # half of a is missed
    found[:, 3, 3] = 1  # counts nowhere
    found[1, 4:] = 0
    metrics, other = DiceScore(NAMES), DiceScore(NAMES)
    for index, each in enumerate((metrics, other)):
        batch = Batch(grid=torch.zeros(1, 1, 6, 6), target=truth[index : index + 1], spacings=((1.0, 3.0),))
        each.update([LabelMap(id=str(index), labels=found[index], classes=NAMES)], batch)
    assert other.score(LabelMap(id="1", labels=found[1], classes=NAMES), batch) == pytest.approx(0.5)
    metrics.merge(other)
    result = metrics.result()
    assert result["dice/a"] == pytest.approx((2 / 3 + 1) / 2)
    assert result["dice/b"] == 0  # of the one case that has it
    assert result["dice"] == pytest.approx((5 / 6 + 0) / 2)
    rows = metrics.details()["per_class"]
    assert [row["count"] for row in rows] == [2, 1]
    assert rows[1]["hd95"] is None
    with pytest.raises(ValueError, match="differ in size"):
        metrics.count(np.zeros((2, 2)), np.zeros((2, 3)))
