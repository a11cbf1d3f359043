"""Trainers that are forked and killed: `python fork_server.py MODEL KILLS SEED FOLDER` prints one JSON document.

The parent imports torch once and never runs an operation (a thread pool does not survive a fork), so a trainer costs
milliseconds to start instead of seconds. Every trainer goes on from the newest valid checkpoint; every loss it logs
must be the reference's, bit for bit.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import torch
from toy_training import Paint, Plain, Setting, Stripes

from swinkit.engine import Checkpoints, Loader, Saved, State, Step, Training, train
from swinkit.files import observed

STEPS, EVERY = 18, 3
SETTINGS = dict(steps=STEPS, batch=6, micro_batch=4, workers=2, ema=0.9, evaluate_every=6, save_every=EVERY, rate=1e-2)


def toy() -> tuple[State, Loader, Loader, Paint]:
    """The toy with dropout, mixing, two micro-batches and an average."""
    setting = Setting(SETTINGS)
    return setting.state, setting.loader, setting.validation, setting.task


def swin_model(drop_path: float) -> torch.nn.Module:
    """A real one: window 12, and 24 heads at window 7, where careless backward passes are not deterministic."""
    from torch import nn

    from swinkit.backbone import Patches, SwinConfig
    from swinkit.models import Model

    class Head(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.linear = nn.Conv2d(channels, 3, 1)

        def forward(self, features, valid, size):  # type: ignore[no-untyped-def]
            return nn.functional.interpolate(self.linear(features[-1]), size=size, mode="bilinear")

    config = SwinConfig(
        stem=Patches(size=(2, 2), channels=3),
        width=24,
        depths=(2, 2),
        heads=(6, 24),
        window=((12, 12), (7, 7)),
        drop_path=drop_path,
    )
    torch.manual_seed(0)
    return Model(config, lambda levels: Head(levels.channels[-1]))


def swin() -> tuple[State, Loader, Loader, Paint]:
    """A Swin with drop path on pictures of 48 x 48."""
    model, data = swin_model(0.2), Stripes(side=48)
    state = State(model, Training(**SETTINGS), samples=len(data))
    loader = Loader(dataset=data, modality=Plain(), batch=6, seed=0, workers=2)
    return state, loader, Loader(dataset=Stripes(4, side=48), modality=Plain(), batch=4), Paint()


MODELS = {"toy": toy, "swin": swin}


def trainer(build: Callable[[], tuple[State, Loader, Loader, Paint]], folder: Path, die_at: int | None) -> None:
    """Train to the end, logging each step as one line; `die_at` kills this process at that crash point."""
    torch.set_num_threads(2)
    state, loader, validation, task = build()
    checkpoints = Checkpoints(folder / "checkpoints", fingerprint={"toy": 1}, keep=1)
    log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    passed = 0

    def slow(name: str) -> None:  # so that kills from outside often land inside a write
        nonlocal passed
        (folder / "writing").touch()
        passed += 1
        if passed == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.002)

    with checkpoints.lock(), observed(slow):
        if (last := checkpoints.last()) is not None:
            checkpoints.load(last, state)
        for event in train(state.model, task, loader, state, validation=validation, checkpoints=checkpoints):
            if isinstance(event, Step):
                figures = [value.hex() for value in (event.loss, event.grad_norm, event.rate)]
                os.write(log, (json.dumps([event.step, *figures, *event.ids]) + "\n").encode())
            elif isinstance(event, Saved):
                (folder / "writing").unlink(missing_ok=True)


def forked(work: Callable[[], None]) -> int:
    """Fork and run `work` in the child; returns its process id."""
    if (child := os.fork()) == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def ended(name: str, folder: Path) -> int:
    """Let a trainer run to its end; returns its status."""
    return os.waitpid(forked(lambda: trainer(MODELS[name], folder, None)), 0)[1]


def logged(folder: Path) -> list[list[str]]:
    """The whole lines of a trainer's log; a kill may tear none, a line is one write."""
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()] if (folder / "log").exists() else []


def weights(folder: Path) -> str:
    """One sum over all tensors of the last checkpoint."""
    files = sorted((folder / "checkpoints" / f"step-{STEPS}").glob("*.safetensors"))
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def killed(name: str, folder: Path, luck: random.Random, longest: float) -> str | None:
    """Start a trainer and kill it: "inside" a checkpoint write or "outside" one; None when it had ended before."""
    inside = luck.random() < 0.3
    (folder / "writing").unlink(missing_ok=True)
    child = forked(lambda: trainer(MODELS[name], folder, luck.randrange(1, 100) if inside else None))
    end = time.monotonic() + (luck.uniform(0.05, longest) if not inside else 60)
    while time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG)[0]:
            return "inside" if inside and not (folder / "checkpoints" / f"step-{STEPS}").exists() else None
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "inside" if (folder / "writing").exists() else "outside"


def main(name: str, kills: int, seed: int, root: Path) -> dict[str, object]:
    """Kill `kills` times in as many runs as that takes; compare all of them with one that was left alone."""
    luck, counts = random.Random(seed), {"inside": 0, "outside": 0}
    reference = root / "reference"
    reference.mkdir(parents=True)
    started = time.monotonic()
    status = ended(name, reference)
    longest = time.monotonic() - started
    wanted = {line[0]: line for line in logged(reference)}
    wrong, lost, runs, last = [], 0, 0, ""
    while sum(counts.values()) < kills:
        runs += 1
        folder = root / f"run-{runs}"
        folder.mkdir()
        while sum(counts.values()) < kills:
            before = len(logged(folder))
            where = killed(name, folder, luck, longest)
            if where is None:
                break
            counts[where] += 1
            done = [line[0] for line in logged(folder)[:before]]
            now = [line[0] for line in logged(folder)[before:]]
            lost = max(lost, done[-1] + 1 - now[0] if done and now else 0)
        status = status or ended(name, folder)
        lines = logged(folder)
        wrong += [line for line in lines if line != wanted[line[0]]]
        if {line[0] for line in lines} != set(range(1, STEPS + 1)) or weights(folder) != weights(reference):
            wrong.append([f"run {runs}: steps or weights differ"])
        last = weights(folder)
    left = [path.name for path in root.rglob(".tmp-*")]
    return {**counts, "runs": runs, "status": status, "wrong": wrong[:5], "lost": lost, "left": left, "weights": last}


if __name__ == "__main__":
    result = main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    sys.stdout.write(json.dumps(result))
