"""The settings of a training run: plain values that are checked when they are given."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from swinkit.engine.decoded import Cache
from swinkit.files import ConfigError

Optimiser = Literal["adamw", "muon"]
Schedule = Literal["cosine", "poly", "constant"]
Precision = Literal["fp32", "bf16", "fp16"]

_FREE = (
    "patience",
    "evaluate_every",
    "save_every",
    "keep",
    "workers",
    "cache",
    "device",
)  # they change no number of the training itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How to train, whatever is trained."""

    steps: int | None = None
    """Optimiser steps; exactly one of `steps` and `epochs` is given."""
    epochs: float | None = None
    """Passes over the training data."""
    batch: int = 16
    """Samples of one optimiser step, over all processes."""
    micro_batch: int | None = None
    """Samples that one process computes at a time; None: its whole share of the batch."""
    rate: float = 1e-3
    """Peak learning rate."""
    optimiser: Optimiser = "adamw"
    """`adamw`, or `muon`: updates of the backbone's matrices are made orthogonal, which learns much more from each step
    and costs more the wider a model and the smaller a batch is; rates are AdamW's."""
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    layer_decay: float = 1.0
    """Factor on the rate for every layer further from the output; 1: none."""
    freeze: int | None = None
    """Stages of the backbone that are not trained, with the stem before them, say of a model that starts from trained
    weights; 0: the stem alone; None: everything is trained. What is frozen keeps its stochastic depth off."""
    warmup: float = 0.05
    """Steps of linear warm-up; below 1, that fraction of the run."""
    schedule: Schedule = "cosine"
    """What the rate does after the warm-up: fall to zero as half a cosine, as (1 - t) ** power, or stay."""
    power: float = 0.9
    clip: float | None = 1.0
    """Largest norm of all gradients together."""
    precision: Precision = "fp32"
    """bf16 and fp16 are automatic mixed precision; fp16 scales the loss."""
    ema: float | None = None
    """Decay of the running average of the weights, which is then what is evaluated; warms up as (1 + n) / (10 + n)."""
    patience: int | None = None
    """Evaluations without a better score after which to stop."""
    evaluate_every: int | None = None
    """Steps between evaluations; None: once an epoch."""
    save_every: int | None = None
    """Steps between checkpoints; None: with every evaluation. The best one is always saved."""
    keep: int = 2
    """Newest checkpoints to keep beside the best one."""
    workers: int | None = None
    """Loader processes of each training process; None: as many as do not compete with it, see `loaders`."""
    cache: Cache = "auto"
    """Whether decoded samples stay in memory, which changes no number: `memory` keeps as many as fit into a quarter of
    what is free, for each split; `auto` keeps all of them or, where they do not fit, none."""
    processes: int = 1
    seed: int = 0
    device: str = "auto"
    subset: bool = False
    """Stochastic depth leaves out a fixed share of every batch instead of each sample by chance, and does not compute
    it: faster by about the mean rate, and another distribution (samples of a batch depend on each other)."""
    recompute: bool = False
    """Trade time for memory: blocks are computed again in the backward pass."""
    compile: bool = False

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ConfigError(f"training: steps={self.steps} and epochs={self.epochs}: give exactly one of them")
        for name in ("steps", "batch", "micro_batch", "evaluate_every", "save_every", "keep", "processes", "patience"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ConfigError(f"training.{name}: wanted a whole number of at least 1, got {value!r}")
        for name in ("workers", "seed", "freeze"):
            value = getattr(self, name)
            if (value is None and name == "seed") or (value is not None and (not isinstance(value, int) or value < 0)):
                raise ConfigError(f"training.{name}: wanted a whole number of at least 0, got {value!r}")
        for name in ("epochs", "rate", "clip", "power"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ConfigError(f"training.{name}: wanted a finite number above 0, got {value!r}")
        for name in ("weight_decay", "warmup"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"training.{name}: wanted a finite number of at least 0, got {value!r}")
        self._check_choices()

    def _check_choices(self) -> None:
        for name, kind in (
            ("optimiser", Optimiser),
            ("schedule", Schedule),
            ("precision", Precision),
            ("cache", Cache),
        ):
            if (value := getattr(self, name)) not in get_args(kind):
                raise ConfigError(f"training.{name}: got {value!r}, there are {', '.join(get_args(kind))}")
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"training.betas: wanted two numbers from 0 to below 1, got {self.betas!r}")
        if self.ema is not None and not 0 < self.ema < 1:
            raise ConfigError(f"training.ema: wanted a decay between 0 and 1, got {self.ema!r}")
        if not 0 < self.layer_decay <= 1:
            raise ConfigError(f"training.layer_decay: wanted a factor above 0, at most 1, got {self.layer_decay!r}")
        if self.batch < self.processes:
            raise ConfigError(
                f"training.batch: {self.batch} samples for {self.processes} processes: wanted one each at least"
            )

    def total(self, samples: int) -> int:
        """Optimiser steps of the run over a data set of that many samples."""
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return max(1, math.ceil(self.epochs * samples / self.batch - 1e-9))

    def warmup_steps(self, total: int) -> int:
        """Steps in which the rate rises."""
        return round(self.warmup * total) if self.warmup < 1 else round(self.warmup)

    def factor(self, step: int, total: int) -> float:
        """What the peak rate is multiplied by at `step`, counted from 0."""
        warmup = self.warmup_steps(total)
        if step < warmup:
            return (step + 1) / (warmup + 1)
        done = min(1.0, (step - warmup) / max(1, total - warmup))
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        return (1 - done) ** self.power if self.schedule == "poly" else 1.0

    def due(self, step: int, total: int, samples: int, every: int | None) -> bool:
        """Whether what happens `every` so many steps (None: once an epoch) happens after `step`; at the end it does."""
        if step == total:
            return True
        if every is not None:
            return step % every == 0
        return step * self.batch // samples > (step - 1) * self.batch // samples

    def loaders(self, device: str) -> int:
        """Loader processes for each training process on that type of device: `workers`, or two.

        Training on the CPU takes the cores that loaders would need, so there it is two at most and leaves it two.
        """
        if self.workers is not None:
            return self.workers
        return 2 if device != "cpu" else max(0, min(2, cores() // self.processes - 2))

    def fingerprint(self) -> dict[str, Any]:
        """The settings that change the numbers of a run, as plain JSON values: a resume must have the same ones."""
        values = {name: value for name, value in asdict(self).items() if name not in _FREE}
        return {**values, "betas": list(self.betas)}


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
