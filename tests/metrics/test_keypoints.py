"""Figures about points, against numbers worked out by hand."""

from __future__ import annotations

import json
import math
import pickle

import pytest
import torch

from swinkit.metrics import KeypointError
from swinkit.types import Batch, Keypoints, Objects

NAMES = ("left_shoulder", "right_hip", "nose")


def truth(points, box=(0.0, 0.0, 100.0, 50.0), area=None) -> Objects:
    return Objects(
        boxes=torch.tensor([box]),
        labels=torch.zeros(1, dtype=torch.int64),
        crowd=torch.zeros(1, dtype=torch.bool),
        points=torch.tensor([points], dtype=torch.float32),
        areas=None if area is None else torch.tensor([area]),
    )


def answer(points, name="a", score=0.9) -> Keypoints:
    rows = torch.tensor([[[x, y, score] for x, y in points]], dtype=torch.float32)
    return Keypoints(id=name, points=rows, boxes=torch.zeros(1, 4), names=NAMES, skeleton=(), size=(50, 100))


def batch(*targets) -> Batch:
    return Batch(grid=torch.zeros(len(targets), 1, 1, 1), target=list(targets))


TRUE = [[10, 10, 2], [40, 50, 1], [70, 20, 0]]  # the torso is 50 long, the nose has no label
FOUND = [(10, 29), (40, 71), (0, 0)]  # 19 and 21 away; the longer side is 100


def test_pck_and_distances_are_those_worked_out_by_hand():
    metrics = KeypointError(NAMES, torso=(0, 1))
    metrics.update([answer(FOUND)], batch(truth(TRUE)))
    assert metrics.result() == pytest.approx(
        {"pck": 0.5, "pck_torso": 0.0, "rmse_px": math.sqrt((19**2 + 21**2) / 2), "mean_px": 20.0}
    )
    rows = metrics.details()["per_class"]
    assert [row["pck"] for row in rows] == [1.0, 0.0, None] and [row["count"] for row in rows] == [1, 1, 0]
    assert rows[0]["distance"] == pytest.approx(0.19)
    assert json.loads(json.dumps(metrics.details(), allow_nan=False)) == metrics.details()
    assert metrics.score(answer(FOUND), batch(truth(TRUE))) == 0.5


def test_the_torso_counts_only_where_both_of_its_ends_are_labelled():
    metrics = KeypointError(NAMES, torso=(0, 1))
    metrics.update([answer(FOUND)], batch(truth([TRUE[0], [0, 0, 0], TRUE[2]])))
    assert set(metrics.result()) == {"pck", "rmse_px", "mean_px"}


def oks(distance: float, sigma: float, area: float) -> float:
    return math.exp(-(distance**2) / (2 * area * (2 * sigma) ** 2))


def test_average_precision_is_that_of_similarities_worked_out_by_hand():
    """One thing a picture: with equal scores AP at a threshold is the share of things above it."""
    sigmas, area = (0.1, 0.1, 0.1), 2000.0
    similarities, metrics = [], KeypointError(NAMES, sigmas=sigmas)
    for index, shift in enumerate((0, 4, 8, 12, 30)):
        points = [(x + shift, y) for x, y, _ in TRUE]
        metrics.update([answer(points, f"{index}", 1 - index / 10)], batch(truth(TRUE, area=area)))
        similarities.append(oks(shift, 0.1, area))
    expected = []
    for threshold in [0.5 + 0.05 * step for step in range(10)]:
        hits = sum(value >= threshold for value in similarities)  # those with the best scores are the nearest
        expected.append((math.floor(100 * hits / 5) + 1) / 101)
    found = metrics.result()
    assert found["oks_ap"] == pytest.approx(sum(expected) / 10, abs=1e-6)
    assert found["oks_ap50"] == pytest.approx(expected[0], abs=1e-6)


def test_without_an_area_it_is_a_share_of_the_box():
    near = KeypointError(NAMES, sigmas=(0.05,) * 3)
    shift = 12
    assert oks(shift, 0.05, 100 * 50) < 0.5 < oks(shift, 0.05, 200 * 100 * 0.53)
    for box, value in (((0.0, 0.0, 100.0, 50.0), 0.0), ((0.0, 0.0, 200.0, 100.0), 1.0)):
        near = KeypointError(NAMES, sigmas=(0.05,) * 3)
        near.update([answer([(x + shift, y) for x, y, _ in TRUE])], batch(truth(TRUE, box)))
        assert near.result()["oks_ap50"] == pytest.approx(value)


def test_who_counted_what_changes_nothing():
    pairs = [(answer([(x + i, y) for x, y, _ in TRUE], f"{i}", 0.5 + i / 20), truth(TRUE)) for i in range(9)]
    whole, merged = (KeypointError(NAMES, sigmas=(0.1,) * 3, torso=(0, 1)) for _ in range(2))
    whole.update([one for one, _ in pairs], batch(*(other for _, other in pairs)))
    for one, other in reversed(pairs):
        part = KeypointError(NAMES, sigmas=(0.1,) * 3, torso=(0, 1))
        part.update([one], batch(other))
        merged.merge(pickle.loads(pickle.dumps(part)))
    assert merged.result() == whole.result() and merged.details() == whole.details()
    with pytest.raises(ValueError, match="cannot add"):
        merged.merge(KeypointError(("x",)))


def test_what_has_no_label_counts_nowhere():
    metrics = KeypointError(NAMES, sigmas=(0.1,) * 3)
    assert metrics.result() == {} and metrics.details()["per_class"][0]["pck"] is None
    nothing = truth(TRUE).chosen(torch.zeros(0, dtype=torch.int64))
    metrics.update([answer(FOUND), answer(FOUND)], batch(truth([[0, 0, 0]] * 3), nothing))
    assert metrics.result() == {}
    assert metrics.score(answer(FOUND), batch(nothing)) is None


def test_targets_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="1 predictions for 2 targets"):
        KeypointError(NAMES).update([answer(FOUND)], batch(truth(TRUE), truth(TRUE)))
    with pytest.raises(ValueError, match=r"a: the target has \(1, 2\) points, the prediction \(1, 3\)"):
        KeypointError(NAMES).update([answer(FOUND)], batch(truth(TRUE[:2])))
