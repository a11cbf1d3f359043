"""A whole run: the order of steps, evaluations and checkpoints."""

from __future__ import annotations

import torch
from toy_training import Setting

from swinkit.engine import Checkpoints, Counted, Evaluated, Saved, Step, Stopped, read_weights


def events(setting: Setting, folder=None) -> list:
    if folder is None:
        return list(setting.events())
    checkpoints = Checkpoints(folder, fingerprint={}, keep=1)
    with checkpoints.lock():
        return list(setting.events(checkpoints))


def test_events_come_in_order(tmp_path):
    found = [event for event in events(Setting({"steps": 4, "evaluate_every": 2}), tmp_path)]
    kinds = [type(event) for event in found if not isinstance(event, Counted)]
    assert kinds == [Step, Step, Evaluated, Saved] * 2 + [Stopped]
    assert found[-1] == Stopped(step=4, reason="done")


def test_the_average_is_evaluated_and_the_weights_are_not_touched():
    with_average, without = Setting({"steps": 4, "ema": 0.9}), Setting({"steps": 4, "ema": None})
    events(with_average)
    events(without)
    assert all(map(torch.equal, with_average.state.model.parameters(), without.state.model.parameters()))
    assert with_average.state.evaluated is not with_average.state.model
    assert without.state.evaluated is without.state.model


def test_patience_stops_and_the_best_stays(tmp_path, monkeypatch):
    scores = iter([0.2, 0.6, 0.6, 0.5, 0.4, 0.9])
    monkeypatch.setattr("toy_training.Hits.result", lambda self: {"hits": next(scores)})
    setting = Setting({"steps": 9, "evaluate_every": 1, "patience": 3})
    found = events(setting, tmp_path)
    assert found[-1] == Stopped(step=5, reason="patience")
    assert [event.improved for event in found if isinstance(event, Evaluated)] == [True, True, False, False, False]
    assert sorted(path.name for path in tmp_path.glob("step-*")) == ["step-2", "step-5"]
    checkpoints = Checkpoints(tmp_path, fingerprint={})
    assert (checkpoints.best(), checkpoints.last()) == (tmp_path / "step-2", tmp_path / "step-5")
    assert [row["hits"] for row in setting.state.history] == [0.2, 0.6, 0.6, 0.5, 0.4]
    again = Setting({"steps": 9, "evaluate_every": 1, "patience": 3})
    checkpoints.load(tmp_path / "step-5", again.state)
    assert events(again, tmp_path) == [Stopped(step=5, reason="patience")]


def test_the_best_is_saved_even_between_two_saves(tmp_path, monkeypatch):
    scores = iter([0.1, 0.7, 0.3, 0.2])
    monkeypatch.setattr("toy_training.Hits.result", lambda self: {"hits": next(scores)})
    found = events(Setting({"steps": 4, "evaluate_every": 1, "save_every": 3}), tmp_path)
    assert [(event.step, event.best) for event in found if isinstance(event, Saved)] == [
        (1, True),
        (2, True),
        (3, False),
        (4, False),
    ]
    assert sorted(path.name for path in tmp_path.glob("step-*")) == ["step-2", "step-4"]


def test_a_figure_that_is_undefined_is_no_best(tmp_path, monkeypatch):
    monkeypatch.setattr("toy_training.Hits.result", lambda self: {})
    setting = Setting({"steps": 2, "evaluate_every": 1})
    found = events(setting, tmp_path)
    assert [(e.score, e.improved) for e in found if isinstance(e, Evaluated)] == [(None, False)] * 2
    assert setting.state.best is None and Checkpoints(tmp_path, fingerprint={}).best() == tmp_path / "step-2"


def test_weights_for_predicting_are_the_average(tmp_path):
    setting = Setting({"steps": 2})
    events(setting, tmp_path)
    state = setting.state
    found = read_weights(tmp_path / "step-2"), read_weights(tmp_path / "step-2", average=False)
    for weights, module in zip(found, (state.average, state.model), strict=True):
        assert all(torch.equal(weights[name], value) for name, value in module.state_dict().items())
