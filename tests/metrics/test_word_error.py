"""Words and characters that are wrong, counted by hand."""

from __future__ import annotations

import pytest
import torch

from swinkit.metrics import WordError
from swinkit.types import Batch, Transcript

UNITS = ("a", "b", " ")


def said(text: str) -> Transcript:
    return Transcript(id="x", text=text, words=(), score=1.0, units=UNITS)


def batch(*texts: str | None) -> Batch:
    rows = [torch.tensor([-1] if text is None else [UNITS.index(unit) for unit in text]) for text in texts]
    target = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)
    return Batch(grid=torch.zeros(len(texts), 1, 4), target=target)


def test_rates_are_over_all_words_together():
    metrics = WordError()
    metrics.update([said("a b"), said("b a a"), said("a")], batch("a b a", "b a", None))
    assert metrics.result() == pytest.approx(
        {"wer": 2 / 5, "cer": 4 / 8, "character_accuracy": 0.5, "sentence_accuracy": 0.0}
    )
    assert metrics.details()["words"] == {"hits": 4, "substitutions": 0, "deletions": 1, "insertions": 1}


def test_a_rate_may_exceed_one_and_the_score_stays_at_nothing():
    metrics, bad = WordError(), said("b b b b")
    metrics.update([bad], batch("a"))
    assert metrics.result()["wer"] == 4 and metrics.result()["character_accuracy"] == 0
    assert metrics.score(bad, batch("a")) == 0 and metrics.score(said("a"), batch("a")) == 1
    assert metrics.score(bad, batch(None)) is None and WordError().result() == {}


def test_nothing_said_is_all_deleted():
    metrics = WordError()
    metrics.update([said("")], batch("a b"))
    assert metrics.result()["wer"] == 1 and metrics.result()["cer"] == 1
