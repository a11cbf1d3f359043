"""Things are followed from frame to frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from swinkit.files import ConfigError
from swinkit.recipes.tracking import Tracker, Tracking, iou
from swinkit.types import Detections


def frame(boxes: list[list[float]], scores: list[float] | None = None, labels: list[int] | None = None) -> Detections:
    count = len(boxes)
    return Detections(
        id="f",
        boxes=torch.tensor(boxes, dtype=torch.float32).view(-1, 4),
        labels=torch.tensor(labels or [0] * count, dtype=torch.int64),
        scores=torch.tensor(scores or [0.9] * count),
        classes=("a", "b"),
        size=(200, 200),
        sure=0.5,
    )


def box(x: float, y: float, side: float = 20.0) -> list[float]:
    return [x, y, x + side, y + side]


def test_things_keep_their_numbers_while_they_move():
    tracker = Tracker()
    for time in range(20):
        order = [box(5 * time, 10), box(150 - 4 * time, 80)]
        found = tracker.update(frame(order[::-1] if time % 2 else order))
        assert [each.number for each in found] == [1, 2]
        assert found[0].box[1] == pytest.approx(10, abs=1) and found[1].box[1] == pytest.approx(80, abs=1)
        assert found[0].detection == time % 2


def test_a_thing_that_is_hidden_for_a_while_keeps_its_number():
    tracker = Tracker()
    for time in range(30):
        hidden = 10 <= time < 16
        found = tracker.update(frame([] if hidden else [box(4 * time, 50)]))
        assert [each.number for each in found] == ([] if hidden else [1])
    tracker = Tracker(Tracking(kept=3))
    numbers = {
        each.number for t in range(30) for each in tracker.update(frame([] if 10 <= t < 16 else [box(4 * t, 50)]))
    }
    assert numbers == {1, 2}


def test_a_doubtful_detection_continues_a_track_but_begins_none():
    tracker = Tracker()
    for time in range(10):
        score = 0.2 if 3 <= time < 8 else 0.9
        found = tracker.update(frame([box(3 * time, 20), box(120, 150)], [score, 0.2]))
        assert [each.number for each in found] == [1]
        assert found[0].score == pytest.approx(score)


def test_what_is_found_once_is_not_told_of():
    tracker = Tracker()
    tracker.update(frame([box(10, 10)]))
    blink = tracker.update(frame([box(10, 10), box(100, 100)]))
    after = tracker.update(frame([box(10, 10)]))
    assert [each.number for each in blink] == [each.number for each in after] == [1]
    for _ in range(2):
        last = tracker.update(frame([box(10, 10), box(60, 60)]))
    assert [each.number for each in last] == [1, 2]


def test_the_class_is_the_one_seen_most():
    tracker = Tracker()
    labels = [0, 0, 1, 0, 1, 0]
    assert [tracker.update(frame([box(10, 10)], labels=[label]))[0].label for label in labels] == [0] * 6


def test_one_thing_found_under_two_classes_is_one_track():
    tracker = Tracker()
    for time in range(6):
        found = tracker.update(frame([box(3 * time, 20), box(3 * time + 1, 21)], [0.6, 0.8], [0, 1]))
        assert [(each.number, each.label, each.detection) for each in found] == [(1, 1, 1)]
    apart = Tracker(Tracking(twice=1.0))
    assert len(apart.update(frame([box(0, 20), box(1, 21)]))) == 2


def test_what_begins_a_track_is_what_the_run_is_sure_of():
    found = frame([box(10, 10), box(60, 60)], [0.4, 0.9])
    assert len(Tracker().update(found)) == 1
    assert len(Tracker().update(replace(found, sure=0.3))) == 2
    assert len(Tracker(Tracking(sure=0.35)).update(found)) == 2


def test_boxes_are_smoother_than_what_was_found():
    rng = np.random.default_rng(0)
    tracker, raw, smooth = Tracker(), [], []
    for time in range(60):
        place = 2 * time
        seen = place + rng.normal(0, 1.5)
        (found,) = tracker.update(frame([box(seen, 50)]))
        raw.append(seen - place)
        smooth.append(found.box[0] - place)
    assert np.std(smooth[10:]) < 0.9 * np.std(raw[10:])


def test_overlap_is_that_of_hand_made_boxes():
    one, other = np.array([[0.0, 0, 4, 4]]), np.array([[2.0, 2, 6, 6], [10, 10, 12, 12], [0, 0, 4, 4]])
    np.testing.assert_allclose(iou(one, other), [[4 / 28, 0, 1]])


@pytest.mark.parametrize(
    "wrong",
    [{"doubtful": 0.9, "sure": 0.5}, {"sure": 1.5}, {"overlap": 0.0}, {"twice": 0.0}, {"kept": -1}, {"confirmed": 0}],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        Tracking(**wrong)
