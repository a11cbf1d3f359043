"""The settings of a run."""

from __future__ import annotations

import json
import math

import pytest

from swinkit.engine import Training
from swinkit.engine.training import cores
from swinkit.files import ConfigError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch", 0),
        ("batch", 2.5),
        ("micro_batch", 0),
        ("workers", -1),
        ("rate", 0.0),
        ("rate", math.nan),
        ("clip", -1.0),
        ("weight_decay", -0.1),
        ("betas", (0.9, 1.0)),
        ("layer_decay", 0.0),
        ("layer_decay", 1.1),
        ("warmup", -1),
        ("schedule", "linear"),
        ("precision", "fp8"),
        ("ema", 1.0),
        ("patience", 0),
        ("evaluate_every", 0),
        ("keep", 0),
        ("seed", -1),
        ("processes", 99),
    ],
)
def test_a_wrong_value_dies_at_construction_with_its_name(name, value):
    with pytest.raises(ConfigError, match=f"training.{name if name != 'processes' else 'batch'}: "):
        Training(steps=10, **{name: value})


@pytest.mark.parametrize("given", [{}, {"steps": 3, "epochs": 2}])
def test_the_length_is_given_exactly_once(given):
    with pytest.raises(ConfigError, match="exactly one"):
        Training(**given)


@pytest.mark.parametrize(
    ("epochs", "samples", "total"), [(3, 16, 3), (1, 17, 2), (0.5, 320, 10), (10, 1, 1), (0.001, 1, 1)]
)
def test_epochs_are_passes_over_the_data(epochs, samples, total):
    assert Training(epochs=epochs, batch=16).total(samples) == total


def test_the_rate_rises_and_falls():
    cosine = Training(steps=100, warmup=10)
    factors = [cosine.factor(step, 100) for step in range(101)]
    assert factors[:2] == [1 / 11, 2 / 11] and factors[10] == 1.0 and factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0, abs=1e-12)
    assert all(a < b for a, b in zip(factors[:10], factors[1:11], strict=True))
    assert all(a > b for a, b in zip(factors[10:], factors[11:], strict=False))
    poly = Training(steps=100, warmup=0, schedule="poly", power=0.9)
    assert [poly.factor(step, 100) for step in (0, 50)] == [1.0, 0.5**0.9]
    constant = Training(steps=100, warmup=0.1, schedule="constant")
    assert [constant.factor(step, 100) for step in (9, 10, 99)] == [10 / 11, 1.0, 1.0]


def test_what_is_due_once_an_epoch_is_due_once_an_epoch():
    training = Training(epochs=5, batch=6)
    total = training.total(20)
    due = [step for step in range(1, total + 1) if training.due(step, total, 20, None)]
    assert due == [4, 7, 10, 14, 17]  # the first steps that have seen 20, 40, 60 ... samples
    assert [step for step in range(1, 10) if training.due(step, 9, 20, 4)] == [4, 8, 9]
    tiny = Training(steps=4, batch=50)
    assert [step for step in range(1, 5) if tiny.due(step, 4, 20, None)] == [1, 2, 3, 4]


def test_the_fingerprint_is_plain_and_leaves_out_what_changes_no_number():
    values = Training(steps=10).fingerprint()
    assert json.loads(json.dumps(values)) == values
    assert not {"workers", "keep", "device", "save_every"} & set(values)
    assert Training(steps=10, workers=7, keep=5).fingerprint() == values != Training(steps=11).fingerprint()


@pytest.mark.parametrize(
    ("cores", "processes", "device", "wanted"),
    [(1, 1, "cpu", 0), (2, 1, "cpu", 0), (3, 1, "cpu", 1), (16, 1, "cpu", 2), (6, 2, "cpu", 1), (2, 1, "cuda", 2)],
)
def test_loaders_leave_the_training_its_cores(monkeypatch, cores, processes, device, wanted):
    monkeypatch.setattr("swinkit.engine.training.cores", lambda: cores)
    assert Training(steps=1, processes=processes).loaders(device) == wanted
    assert Training(steps=1, processes=processes, workers=3).loaders(device) == 3


def test_there_is_at_least_one_core():
    assert cores() >= 1
