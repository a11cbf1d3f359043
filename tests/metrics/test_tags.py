"""Figures over words and spans."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swinkit.metrics.tags import TagAccuracy, spans
from swinkit.types import Batch, Tags

CLASSES = ("O", "B-a", "I-a", "B-b", "I-b")


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("O B-a I-a O", {("a", 1, 3)}),
        ("B-a B-a I-a", {("a", 0, 1), ("a", 1, 3)}),
        ("I-a I-a O I-b", {("a", 0, 2), ("b", 3, 4)}),
        ("B-a I-b I-b", {("a", 0, 1), ("b", 1, 3)}),
        ("O O", set()),
    ],
)
def test_spans_are_those_of_conlleval(tags, found):
    assert spans(tags.split()) == found


def test_words_and_spans_are_counted_at_first_pieces():
    truth = torch.full((2, 6), -1)
    truth[0, [0, 2, 3]] = torch.tensor([1, 2, 0])
    truth[1, [0, 1]] = torch.tensor([0, 3])
    batch = Batch(grid=torch.zeros(2, 1, 6), target=truth, places=(np.array([0, 2, 3]), np.array([0, 1])))
    answers = [
        Tags(id=str(i), labels=torch.tensor(labels), scores=torch.ones(len(labels)), classes=CLASSES)
        for i, labels in enumerate(([1, 2, 0], [3, 3]))
    ]
    metrics = TagAccuracy(CLASSES)
    metrics.update(answers, batch)
    result = metrics.result()
    assert result["accuracy"] == pytest.approx(4 / 5) and result["whole_texts"] == 0.5
    assert result["span_f1"] == pytest.approx(2 * 2 / (3 + 2))
    assert metrics.score(answers[1], batch.chosen([1])) == 0.5
    assert [row["count"] for row in metrics.details()["per_class"]] == [2, 1, 1, 1, 0]
