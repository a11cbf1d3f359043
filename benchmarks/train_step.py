"""Where the time of a training step goes: data, forward, backward, optimiser, by precision.

    python benchmarks/train_step.py --model swin_nano --size 64 --batch 32
    python benchmarks/train_step.py --model unet --width 32 --size 360 480 --batch 4 --precision fp32 bf16

Data is the whole preparation of a batch (augment, collate) in this process; loader workers do it beside the step,
on cores that the step would use. Pictures and masks are random.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from controls.unet import UNet
from torch import Tensor, nn

from swinkit.engine import Loader, State, Training, pick_device
from swinkit.engine.gradients import autocast
from swinkit.engine.optimise import update_average
from swinkit.modalities import MODALITIES
from swinkit.models import build, prepare_training
from swinkit.tasks import find
from swinkit.types import Batch, Modality, Record, Task

PARTS = ("data", "forward", "backward", "optimiser")


@dataclass(frozen=True)
class Noise:
    """Random pictures and masks as a data set."""

    size: tuple[int, int]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return 256

    def __getitem__(self, index: int) -> Record:
        rng = np.random.default_rng(index)
        mask = rng.integers(0, len(self.classes), self.size, dtype=np.uint8)
        return Record(id=str(index), source=rng.integers(0, 256, (*self.size, 3), dtype=np.uint8), target=mask)


def measure(model: nn.Module, task: Task, modality: Modality, data: Noise, training: Training) -> dict[str, float]:
    """Median seconds of every part of a step."""
    device = pick_device(training.device)
    state = State(model, training, samples=len(data), device=device)
    prepared = prepare_training(state.model, compile=training.compile)
    prepared.train()
    batches = Loader(dataset=data, modality=modality, batch=training.batch, workers=0).steps(0, None)
    times: list[list[float]] = []
    for _ in range(training.total(len(data))):
        clock = Clock(device)
        (batch,) = next(batches)
        clock.lap()
        batch = batch.to(device)
        loss = forward(prepared, task, batch, training)
        clock.lap()
        loss.backward()
        clock.lap()
        optimise(state)
        clock.lap()
        times.append(clock.laps)
    unmeasured = min(3, len(times) - 1)
    found = {part: median(row[index] for row in times[unmeasured:]) for index, part in enumerate(PARTS)}
    return {**found, "step": sum(found[part] for part in PARTS[1:])}


def forward(model: nn.Module, task: Task, batch: Batch, training: Training) -> Tensor:
    """The loss of a batch, as the engine computes it."""
    with autocast(batch.grid.device, training.precision):
        losses = task.losses(model, batch)
    return torch.stack([total / weight for total, weight in losses.values()]).sum()


def optimise(state: State) -> None:
    """Clip, step, average."""
    parameters = [parameter for parameter in state.model.parameters() if parameter.grad is not None]
    nn.utils.clip_grad_norm_(parameters, state.training.clip or float("inf"))
    state.optimiser.step()
    state.step += 1
    if state.average is not None and state.training.ema is not None:
        update_average(state.average, state.model, state.training.ema, state.step)
    state.optimiser.zero_grad(set_to_none=True)


class Clock:
    """Laps in seconds, after the device has finished."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.laps, self.last = device, [], time.perf_counter()

    def lap(self) -> None:
        """End a part."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.laps.append(now - self.last)
        self.last = now


def maker(name: str, task: Task, classes: int, width: int) -> Callable[[], nn.Module]:
    """Makes the model under that name; `unet` is the control."""
    return (lambda: UNet(classes, width=width)) if name == "unet" else (lambda: build(name, task.head))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    size = (options.size * 2)[:2]
    classes = tuple(f"class {index}" for index in range(options.classes))
    task = find("segment")(classes=classes)
    modality = MODALITIES["image"]()
    make = maker(options.model, task, len(classes), options.width)
    rows = []
    for precision in options.precision:
        training = Training(
            steps=options.steps,
            batch=options.batch,
            precision=precision,
            ema=options.ema,
            compile=options.compile,
            device=options.device,
        )
        found = measure(make(), task, modality, Noise(tuple(size), classes), training)
        rows.append({"model": options.model, "size": size, "batch": options.batch, "precision": precision, **found})
    print(json.dumps(rows, indent=2) if options.json else _table(rows))


def _table(rows: Sequence[dict[str, float]]) -> str:
    lines = [f"{'precision':<10}" + "".join(f"{name:>12}" for name in (*PARTS, "step", "samples/s"))]
    for row in rows:
        cells = "".join(f"{1000 * row[name]:>9.1f} ms" for name in (*PARTS, "step"))
        lines.append(f"{row['precision']:<10}{cells}{row['batch'] / row['step']:>12.1f}")
    return "\n".join([*lines, "step: without data, which workers prepare beside it"])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="swin_nano", help="a name that `swinkit models` lists, or unet")
    parser.add_argument("--size", type=int, nargs="+", default=[64], help="one side, or height and width")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--width", type=int, default=32, help="of the U-Net's first level")
    parser.add_argument("--precision", nargs="+", choices=("fp32", "bf16"), default=["fp32"])
    parser.add_argument("--steps", type=int, default=15, help="of which the first three are not counted")
    parser.add_argument("--threads", type=int, help="default: as torch chooses")
    parser.add_argument("--ema", type=float, default=0.998)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
