"""Everything that changes while a model is trained, in one place: what a checkpoint holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from swinkit.engine.optimise import Scale, averaged, freeze, make_optimiser, optimiser_tensors, restore_optimiser
from swinkit.engine.training import Training
from swinkit.files import CheckpointError, ConfigError, NonFinite


@dataclass(frozen=True, slots=True)
class Best:
    """The evaluation with the highest score so far."""

    step: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The verified content of a checkpoint folder."""

    path: Path
    step: int
    values: dict[str, Any]
    """state.json."""
    model: dict[str, Tensor]
    average: dict[str, Tensor] | None
    optimiser: dict[str, Tensor]


class State:
    """Weights, optimiser, running average, position and record of a run.

    There are no generator states: the draws of a step are seeded from (seed, step, rank, micro-batch), those of a
    sample from (seed, epoch, id), so the position is enough.
    """

    def __init__(
        self, model: nn.Module, training: Training, *, samples: int, device: torch.device | str = "cpu"
    ) -> None:
        """`model`: the plain one with `parameter_groups()`, moved to `device`. `samples`: of the training data."""
        if samples < 1:
            raise ConfigError("there is not one sample to train on")
        self.device = torch.device(device)
        self.model = model.to(self.device)
        self.training, self.samples = training, samples
        self.total = training.total(samples)
        freeze(self.model, training)
        self.optimiser = make_optimiser(self.model, training)
        self.average = averaged(self.model) if training.ema is not None else None
        self.scale = Scale() if training.precision == "fp16" else None
        self.step = 0
        self.micro = training.micro_batch
        """Samples at a time; smaller than the setting after memory ran out; None: the share of the process."""
        self.best: Best | None = None
        self.stale = 0
        """Evaluations since the best one."""
        self.history: list[dict[str, Any]] = []

    @property
    def epoch(self) -> float:
        """Passes over the data so far."""
        return self.step * self.training.batch / self.samples

    @property
    def evaluated(self) -> nn.Module:
        """The model to evaluate and to predict with: the running average where there is one."""
        return self.model if self.average is None else self.average

    @property
    def is_evaluated(self) -> bool:
        """Whether the last evaluation was at this very step."""
        return bool(self.history) and self.history[-1]["step"] == self.step

    @property
    def score(self) -> float | None:
        """The score of the evaluation at this very step."""
        return self.history[-1]["score"] if self.is_evaluated else None

    def record(self, metrics: Mapping[str, float], main: str) -> bool:
        """Note an evaluation at this step; returns whether it is the best so far by its figure `main`."""
        score = metrics.get(main)
        self.history.append({**metrics, "step": self.step, "epoch": self.epoch, "score": score})
        improved = score is not None and (self.best is None or score > self.best.score)
        if improved and score is not None:
            self.best, self.stale = Best(self.step, score), 0
        else:
            self.stale += 1
        return improved

    def tensors(self) -> dict[str, dict[str, Tensor]]:
        """File stem -> name -> tensor on the CPU.

        Raises:
            NonFinite: something is NaN or infinite and must not be saved.
        """
        parts = {"model": self.model.state_dict(), "optimiser": optimiser_tensors(self.model, self.optimiser)}
        if self.average is not None:
            parts["average"] = self.average.state_dict()
        copies = {
            part: {name: tensor.detach().cpu().contiguous() for name, tensor in each.items()}
            for part, each in parts.items()
        }
        for part, each in copies.items():
            for name, tensor in each.items():
                if tensor.is_floating_point() and not tensor.isfinite().all():
                    raise NonFinite(f"step {self.step}: {part}: {name} is not finite: nothing was saved")
            _unshare(each)
        return copies

    def values(self) -> dict[str, Any]:
        """What is no tensor, as plain JSON."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "samples": self.samples,
            "micro": self.micro,
            "scale": None if self.scale is None else self.scale.to_json(),
            "best": None if self.best is None else {"step": self.best.step, "score": self.best.score},
            "score": self.score,
            "stale": self.stale,
            "history": json.loads(json.dumps(self.history)),
            "training": self.training.fingerprint(),
            "torch": torch.__version__,
        }

    def restore(self, checkpoint: Checkpoint) -> None:
        """Become the state that was saved.

        Raises:
            CheckpointError: settings, data set size, names, shapes or types differ; says which. Nothing was changed
            then.
        """
        path, values = checkpoint.path, checkpoint.values
        compare(path, values["training"], self.training.fingerprint())
        compare(path, {"samples": values["samples"]}, {"samples": self.samples})
        if (checkpoint.average is None) != (self.average is None):
            raise CheckpointError(
                f"{path}: average.safetensors: one of checkpoint and run has a running average, the other none"
            )
        _check(path / "model.safetensors", checkpoint.model, self.model)
        if self.average is not None and checkpoint.average is not None:
            _check(path / "average.safetensors", checkpoint.average, self.average)
        try:
            restore_optimiser(self.model, self.optimiser, checkpoint.optimiser)
        except ValueError as error:
            raise CheckpointError(f"{path / 'optimiser.safetensors'}: {error}") from error
        self.model.load_state_dict(checkpoint.model)
        if self.average is not None and checkpoint.average is not None:
            self.average.load_state_dict(checkpoint.average)
        best, scale = values["best"], values["scale"]
        self.step, self.micro, self.stale = values["step"], values["micro"], values["stale"]
        self.best = None if best is None else Best(best["step"], best["score"])
        self.scale = None if scale is None else Scale(scale["value"], scale["good"], scale["bad"])
        self.history = list(values["history"])


def compare(path: Path, saved: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """CheckpointError when two sets of plain values differ; says where."""
    for name in sorted({*saved, *wanted}):
        old, new = saved.get(name), json.loads(json.dumps(wanted.get(name)))
        if old != new:
            raise CheckpointError(
                f"{path}: was made with {name}={old!r}, this run has {new!r}: take the old value, or start a new run"
            )


def _check(path: Path, saved: Mapping[str, Tensor], module: nn.Module) -> None:
    own = module.state_dict()
    if missing := sorted(set(own) - set(saved)):
        raise CheckpointError(f"{path}: made for another model: {missing[0]} and {len(missing) - 1} more are missing")
    if unexpected := sorted(set(saved) - set(own)):
        raise CheckpointError(
            f"{path}: made for another model: {unexpected[0]} and {len(unexpected) - 1} more are unexpected"
        )
    for name, tensor in own.items():
        if (tensor.shape, tensor.dtype) != (saved[name].shape, saved[name].dtype):
            old, new = (f"{tuple(each.shape)} {each.dtype}" for each in (saved[name], tensor))
            raise CheckpointError(f"{path}: {name} is {old}, this model has {new}")


def _unshare(tensors: dict[str, Tensor]) -> None:
    """Give tied weights memory of their own: the file format refuses to store shared memory."""
    seen: set[int] = set()
    for name, tensor in tensors.items():
        if tensor.data_ptr() in seen:
            tensors[name] = tensor.clone()
        seen.add(tensor.data_ptr())
