"""Which checkpoints stay, who may write them, and what they hold."""

from __future__ import annotations

import json
import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from toy_training import Setting

from swinkit.engine import Checkpoints
from swinkit.files import CheckpointError


def at(step: int, score: float | None = None):
    """A state that has reached a step, and was evaluated there if it has a score."""
    state = Setting({"ema": None}).state
    state.step = step
    if score is not None:
        state.record({"hits": score}, "hits")
    return state


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.glob("step-*"))


@settings(max_examples=8, deadline=None)
@given(
    scores=st.lists(st.one_of(st.none(), st.sampled_from([0.1, 0.2, 0.3])), min_size=1, max_size=5),
    keep=st.integers(1, 3),
)
def test_the_newest_and_the_best_always_stay(tmp_path_factory, scores, keep):
    folder = tmp_path_factory.mktemp("run")
    checkpoints = Checkpoints(folder, fingerprint={}, keep=keep)
    with checkpoints.lock():
        for step, score in enumerate(scores, 1):
            checkpoints.save(at(step, score))
            so_far = [(value, -at) for at, value in enumerate(scores[:step], 1) if value is not None]
            best = -max(so_far)[1] if so_far else step
            wanted = {*range(max(1, step - keep + 1), step + 1), best}
            assert names(folder) == sorted(f"step-{n}" for n in wanted)
            assert checkpoints.last() == folder / f"step-{step}"
            assert checkpoints.best() == folder / f"step-{best}"
            assert json.loads((folder / "last.json").read_text()) == {"step": step}
    shutil.rmtree(folder)


def test_only_the_holder_of_the_lock_writes(tmp_path):
    first, second = (Checkpoints(tmp_path, fingerprint={}) for _ in range(2))
    with pytest.raises(RuntimeError, match="holder of lock"):
        first.save(at(1))
    with first.lock():
        with pytest.raises(CheckpointError, match="another run is writing there"), second.lock():
            pass
        if (child := os.fork()) == 0:  # another process is refused as well
            try:
                with second.lock():
                    os._exit(0)
            except CheckpointError:
                os._exit(3)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        first.save(at(1))
    with second.lock():
        second.save(at(2))
    assert names(tmp_path) == ["step-1", "step-2"]


def test_reading_needs_no_lock_and_writes_nothing(tmp_path):
    checkpoints = Checkpoints(tmp_path / "run", fingerprint={})
    assert checkpoints.last() is None and checkpoints.best() is None and not (tmp_path / "run").exists()


def test_room_is_looked_at_before_the_first_step(tmp_path, monkeypatch):
    checkpoints, state = Checkpoints(tmp_path, fingerprint={}), at(1)
    checkpoints.need_room(state)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10))
    with pytest.raises(CheckpointError, match=r"a checkpoint needs \d+ bytes, 10 are free"):
        checkpoints.need_room(state)
    with checkpoints.lock(), pytest.raises(CheckpointError, match="10 are free"):
        checkpoints.save(state)


def test_saving_a_step_again_replaces_it(tmp_path):
    checkpoints = Checkpoints(tmp_path, fingerprint={})
    with checkpoints.lock():
        checkpoints.save(at(1))
        checkpoints.save(at(1, 0.5))
    assert names(tmp_path) == ["step-1"]
    assert checkpoints.load(tmp_path / "step-1").values["score"] == 0.5


def test_files_are_tensors_and_plain_text(tmp_path):
    setting = Setting()
    checkpoints = Checkpoints(tmp_path, fingerprint={"a": (1, 2)})
    with checkpoints.lock():
        path = checkpoints.save(setting.state)
    assert sorted(os.listdir(path)) == [
        "MANIFEST.json",
        "average.safetensors",
        "model.safetensors",
        "optimiser.safetensors",
        "state.json",
    ]
    with safe_open(path / "model.safetensors", "pt") as file:
        assert set(file.keys()) == set(setting.state.model.state_dict())
    assert json.loads((path / "state.json").read_text())["fingerprint"] == {"a": [1, 2]}
    checkpoints.load(path, Setting().state)


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, fingerprint={})
    with checkpoints.lock():
        monkeypatch.setattr("swinkit.engine.checkpoints.FORMAT", 2)
        path = checkpoints.save(at(1))
        monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"state\.json: format 2, this version reads 1"):
        checkpoints.load(path)


def test_tied_weights_are_saved_and_come_back(tmp_path):
    def tied():
        setting = Setting({"ema": None})
        model = setting.state.model
        model.unused.weight.data = model.norm.weight.data.view(1, -1)
        return setting.state

    checkpoints = Checkpoints(tmp_path, fingerprint={})
    with checkpoints.lock():
        path = checkpoints.save(tied())
    checkpoints.load(path, tied())
