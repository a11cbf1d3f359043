"""At every numbered crash point of saving, replacing and rotating, a kill leaves a valid checkpoint."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from toy_training import Setting

from swinkit.engine import Checkpoints
from swinkit.files import CheckpointError, observed

KEY = {"toy": 1}


class Died(BaseException):
    """Ends the writer without giving its clean-up code a disk that still works."""


def at(step: int, score: float | None = None) -> Setting:
    """A toy that has reached a step, and was evaluated there if it has a score."""
    setting = Setting({"ema": None})
    setting.state.step = step
    if score is not None:
        setting.state.record({"hits": score}, "hits")
    return setting


def history(folder: Path) -> Checkpoints:
    """Three checkpoints: the best, the newest, and none to spare."""
    checkpoints = Checkpoints(folder, fingerprint=KEY, keep=1)
    with checkpoints.lock():
        checkpoints.save(at(1, 0.9).state)
        checkpoints.save(at(2, 0.5).state)
    return checkpoints


def save_next(folder: Path) -> None:
    """Start again as a new process would: sweep, save another step, replace it by a better evaluated one, rotate."""
    checkpoints = Checkpoints(folder, fingerprint=KEY, keep=1)
    with checkpoints.lock():
        checkpoints.save(at(3).state)
        checkpoints.save(at(3, 0.95).state)


def points(folder: Path) -> list[str]:
    names: list[str] = []
    with observed(names.append):
        save_next(folder)
    return names


def killed_at(number: int, work: Callable[[], None]) -> bool:
    """Run `work` in a forked process that kills itself at a crash point; whether it got there."""
    if (child := os.fork()) == 0:
        passed = 0

        def count(_: str) -> None:
            nonlocal passed
            passed += 1
            if passed == number:
                os.kill(os.getpid(), signal.SIGKILL)

        with observed(count):
            work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> Iterator[Path]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    folder = tmp_path_factory.mktemp("before")
    history(folder)
    yield folder
    torch.set_num_threads(threads)


def valid(folder: Path) -> list[str]:
    """Names of the checkpoints every byte of which is as written."""
    checkpoints, found = Checkpoints(folder, fingerprint=KEY), []
    for path in folder.glob("step-*"):
        try:
            checkpoints.verify(path)
        except CheckpointError:
            continue
        found.append(path.name)
    return found


def test_a_kill_at_every_point_leaves_the_newest_and_the_best_and_the_next_start_clears_up(before, tmp_path):
    names = points(shutil.copytree(before, tmp_path / "count"))
    assert len(names) > 40
    for number, name in enumerate(names, 1):
        folder = shutil.copytree(before, tmp_path / f"kill-{number}")
        assert killed_at(number, lambda folder=folder: save_next(folder)), name
        checkpoints = Checkpoints(folder, fingerprint=KEY)
        newest, best = checkpoints.last(), checkpoints.best()
        assert newest is not None and newest.name.startswith(("step-2", "step-3")), (number, name)
        assert best is not None and best.name.startswith(("step-1", "step-3")), (number, name)
        checkpoints.load(newest, at(0).state)
        if best.name.startswith("step-3"):
            assert checkpoints.load(best).values["score"] == 0.95, (number, name)
        with checkpoints.lock():
            assert not [*folder.glob(".tmp*"), *folder.glob("*replaced*")], (number, name)
        assert checkpoints.last() is not None and checkpoints.best() is not None, (number, name)
        shutil.rmtree(folder)


@pytest.mark.parametrize("word", ["write", "fsync", "rename", "half", "unlink"])
def test_a_disk_that_refuses_costs_no_checkpoint(before, tmp_path, word):
    folder = shutil.copytree(before, tmp_path / "run")

    def refuse(name: str) -> None:
        if name.startswith(word):
            raise OSError(28, "No space left on device", str(folder))

    checkpoints = Checkpoints(folder, fingerprint=KEY, keep=1)
    with checkpoints.lock():
        with observed(refuse):
            if word == "unlink":  # only deleting fails: that is a warning
                checkpoints.save(at(3, 0.99).state)
            else:
                with pytest.raises(CheckpointError, match=r"step-3: cannot be written \(No space left.*needed.*free"):
                    checkpoints.save(at(3).state)
        assert {"step-1", "step-2"} <= set(valid(folder)) or word == "unlink"
        checkpoints.save(at(4).state)
    assert Checkpoints(folder, fingerprint=KEY).last() == folder / "step-4"
