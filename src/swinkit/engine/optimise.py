"""The optimiser over a model's parameter groups, the running average of its weights, and the loss scale of fp16."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from swinkit.engine.muon import Muon
from swinkit.engine.training import Training
from swinkit.files import ConfigError

SLOTS = {False: ("step", "exp_avg", "exp_avg_sq"), True: ("momentum",)}
"""What is kept of a parameter, by whether its updates are made orthogonal."""


def freeze(model: nn.Module, training: Training) -> None:
    """Have the model leave its first `training.freeze` stages as they are.

    Raises:
        ConfigError: it has no or not so many stages, or nothing is left to train.
    """
    if training.freeze is None:
        return
    if not callable(chosen := getattr(model, "freeze", None)):
        raise ConfigError(f"training.freeze: a {type(model).__name__} has no stages to freeze: leave it out")
    try:
        chosen(training.freeze)
    except ValueError as error:
        raise ConfigError(f"training.freeze: {error}") from error
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError(f"training.freeze: {training.freeze} leaves nothing to train: freeze fewer stages")


def make_optimiser(model: nn.Module, training: Training) -> Muon:
    """One group per (depth, decays, orthogonal) of `model.parameter_groups()`; the rate shrinks with distance from the
    output. With `muon` the decaying matrices between the first layer and the head are stepped orthogonally."""
    parameters = dict(model.named_parameters())
    listed: list[tuple[str, int, bool]] = model.parameter_groups()  # type: ignore[operator]
    names = {name for name, _, _ in listed}
    if names != set(parameters) or len(listed) != len(names):
        raise ValueError(
            f"parameter_groups() must list every parameter once; differs in {sorted(names ^ set(parameters))}"
        )
    deepest = max((depth for _, depth, _ in listed), default=0)
    groups: dict[tuple[int, bool, bool], list[Tensor]] = defaultdict(list)
    for name, depth, decays in listed:
        if (parameter := parameters[name]).requires_grad:
            inner = training.optimiser == "muon" and 0 < depth < deepest
            groups[depth, decays, inner and decays and _mixes(parameter)].append(parameter)
    return Muon(
        [
            {
                "params": members,
                "weight_decay": training.weight_decay if decays else 0.0,
                "scale": training.layer_decay ** (deepest - depth),
                "orthogonal": orthogonal,
            }
            for (depth, decays, orthogonal), members in sorted(groups.items(), key=lambda item: item[0])
        ],
        compute=torch.bfloat16 if training.precision == "bf16" else torch.float32,
        lr=training.rate,
        betas=training.betas,
        fused=True,
    )


def _mixes(parameter: Tensor) -> bool:
    """Whether it is a matrix or a convolution that mixes channels, which a depthwise one does not."""
    return parameter.ndim == 2 or (parameter.ndim > 2 and parameter.shape[1] > 1)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its share of `rate`."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["scale"]


def optimiser_tensors(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """`PARAMETER.SLOT` -> tensor for every parameter that was stepped."""
    return {
        f"{name}.{slot}": value
        for name, parameter in model.named_parameters()
        if parameter in optimiser.state
        for slot, value in optimiser.state[parameter].items()
    }


def restore_optimiser(model: nn.Module, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimiser_tensors`; ValueError when a tensor is missing, unexpected or of another shape."""
    left = dict(tensors)
    state: dict[Tensor, dict[str, Tensor]] = {}
    kinds = {parameter: group["orthogonal"] for group in optimiser.param_groups for parameter in group["params"]}
    for name, parameter in model.named_parameters():
        wanted_slots = SLOTS[kinds.get(parameter, False)]
        if f"{name}.{wanted_slots[0]}" not in left:
            continue
        slots = {slot: left.pop(f"{name}.{slot}", None) for slot in wanted_slots}
        for slot, value in slots.items():
            wanted = torch.Size() if slot == "step" else parameter.shape
            if value is None or value.shape != wanted:
                raise ValueError(
                    f"{name}.{slot}: wanted {tuple(wanted)}, got {value if value is None else tuple(value.shape)}"
                )
        state[parameter] = {
            slot: value.to(parameter.device, copy=True) for slot, value in slots.items() if value is not None
        }
    if left:
        raise ValueError(f"{sorted(left)[0]}: belongs to no parameter of this model")
    optimiser.state.clear()
    optimiser.state.update(state)


def averaged(model: nn.Module) -> nn.Module:
    """A copy of `model` to hold the running average."""
    return copy.deepcopy(model).requires_grad_(False).eval()


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Move `average` towards `model` after `step` steps; a young one forgets faster, or the start would linger."""
    decay = min(decay, (1 + step) / (10 + step))
    get_ema_multi_avg_fn(decay)(list(average.parameters()), list(model.parameters()), step)
    for mine, theirs in zip(average.buffers(), model.buffers(), strict=True):
        mine.copy_(theirs)


@dataclass(slots=True)
class Scale:
    """The factor on an fp16 loss: halved when gradients overflow, doubled after a long time without."""

    value: float = 2.0**16
    good: int = 0
    """Steps in a row without an overflow."""
    bad: int = 0
    """Steps in a row with one."""

    def update(self, finite: bool) -> None:
        """Count a step."""
        self.good, self.bad = (self.good + 1, 0) if finite else (0, self.bad + 1)
        if not finite:
            self.value = max(self.value / 2, 1.0)
        elif self.good == 2000:
            self.value, self.good = self.value * 2, 0

    def to_json(self) -> dict[str, Any]:
        """Plain values for the checkpoint."""
        return {"value": self.value, "good": self.good, "bad": self.bad}
