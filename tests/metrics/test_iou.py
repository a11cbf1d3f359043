from __future__ import annotations

import json
import pickle
import random

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, jaccard_score
from torchmetrics.functional.classification import multiclass_confusion_matrix

from swinkit.metrics import MeanIou
from swinkit.types import Batch, LabelMap

NAMES = ("road", "sky", "tree", "car")
SIZES = [(9,), (6, 7), (3, 4, 5)]


def maps(size: tuple[int, ...], count: int = 3, classes: int = 4) -> tuple[list[LabelMap], list[torch.Tensor]]:
    torch.manual_seed(1)
    targets = [torch.randint(0, classes, size) for _ in range(count)]
    labels = [torch.where(torch.rand(size) < 0.6, t, torch.randint(0, classes, size)) for t in targets]
    for target in targets:
        target.view(-1)[::5] = 255
    return [LabelMap(id=str(i), labels=x, classes=NAMES) for i, x in enumerate(labels)], targets


def batch(targets: object, sizes: tuple[tuple[int, ...], ...] = ()) -> Batch:
    return Batch(grid=torch.zeros(3, 1, 1), target=targets, sizes=sizes)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_figures_equal_those_of_scikit_learn_and_torchmetrics(size: tuple[int, ...]) -> None:
    predictions, targets = maps(size)
    metrics = MeanIou(NAMES)
    metrics.update(predictions, batch(targets))
    truth, chosen = torch.stack(targets).flatten(), torch.stack([p.labels for p in predictions]).flatten()
    theirs = multiclass_confusion_matrix(chosen, truth, num_classes=4, ignore_index=255)
    assert metrics.confusion.equal(theirs)
    y, z = truth[truth != 255].numpy(), chosen[truth != 255].numpy()
    assert (metrics.confusion.numpy() == confusion_matrix(y, z, labels=range(4))).all()
    result = metrics.result()
    ious = jaccard_score(y, z, average=None, labels=range(4))
    assert [result[f"iou/{name}"] for name in NAMES] == pytest.approx(ious)
    assert result["miou"] == pytest.approx(ious.mean())
    assert result["pixel_accuracy"] == pytest.approx(accuracy_score(y, z))
    assert result["mean_accuracy"] == pytest.approx(balanced_accuracy_score(y, z))


def test_a_class_that_occurs_nowhere_is_left_out_and_one_only_predicted_counts_as_zero() -> None:
    metrics = MeanIou(NAMES)
    metrics.count(torch.tensor([0, 0, 1, 2]), torch.tensor([0, 0, 1, 1]))
    result = metrics.result()
    assert result["iou/tree"] == 0 and "iou/car" not in result
    assert result["miou"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert result["mean_accuracy"] == pytest.approx((1 + 0.5) / 2)
    assert metrics.details()["per_class"][3] == {"name": "car", "iou": None, "accuracy": None, "count": 0}


def test_nothing_counted_gives_no_figures() -> None:
    metrics = MeanIou(NAMES)
    metrics.count(torch.tensor([0, 1]), torch.tensor([255, 255]))
    assert metrics.result() == {}
    assert json.loads(json.dumps(metrics.details()))["confusion"] == [[0] * 4] * 4


def test_any_split_among_processes_gives_the_same_counts() -> None:
    predictions, targets = maps((6, 7), count=7)
    whole = MeanIou(NAMES)
    whole.update(predictions, batch(targets))
    rng = random.Random(0)
    parts = [MeanIou(NAMES) for _ in range(3)]
    for prediction, target in zip(predictions, targets, strict=True):
        rng.choice(parts).update([prediction], batch([target]))
    merged = MeanIou(NAMES)
    for part in parts:
        merged.merge(pickle.loads(pickle.dumps(part)))
    assert merged.confusion.equal(whole.confusion) and merged.result() == whole.result()


def test_targets_padded_beyond_the_size_of_a_sample_are_cropped() -> None:
    padded = torch.zeros(2, 4, 4, dtype=torch.int64)
    predictions = [LabelMap(id="a", labels=torch.ones(2, 3, dtype=torch.int64)), LabelMap(id="b", labels=padded[1])]
    metrics = MeanIou(NAMES)
    metrics.update(predictions, batch(padded, sizes=((2, 3), (4, 4))))
    assert metrics.confusion[0].tolist() == [16, 6, 0, 0]


def test_several_ignored_ids() -> None:
    metrics = MeanIou(NAMES, ignore=(255, 9))
    metrics.count(torch.tensor([0, 1, 2]), torch.tensor([0, 9, 255]))
    assert int(metrics.confusion.sum()) == 1


def test_errors_name_the_map() -> None:
    metrics = MeanIou(NAMES)
    with pytest.raises(ValueError, match="street: prediction .* differ in size"):
        metrics.count(torch.zeros(2, 3).long(), torch.zeros(3, 2).long(), "street")
    with pytest.raises(ValueError, match="street: the target holds class 7"):
        metrics.count(torch.zeros(2).long(), torch.tensor([1, 7]), "street")
    with pytest.raises(ValueError, match="1 predictions for 2 targets"):
        metrics.update([LabelMap(id="a", labels=torch.zeros(1).long())], batch(torch.zeros(2, 1)))
    with pytest.raises(ValueError, match="cannot add counts"):
        metrics.merge(MeanIou(("a", "b")))


def test_details_are_plain_and_add_up() -> None:
    predictions, targets = maps((6, 7))
    metrics = MeanIou(NAMES)
    metrics.update(predictions, batch(targets))
    details = json.loads(json.dumps(metrics.details()))
    cells = [row["count"] for row in details["per_class"]]
    assert cells == np.array(details["confusion"]).sum(1).tolist()
