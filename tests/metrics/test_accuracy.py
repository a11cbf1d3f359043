"""Accuracy, calibration and confusion, against torchmetrics."""

from __future__ import annotations

import json

import pytest
import torch
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
)

from swinkit.metrics import Accuracy
from swinkit.types import Batch, ClassScores

NAMES = tuple("abcdefgh")


def answers(scores: torch.Tensor) -> list[ClassScores]:
    return [ClassScores(id=str(index), scores=row, classes=NAMES) for index, row in enumerate(scores)]


@pytest.fixture
def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    truth = torch.randint(0, 7, (400,), generator=generator)  # the last class never occurs
    logits = torch.randn(400, 8, generator=generator)
    logits[torch.arange(400), truth] += 1.5
    return logits.softmax(1), truth


def test_figures_are_torchmetrics(drawn):
    scores, truth = drawn
    metrics = Accuracy(NAMES)
    for part in (slice(0, 150), slice(150, 400)):
        metrics.update(answers(scores[part]), Batch(grid=scores[part], target=truth[part]))
    result = metrics.result()
    same = {"num_classes": 8}
    assert result["accuracy"] == pytest.approx(multiclass_accuracy(scores, truth, average="micro", **same).item())
    assert result["top5_accuracy"] == pytest.approx(
        multiclass_accuracy(scores, truth, average="micro", top_k=5, **same).item()
    )
    assert result["calibration_error"] == pytest.approx(
        multiclass_calibration_error(scores.double(), truth, n_bins=15, norm="l1", **same).item(), abs=1e-6
    )
    assert metrics.confusion.equal(multiclass_confusion_matrix(scores, truth, **same))
    found = [row["f1"] for row in metrics.details()["per_class"]]
    wanted = multiclass_f1_score(scores, truth, average="none", **same).tolist()
    assert found[:7] == pytest.approx(wanted[:7], abs=1e-6) and "recall/h" not in result
    assert result["mean_accuracy"] == pytest.approx(sum(result[f"recall/{name}"] for name in NAMES[:7]) / 7)


def test_unlabelled_samples_count_nowhere(drawn):
    scores, truth = drawn
    one, other = Accuracy(NAMES), Accuracy(NAMES)
    one.update(answers(scores), Batch(grid=scores, target=truth.where(torch.arange(400) % 2 == 0, -1)))
    other.update(answers(scores[::2]), Batch(grid=scores[::2], target=truth[::2]))
    assert one.result() == other.result() and one.details() == other.details()
    none = Accuracy(NAMES)
    none.update(answers(scores[:3]), Batch(grid=scores[:3], target=torch.full((3,), -1)))
    assert none.result() == {}


def test_a_sample_alone_is_scored_by_the_probability_of_its_class(drawn):
    scores, truth = drawn
    metrics = Accuracy(NAMES)
    assert metrics.score(answers(scores[:1])[0], Batch(grid=scores[:1], target=truth[:1])) == pytest.approx(
        scores[0, truth[0]].item()
    )
    assert metrics.score(answers(scores[:1])[0], Batch(grid=scores[:1], target=torch.tensor([-1]))) is None
    assert metrics.result() == {}


def test_details_are_plain(drawn):
    scores, truth = drawn
    metrics = Accuracy(NAMES)
    metrics.update(answers(scores), Batch(grid=scores, target=truth))
    details = json.loads(json.dumps(metrics.details()))
    assert sum(row["count"] for row in details["per_class"]) == 400
    assert sum(row["samples"] for row in details["calibration"]) == 400
    with pytest.raises(ValueError, match="cannot add counts"):
        metrics.merge(Accuracy(("x", "y")))
