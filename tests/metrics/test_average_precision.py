"""Average precision of cases worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from swinkit.metrics import AveragePrecision
from swinkit.types import Batch, Detections, Objects

CLASSES = ("cat", "dog")
BOX, OTHER, FAR = [0.0, 0, 10, 10], [20.0, 0, 30, 10], [50.0, 50, 60, 60]


def truth(*rows: tuple[list[float], int] | tuple[list[float], int, bool]) -> Objects:
    return Objects(
        boxes=torch.tensor([row[0] for row in rows]).reshape(-1, 4),
        labels=torch.tensor([row[1] for row in rows], dtype=torch.int64),
        crowd=torch.tensor([len(row) > 2 and row[2] for row in rows], dtype=torch.bool),
    )


def found(*rows: tuple[list[float], int, float], id: str = "a") -> Detections:
    return Detections(
        id=id,
        boxes=torch.tensor([row[0] for row in rows]).reshape(-1, 4),
        labels=torch.tensor([row[1] for row in rows], dtype=torch.int64),
        scores=torch.tensor([row[2] for row in rows]),
        classes=CLASSES,
        size=(64, 64),
    )


def batch(*targets: Objects) -> Batch:
    return Batch(grid=torch.zeros(len(targets), 3, 4, 4), target=list(targets))


def counted(*pairs: tuple[Detections, Objects], **settings: Any) -> AveragePrecision:
    metrics = AveragePrecision(CLASSES, **settings)
    for prediction, target in pairs:
        metrics.update([prediction], batch(target))
    return metrics


def test_all_found_is_one_and_nothing_found_is_zero():
    target = truth((BOX, 0), (OTHER, 1))
    perfect = counted((found((BOX, 0, 0.9), (OTHER, 1, 0.2)), target))
    assert perfect.result() == {"map": 1, "map50": 1, "map75": 1, "recall": 1}
    nothing = counted((found(), target))
    assert nothing.result() == {"map": 0, "map50": 0, "map75": 0, "recall": 0}


def test_precision_falls_by_what_is_wrongly_found_before_the_right_ones():
    """One of two cats found, behind one mistake: precision 1/2 up to recall 1/2, which is 51 of 101 places."""
    figures = counted((found((FAR, 0, 0.9), (BOX, 0, 0.8)), truth((BOX, 0), (OTHER, 0)))).result()
    assert figures["map50"] == pytest.approx(0.5 * 51 / 101)
    assert figures["recall"] == pytest.approx(0.5)


def test_a_loose_box_counts_up_to_its_overlap():
    loose = [0.0, 0, 10, 8]  # IoU 0.8: right at 0.5, 0.55 ... 0.8
    figures = counted((found((loose, 0, 0.9)), truth((BOX, 0)))).result()
    assert (figures["map50"], figures["map75"]) == (1, 1)
    assert figures["map"] == pytest.approx(0.7, abs=0.051)


def test_the_same_thing_is_found_once():
    figures = counted((found((BOX, 0, 0.9), (BOX, 0, 0.8), (OTHER, 0, 0.7)), truth((BOX, 0), (OTHER, 0)))).result()
    assert figures["map50"] == pytest.approx((51 + 50 * 2 / 3) / 101)


def test_crowds_are_neither_right_nor_wrong_to_find():
    target = truth((BOX, 0), (OTHER, 0, True))
    alone = counted((found((OTHER, 0, 0.9), (BOX, 0, 0.8)), target))
    assert alone.result()["map50"] == 1
    assert counted((found((BOX, 0, 0.8)), target)).result()["recall"] == 1
    assert [row["count"] for row in alone.details()["per_class"]] == [1, 0]


def test_classes_count_alike_and_those_without_truth_do_not():
    metrics = counted((found((BOX, 0, 0.9), (OTHER, 1, 0.8)), truth((BOX, 0), (FAR, 0))))
    assert metrics.result()["map50"] == pytest.approx(51 / 101)
    rows = metrics.details()["per_class"]
    assert rows[1] == {"name": "dog", "map50": None, "map": None, "count": 0} and rows[0]["count"] == 2
    json.dumps(metrics.details(), allow_nan=False)


def test_without_truth_there_are_no_figures():
    assert AveragePrecision(CLASSES).result() == {}
    assert counted((found((BOX, 0, 0.9)), truth())).result() == {}
    assert counted((found((BOX, 0, 0.9)), truth((BOX, 0, True)))).result() == {}
    assert AveragePrecision(CLASSES).details()["per_class"][0]["map"] is None


def test_a_picture_without_things_counts_what_is_found_there():
    pairs = [(found((BOX, 0, 0.5)), truth((BOX, 0))), (found((BOX, 0, 0.9), id="b"), truth())]
    assert counted(*pairs).result()["map50"] == pytest.approx(0.5)


def test_who_counted_what_changes_nothing():
    pairs = [(found((BOX, 0, 0.5), id=name), truth((BOX, 0))) for name in "abc"]
    pairs.append((found((FAR, 0, 0.5), id="d"), truth((BOX, 0))))
    whole, merged = counted(*pairs), counted(*pairs[2:])
    merged.merge(counted(*pairs[:2]))
    assert merged.result() == whole.result() and merged.details() == whole.details()
    with pytest.raises(ValueError, match="cannot add"):
        merged.merge(AveragePrecision(("cat",)))
    with pytest.raises(ValueError, match="1 predictions for 2"):
        whole.update([found()], batch(truth(), truth()))


@pytest.mark.parametrize(
    ("answers", "target", "score"),
    [
        ([(BOX, 0, 0.9), (OTHER, 1, 0.8)], [(BOX, 0), (OTHER, 1)], 1),
        ([(BOX, 0, 0.9), (FAR, 1, 0.8)], [(BOX, 0), (OTHER, 1)], 0.5),
        ([(BOX, 1, 0.9)], [(BOX, 0)], 0),
        ([(BOX, 0, 0.9), (BOX, 0, 0.8)], [(BOX, 0)], 2 / 3),
        ([(BOX, 0, 0.1)], [(BOX, 0)], 0),
        ([(OTHER, 0, 0.9)], [(OTHER, 0, True)], None),
        ([], [(BOX, 0)], 0),
        ([(BOX, 0, 0.9)], [], 0),
        ([(BOX, 0, 0.1)], [], None),
    ],
)
def test_one_picture_scores_the_f1_of_its_sure_answers(answers, target, score):
    metrics = AveragePrecision(CLASSES, sure=0.3)
    assert metrics.score(found(*answers), batch(truth(*target))) == (None if score is None else pytest.approx(score))


def test_the_threshold_chosen_is_the_one_between_right_and_wrong():
    metrics = AveragePrecision(CLASSES)
    for index in range(6):
        answers = found((BOX, 0, 0.8), (OTHER, 1, 0.7), (FAR, 0, 0.4), (FAR, 1, 0.35), id=str(index))
        metrics.update([answers], batch(truth((BOX, 0), (OTHER, 1))))
    sure = metrics.details()["chosen"]["sure"]
    assert 0.4 < sure <= 0.7
    none = AveragePrecision(CLASSES)
    none.update([found()], batch(truth((BOX, 0))))
    assert "chosen" not in none.details() and "chosen" not in AveragePrecision(CLASSES).details()
