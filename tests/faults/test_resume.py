"""A run that is left and taken up again is the run that was never left; and nothing else is taken for it."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from toy_training import Paint, Setting, Stripes

from swinkit.engine import Checkpoints, Evaluated, Interruption, Step, Stopped
from swinkit.files import CheckpointError, NonFinite

KEY = {"model": "toy", "classes": 3}


def weights(setting: Setting) -> list[torch.Tensor]:
    """Everything that a later step can depend on."""
    return [tensor for part in setting.state.tensors().values() for tensor in part.values()]


def follow(folder: Path, setting: Setting, *, leave: int = 0, kill: tuple[str, int] = ("", 0)) -> list[tuple]:
    """Go on from the newest checkpoint; leave without a word after a step, or interrupt at an event of a step."""
    checkpoints, seen = Checkpoints(folder, fingerprint=KEY), []
    with Interruption() as interruption, checkpoints.lock():
        if (last := checkpoints.last()) is not None:
            checkpoints.load(last, setting.state)
        for event in setting.events(checkpoints, interruption):
            if isinstance(event, Step):
                seen.append((event.step, event.loss.hex(), event.grad_norm.hex(), event.rate, event.ids))
            elif isinstance(event, Evaluated):
                seen.append((event.step, "evaluated", event.metrics, event.improved))
            elif isinstance(event, Stopped):
                seen.append(("stopped", event.step, event.reason))
            step = setting.state.step
            if isinstance(event, Step) and step == leave:
                break
            if kill == (type(event).__name__, step):
                os.kill(os.getpid(), signal.SIGTERM)
    return seen


CASES = {
    "plain": {},
    "workers": {"workers": 2},
    "accumulated": {"micro_batch": 3, "clip": 0.1},
    "bf16": {"precision": "bf16", "ema": None},
    "fp16": {"precision": "fp16", "schedule": "poly"},
    "muon": {"optimiser": "muon"},
}


@pytest.mark.parametrize("name", CASES)
def test_every_cut_point_gives_the_same_run(tmp_path, name):
    changes = {"steps": 8, "save_every": 1, "evaluate_every": 3, "layer_decay": 0.8, **CASES[name]}
    whole = Setting(changes)
    wanted = follow(tmp_path / "whole", whole)
    cuts = range(1, 8) if name != "workers" else (2, 5)
    for cut in cuts:
        folder = tmp_path / f"cut-{cut}"
        first = follow(folder, Setting(changes), leave=cut + 1)  # that step is lost: it was not saved
        again = Setting(changes)
        rest = follow(folder, again)
        kept = [row for row in first if row[0] <= cut]
        assert kept + rest == wanted
        assert all(map(torch.equal, weights(again), weights(whole)))
        assert again.state.history == whole.state.history and again.state.best == whole.state.best


KILLS = [("Step", 1), ("Step", 2), ("Step", 3), ("Counted", 3), ("Evaluated", 3), ("Saved", 3), ("Counted", 6)]


@pytest.mark.parametrize("kill", KILLS, ids=str)
def test_an_interrupt_saves_that_step_and_nothing_is_lost(tmp_path, kill):
    changes = {"steps": 6, "save_every": 6, "evaluate_every": 3}
    whole = Setting(changes)
    wanted = follow(tmp_path / "whole", whole)
    first = follow(tmp_path / "run", Setting(changes), kill=kill)
    assert first[-1][0] == "stopped" and first[-1][2] == "interrupted"
    assert Checkpoints(tmp_path / "run", fingerprint=KEY).last() == tmp_path / f"run/step-{first[-1][1]}"
    again = Setting(changes)
    assert first[:-1] + follow(tmp_path / "run", again) == wanted
    assert all(map(torch.equal, weights(again), weights(whole)))
    checkpoints = Checkpoints(tmp_path / "run", fingerprint=KEY)
    assert checkpoints.load(checkpoints.best()).step == whole.state.best.step


def test_the_best_of_an_evaluation_that_came_after_the_interrupt_is_found(tmp_path):
    changes = {"steps": 3, "evaluate_every": 3}
    follow(tmp_path, Setting(changes), kill=("Step", 3))
    assert Checkpoints(tmp_path, fingerprint=KEY).load(tmp_path / "step-3").values["score"] is None
    follow(tmp_path, Setting(changes))
    assert Checkpoints(tmp_path, fingerprint=KEY).load(tmp_path / "step-3").values["best"]["step"] == 3
    assert not list(tmp_path.glob("*replaced*"))


def test_a_finished_run_goes_on_to_nothing(tmp_path):
    follow(tmp_path, Setting({"steps": 3}))
    assert follow(tmp_path, Setting({"steps": 3})) == [("stopped", 3, "done")]


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    follow(folder, Setting({"steps": 2}))
    return folder / "step-2"


OTHER = {
    "rate": Setting({"steps": 2, "rate": 1e-4}),
    "batch": Setting({"steps": 2, "batch": 4}),
    "seed": Setting({"steps": 2, "seed": 1}),
    "optimiser": Setting({"steps": 2, "optimiser": "muon"}),
    "steps": Setting({"steps": 3}),
    "processes": Setting({"steps": 2, "processes": 2}),
    "ema": Setting({"steps": 2, "ema": None}),
    "samples": Setting({"steps": 2}, dataset=Stripes(25)),
}


@pytest.mark.parametrize("name", OTHER)
def test_other_settings_are_refused_by_name(saved, name):
    before = [tensor.clone() for tensor in weights(OTHER[name])]
    with pytest.raises(CheckpointError, match=f"{name}="):
        Checkpoints(saved.parent, fingerprint=KEY).load(saved, OTHER[name].state)
    assert all(map(torch.equal, weights(OTHER[name]), before)) and OTHER[name].state.step == 0


@pytest.mark.parametrize("name", ["workers", "keep", "save_every", "evaluate_every", "patience"])
def test_settings_that_change_no_number_may_differ(saved, name):
    setting = Setting({"steps": 2, name: 3})
    Checkpoints(saved.parent, fingerprint=KEY).load(saved, setting.state)
    assert setting.state.step == 2


def test_another_configuration_is_refused_by_name(saved):
    with pytest.raises(CheckpointError, match=r"classes=3, this run has 4"):
        Checkpoints(saved.parent, fingerprint={**KEY, "classes": 4}).load(saved)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: setattr(model, "extra", torch.nn.Linear(1, 1)), r"extra.* missing"),
        (lambda model: delattr(model, "unused"), r"unused.* unexpected"),
        (lambda model: setattr(model, "unused", torch.nn.Linear(9, 1)), r"unused.weight is \(1, 8\).*\(1, 9\)"),
        (lambda model: model.double(), r"float32, this model has .*float64"),
    ],
)
def test_another_model_is_refused_and_loads_nothing(saved, change, said):
    setting = Setting({"steps": 2})
    change(setting.state.model)
    before = [parameter.clone() for parameter in setting.state.model.parameters()]
    with pytest.raises(CheckpointError, match=said):
        Checkpoints(saved.parent, fingerprint=KEY).load(saved, setting.state)
    assert all(map(torch.equal, setting.state.model.parameters(), before))


def test_an_explicit_path_never_falls_back(saved, tmp_path):
    folder = shutil.copytree(saved.parent, tmp_path / "run")
    (folder / "step-2/state.json").write_text("{}")
    shutil.copytree(saved, folder / "step-1")
    checkpoints = Checkpoints(folder, fingerprint=KEY)
    for path in (folder / "step-2", folder / "step-7"):
        with pytest.raises(CheckpointError, match=path.name):
            checkpoints.load(path, Setting({"steps": 2}).state)
    assert checkpoints.last() == folder / "step-1"


def test_only_damaged_checkpoints_are_no_fresh_start(saved, tmp_path):
    folder = shutil.copytree(saved.parent, tmp_path / "run")
    (folder / "step-2/model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"no checkpoint is usable: .*model\.safetensors"):
        Checkpoints(folder, fingerprint=KEY).last()
    assert Checkpoints(tmp_path / "none", fingerprint=KEY).last() is None


def test_what_is_not_finite_is_never_saved(tmp_path):
    setting = Setting({"steps": 2})
    checkpoints = Checkpoints(tmp_path, fingerprint=KEY)
    with checkpoints.lock():
        for part in ("model", "average", "optimiser"):
            fresh = Setting({"steps": 3})
            for _ in zip(range(2), fresh.events(), strict=False):
                pass
            parameter = next(fresh.state.model.parameters())
            broken = {
                "model": parameter.data,
                "average": next(fresh.state.average.parameters()).data,
                "optimiser": fresh.state.optimiser.state[parameter]["exp_avg"],
            }[part]
            broken.view(-1)[0] = float("nan")
            with pytest.raises(NonFinite, match=f"{part}: bias"):
                checkpoints.save(fresh.state)
        assert checkpoints.candidates() == []
        checkpoints.save(setting.state)
    assert checkpoints.last() == tmp_path / "step-0"


def test_one_loss_name_or_many_resume_alike(tmp_path):
    task = Paint(second=False)
    whole, again = (Setting({"steps": 4, "micro_batch": 3, "save_every": 1}, task=task) for _ in range(2))
    wanted = follow(tmp_path / "whole", whole)
    first = follow(tmp_path / "run", Setting({"steps": 4, "micro_batch": 3, "save_every": 1}, task=task), leave=3)
    assert [row for row in first if row[0] <= 2] + follow(tmp_path / "run", again) == wanted
    assert dataclasses.astuple(again.state.best) == dataclasses.astuple(whole.state.best)
