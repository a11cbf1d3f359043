"""Two processes that share every batch do what one process does; they stop, fail and run out of memory together."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from fork_server import swin_model
from torch.nn.utils import parameters_to_vector
from toy_training import Paint, Plain, Setting, Stripes

from swinkit.engine import (
    Checkpoints,
    Evaluated,
    Interruption,
    Loader,
    Saved,
    State,
    Step,
    Stopped,
    World,
    fit,
    launch,
    train,
)
from swinkit.files import DataError, NonFinite

SETTINGS = {"steps": 20, "batch": 7, "evaluate_every": 10, "ema": 0.9, "rate": 1e-3}  # 7: shares of 3 and 4


def setting(**changes) -> Setting:
    return Setting(SETTINGS | changes, task=Paint(mix=False), dropout=0.0)


def swin_setting(**changes) -> Setting:
    """The same with a real Swin without drop path on pictures of 48 x 48."""
    run = Setting(SETTINGS | changes, task=Paint(mix=False), dataset=Stripes(side=48))
    run.validation = Loader(dataset=Stripes(4, side=48), modality=Plain(), batch=4)
    run.state = State(swin_model(0.0), run.training, samples=len(run.dataset))
    return run


def one_run(world: World, changes: dict, make=setting) -> dict:
    """Losses of every step, gradient of the first, figures of the evaluations."""
    run = make(**changes)
    losses, metrics, gradient = [], [], None
    for event in train(run.state.model, run.task, run.loader, run.state, validation=run.validation):
        if isinstance(event, Step):
            losses.append((event.loss, event.grad_norm))
            if gradient is None:
                gradient = parameters_to_vector([p.grad for p in run.state.model.parameters() if p.grad is not None])
        elif isinstance(event, Evaluated):
            metrics.append(event.metrics)
    names = [name for name, p in run.state.model.named_parameters() if p.grad is not None]
    return {"losses": losses, "gradient": gradient.tolist(), "metrics": metrics, "names": names, "size": world.size}


CHANGES = {"whole": {"clip": None}, "accumulated": {"clip": None, "micro_batch": 2}}


def together(world: World, folder: Path) -> dict:
    """All that two processes can be asked in one start: starting them takes longer than everything else."""
    return {
        **{name: one_run(world, {**changes, "processes": 2}) for name, changes in CHANGES.items()},
        "left alone": resumed(world, folder / "whole", 0),
        "left": resumed(world, folder / "run", 5)[:4] + resumed(world, folder / "run", 0),
        "sizes": world.gather(short_of_memory(world)),
        "errors": world.gather(bad_number(world)),
    }


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> dict:
    return launch(together, tmp_path_factory.mktemp("two"), processes=2, device="cpu")


@pytest.mark.parametrize("name", CHANGES)
def test_two_processes_train_like_one(two, name):
    agree(one_run(World(), CHANGES[name]), two[name])
    assert "unused.weight" not in two[name]["names"]


@pytest.mark.slow
def test_two_processes_train_a_real_swin_like_one():
    two = launch(one_run, {"clip": None, "processes": 2}, swin_setting, processes=2, device="cpu")
    agree(one_run(World(), {"clip": None}, swin_setting), two)


def agree(one: dict, two: dict) -> None:
    assert (one["size"], two["size"]) == (1, 2)
    assert one["names"] == two["names"]
    worst = max(abs(a - b) / abs(a) for (a, _), (b, _) in zip(one["losses"], two["losses"], strict=True))
    first, second = torch.tensor(one["gradient"]), torch.tensor(two["gradient"])
    apart = ((first - second).norm() / first.norm()).item()
    print(f"loss over 20 steps: {worst:.1e} relative (wanted 1e-5); gradient of step 1: {apart:.1e} (wanted 1e-6)")  # noqa: T201
    assert worst <= 1e-5 and apart <= 1e-6
    assert one["metrics"] == two["metrics"]


def test_the_way_a_batch_is_cut_does_not_change_the_gradient():
    runs = [one_run(World(), {"steps": 1, "clip": None, "micro_batch": micro}) for micro in (None, 1, 2, 3, 7)]
    wanted = torch.tensor(runs[0]["gradient"])
    for run in runs[1:]:
        assert (torch.tensor(run["gradient"]) - wanted).norm() <= 1e-6 * wanted.norm()
        assert run["losses"][0][0] == pytest.approx(runs[0]["losses"][0][0], rel=1e-6)


def resumed(world: World, folder: Path, leave: int) -> list:
    """Train on from the newest checkpoint, leaving without a word after step `leave`."""
    run = setting(steps=6, save_every=2, processes=2)
    checkpoints, losses = Checkpoints(folder, fingerprint={}), []
    last = checkpoints.last()
    if last is not None:
        checkpoints.load(last, run.state)
    world.gather(None)  # all have looked before the first one writes
    lock = checkpoints.lock() if world.main else None
    if lock is not None:
        lock.__enter__()
    for event in train(run.state.model, run.task, run.loader, run.state, checkpoints=checkpoints):
        if isinstance(event, Step):
            losses.append((event.step, event.loss.hex(), event.grad_norm.hex()))
            if event.step == leave:
                break
    if lock is not None:
        lock.__exit__(None, None, None)
    return losses


def test_two_processes_resume_exactly(two):
    assert two["left"] == two["left alone"] and len(two["left"]) == 6


def short_of_memory(world: World) -> list[int]:
    """The sizes of the micro-batches where one process has room for two samples only."""
    run = setting(steps=3, processes=2)
    if world.rank == 1:
        run.state.model.register_forward_pre_hook(too_large)
    return [step.micro for step in fit(run.state.model, run.task, run.loader, run.state, world=world)]


def too_large(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
    if len(inputs[0]) > 2:
        raise torch.OutOfMemoryError("as if")


def test_memory_running_out_in_one_process_halves_the_micro_batch_of_both(two):
    assert two["sizes"] == [[2, 2, 2], [2, 2, 2]]


def bad_number(world: World) -> str:
    """What a process says when the other one meets a NaN."""
    run = setting(steps=3, processes=2)
    if world.rank == 1:
        run.state.model.qkv.register_forward_hook(lambda _, __, output: output * float("nan"))
    try:
        list(fit(run.state.model, run.task, run.loader, run.state, world=world))
    except NonFinite as error:
        return str(error)
    return ""


def test_a_bad_number_in_one_process_is_told_by_all(two):
    one, other = two["errors"]
    assert one == other
    assert re.match(r"step 1: loss 'cells' is nan, loss 'size' is nan .*process 1: first bad module: qkv ", one)


def reading(world: World) -> None:
    """A file that only one of the two cannot read."""
    run = Setting({"steps": 12, "batch": 4, "processes": 2}, dataset=Stripes(broken=5 if world.rank == 1 else None))
    list(fit(run.state.model, run.task, run.loader, run.state, world=world))


def test_a_bad_file_in_one_process_ends_both_with_its_name():
    with pytest.raises(DataError, match=r"stripe-5\.png: image: cannot be decoded") as caught:
        launch(reading, processes=2, device="cpu")
    assert caught.value.field == "image"


def stopping(world: World, folder: Path) -> tuple[str, int]:
    """Run until asked to stop; says so when it is worth asking."""
    run = setting(steps=100_000, processes=2)
    checkpoints = Checkpoints(folder, fingerprint={})
    saved = 0
    with Interruption() as interruption:
        lock = checkpoints.lock() if world.main else None
        if lock is not None:
            lock.__enter__()
        for event in train(
            run.state.model, run.task, run.loader, run.state, checkpoints=checkpoints, interruption=interruption
        ):
            if isinstance(event, Step) and event.step == 3:
                (folder / f"ready-{world.rank}").write_text(str(os.getpid()))
            elif isinstance(event, Saved):
                saved = event.step
            elif isinstance(event, Stopped):
                stopped = (event.reason, event.step)
        if lock is not None:
            lock.__exit__(None, None, None)
    return (*stopped, saved)


@pytest.mark.parametrize("whom", ["both", pytest.param("one", marks=pytest.mark.slow)])
def test_a_signal_to_the_launcher_or_to_one_process_stops_both_after_saving(tmp_path, whom):
    def ask() -> None:
        ready = tmp_path / "ready-1"
        while not ready.exists() or not ready.read_text():
            time.sleep(0.02)
        os.kill(os.getpid() if whom == "both" else int(ready.read_text()), signal.SIGTERM)

    threading.Thread(target=ask, daemon=True).start()
    reason, step, saved = launch(stopping, tmp_path, processes=2, device="cpu")
    assert reason == "interrupted" and step == saved >= 3
    assert Checkpoints(tmp_path, fingerprint={}).last() == tmp_path / f"step-{step}"


def dying(world: World) -> None:
    for step in fit(*_parts(world), world=world):
        if step.step == 2 and world.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def _parts(world: World) -> tuple:
    run = setting(steps=100_000, processes=world.size)
    return run.state.model, run.task, run.loader, run.state


@pytest.mark.slow
def test_a_killed_process_ends_the_other():
    with pytest.raises(RuntimeError, match="training process"):
        launch(dying, processes=2, device="cpu")
