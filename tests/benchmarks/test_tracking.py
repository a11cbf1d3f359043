"""The benchmarks of tracks: their films and their truth, the baseline by hand, the controls of the actions."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from swinkit.datasets import Gaits
from swinkit.metrics import Seen


def test_films_are_the_same_every_time_and_their_truth_is_what_is_seen(tmp_path: Path) -> None:
    from moving_digits import SIZE, clip

    one, again, other = (clip(number, split="val", frames=4) for number in (1, 1, 2))
    assert np.array_equal(one.frames, again.frames) and not np.array_equal(one.frames, other.frames)
    assert one.frames.shape == (4, *SIZE, 3) and len(one.truth) == 4
    still = clip(1, split="val", frames=1).frames[0]
    for seen in one.truth:
        assert len(set(seen.numbers.tolist())) == len(seen.numbers) == len(seen.boxes)
        assert (seen.boxes[:, 2:] > seen.boxes[:, :2]).all() and seen.boxes.min() >= 0
        assert (seen.boxes[:, [2, 3]] <= SIZE[::-1]).all()
    for left, top, right, bottom in one.truth[0].boxes.astype(int).tolist():
        assert still[top:bottom, left:right].max() >= 100  # a digit is brighter than its background
    film = cv2.VideoCapture(str(one.write(tmp_path)))
    assert film.read()[1].shape == (*SIZE, 3)


def test_the_baseline_links_to_the_frame_before_only() -> None:
    from tracking import linked

    def box(left: float) -> list[float]:
        return [left, 0.0, left + 10, 10.0]

    frames = [[box(0), box(50)], [box(51), box(2)], [box(52)], [box(4), box(53)]]
    found = [(np.array(boxes), np.full(len(boxes), 0.9)) for boxes in frames]
    assert [seen.numbers.tolist() for seen in linked(found, 0.5, 0.3)] == [[1, 2], [2, 1], [2], [3, 2]]
    assert [len(seen.numbers) for seen in linked(found, 0.95, 0.3)] == [0, 0, 0, 0]
    twice = [(np.array([box(0), box(1)]), np.array([0.6, 0.9]))]
    assert linked(twice, 0.5, 0.3)[0].boxes.tolist() == [box(1)]


def test_figures_are_read_from_what_predict_writes(tmp_path: Path) -> None:
    from moving_digits import Clip
    from tracking import detected, followed, jitter, scored

    (tmp_path / "a-tracks.csv").write_text(
        "frame,track,class,score,left,top,right,bottom\n0,1,3,0.9,0,0,10,10\n2,1,3,0.9,2,0,12,10\n2,2,3,0.9,40,0,50,10\n"
    )
    seen = followed(tmp_path / "a-tracks.csv", 3)
    assert [each.numbers.tolist() for each in seen] == [[1], [], [1, 2]]
    lines = [{"objects": [{"bbox": [left, 0, 10, 10], "score": 0.9, "class": "3"}]} for left in (1, 0, 1)]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    found = detected(tmp_path / "a.jsonl")
    assert found[0][0].tolist() == [[1, 0, 11, 10]]
    truth = [Seen(np.array([7]), np.array([[float(t), 0, 10 + t, 10]])) for t in range(3)]
    film = Clip(name="a", frames=np.zeros((3, 4, 4, 3), np.uint8), truth=truth)
    figures = scored([film], [seen])
    assert (figures["misses"], figures["false"], figures["idf1"]) == (1, 1, pytest.approx(4 / 6, abs=1e-4))
    still = [Seen(np.array([1]), each.boxes) for each in truth]
    shaking = jitter([film], [still], [found])
    assert shaking["jitter_px"]["tracked"] == 0 < shaking["jitter_px"]["detected"]


def test_the_controls_of_the_actions_learn_and_their_files_are_tracks(tmp_path: Path) -> None:
    from actions import controls, written

    from swinkit.datasets import SeriesFiles

    gaits = Gaits(people=(3, 1, 1), clips=1)
    found = controls(gaits, ["val"])
    assert len(found) == 4 and all(0 <= each["val"] <= 1 for each in found.values())
    data = SeriesFiles(path=str(written(gaits, tmp_path / "data"))).resolved()
    assert [len(data.open(split)) for split in data.splits()] == [18, 6, 6]
    assert len(data.classes) == 6 and len(data.names) == 13
