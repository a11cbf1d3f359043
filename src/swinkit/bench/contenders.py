"""Our own ways to run a model, as calls that can be timed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swinkit.files import ConfigError, did_you_mean
from swinkit.models import Model, prepared

KINDS = ("eager", "compiled", "onnxruntime", "openvino", "training", "training, compiled")
"""What is compared with its like."""
OWN = {
    "eager": ("eager", "prepared"),
    "compiled": ("prepared",),
    "onnxruntime": ("onnxruntime",),
    "openvino": ("openvino",),
    "training": ("eager",),
    "training, compiled": ("compiled",),
}
"""Kind -> our settings of it."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of one project to run a model."""

    project: str
    kind: str
    setting: str
    call: Callable[[], Tensor]
    """Runs it once; the logits, or after a training step the loss."""
    made_in: float = 0.0
    """Seconds until it could be called: compiling, exporting."""

    @property
    def name(self) -> str:
        return f"{self.project}, {self.kind}" + ("" if self.setting == self.kind else f", {self.setting}")


def own(model: Model, kind: str, grid: Tensor) -> list[Contender]:
    """Our settings of that kind on `grid`, in the model's precision.

    Raises:
        ConfigError: no such kind, or an engine is not installed.
    """
    if kind not in KINDS:
        raise ConfigError(f"bench: no kind {kind!r}: {did_you_mean(kind, KINDS)}")
    space = tuple(grid.shape[2:])
    found: list[Contender] = []
    for setting in OWN[kind]:
        begun = time.perf_counter()
        if kind.startswith("training"):
            call = training_step(copy.deepcopy(model), grid, compiled=setting == "compiled")
        elif kind in ("onnxruntime", "openvino"):
            from swinkit.export import engine

            call = engine(prepared(model, [space]), grid, kind)
        elif setting == "prepared":
            call = inference(prepared(model, [space]), grid, compiled=kind == "compiled")
        else:
            call = inference(copy.deepcopy(model).eval(), grid)
        call()
        found.append(Contender("swinkit", kind, setting, call, time.perf_counter() - begun))
    return found


def inference(model: nn.Module, grid: Tensor, *, compiled: bool = False) -> Callable[[], Tensor]:
    """A call that gives the model's logits for `grid`, remembering nothing for a gradient."""
    run = torch.compile(model) if compiled else model

    @torch.inference_mode()
    def call() -> Tensor:
        found = run(grid)
        return found if isinstance(found, Tensor) else found[-1]

    return call


def training_step(model: nn.Module, grid: Tensor, *, compiled: bool = False, classes: int = 10) -> Callable[[], Tensor]:
    """A call that makes one whole step: forward, cross entropy, backward, AdamW (fused); gives the loss."""
    model.train()
    run = torch.compile(model) if compiled else model
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    labels = torch.arange(len(grid), device=grid.device) % classes

    def call() -> Tensor:
        optimiser.zero_grad(set_to_none=True)
        loss = F.cross_entropy(run(grid).float(), labels)
        loss.backward()
        optimiser.step()
        return loss.detach()

    return call


def peak_memory(call: Callable[[], object], device: torch.device) -> int:
    """Bytes of tensors that one call holds at most, beyond what was held before it."""
    call()
    if device.type == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        call()
    held = most = 0
    assert found.profiler is not None and found.profiler.kineto_results is not None
    changes = [each for each in found.profiler.kineto_results.events() if each.name() == "[memory]"]
    for each in sorted(changes, key=lambda each: each.start_ns()):
        held += each.nbytes()
        most = max(most, held)
    return most
