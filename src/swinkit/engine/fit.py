"""The training loop: it knows no task and calls no hooks; it yields steps, and others evaluate, save and draw them."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from swinkit.engine.diagnose import find, listed
from swinkit.engine.gradients import Gradients, OutOfMemory
from swinkit.engine.interrupt import Interruption
from swinkit.engine.loader import Loader
from swinkit.engine.optimise import set_rate, update_average
from swinkit.engine.parallel import World
from swinkit.engine.state import State
from swinkit.files import ConfigError, NonFinite
from swinkit.types import Batch, Task

log = logging.getLogger("swinkit.engine")
_OVERFLOWS = 25
"""fp16 steps in a row that may be skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one optimiser step did, and what is due after it."""

    step: int
    """Steps done, this one included."""
    total: int
    epoch: float
    losses: dict[str, float]
    """Each loss over the whole batch: its sum over its weight, of all processes."""
    loss: float
    rate: float
    grad_norm: float
    """Of all gradients together, before clipping."""
    ids: tuple[str, ...]
    """The samples of this process."""
    seconds: float
    """Of computing, without waiting for data or for whoever consumes the steps."""
    micro: int
    """Samples at a time."""
    skipped: bool
    """The fp16 gradient overflowed: nothing was changed but the scale."""
    evaluate: bool
    save: bool
    last: bool
    interrupted: bool


def fit(
    model: nn.Module,
    task: Task,
    loader: Loader,
    state: State,
    *,
    world: World | None = None,
    interruption: Interruption | None = None,
) -> Iterator[Step]:
    """Train from `state.step` to the end; between two steps the caller may evaluate, save, or leave.

    Args:
        model: `state.model`, or what a compiler made of it: it shares the parameters.
        interruption: where set by a signal in any process, the step says so in all of them and is the last one.

    Raises:
        NonFinite: a loss or gradient of this step; the weights are those before it.
        ConfigError: memory ran out with single samples.
        DataError: a sample cannot be used.
    """
    world = world or World()
    _check(loader, state)
    world.copy(tensor for module in (state.model, state.evaluated) for tensor in module.state_dict().values())
    gradients = Gradients(model, task, state.device, state.training.precision, state.training.seed, world, state.step)
    done = state.step >= state.total
    while not done:
        for batches in loader.steps(state.step, state.micro, world):
            started = time.perf_counter()
            model.train()
            asked = interruption is not None and interruption.asked
            try:
                batches = [batch.to(state.device) for batch in batches]
                losses, asked = _gradient(gradients, batches, state, asked=asked)
            except OutOfMemory:
                _halve(state, world)
                break  # the loader starts again at this step
            changed = _update(gradients, batches, state, losses)
            done = asked or state.step == state.total
            yield Step(
                **changed,
                **_due(state),
                ids=tuple(name for batch in batches for name in batch.ids),
                seconds=time.perf_counter() - started,
                interrupted=asked,
            )
            if done:
                return


def _check(loader: Loader, state: State) -> None:
    """A loader of another batch or seed would count positions that mean something else in a checkpoint."""
    given = {"batch": loader.batch, "seed": loader.seed, "samples": len(loader.dataset)}
    wanted = {"batch": state.training.batch, "seed": state.training.seed, "samples": state.samples}
    if given != wanted:
        raise ValueError(f"the loader has {given}, the state was made for {wanted}: make both from the same settings")


def _due(state: State) -> dict[str, Any]:
    training, step, total = state.training, state.step, state.total
    save_every = training.save_every or training.evaluate_every
    return {
        "step": step,
        "total": total,
        "epoch": state.epoch,
        "evaluate": training.due(step, total, state.samples, training.evaluate_every),
        "save": training.due(step, total, state.samples, save_every),
        "last": step == total,
    }


def _gradient(gradients: Gradients, batches: Sequence[Batch], state: State, *, asked: bool) -> tuple[Tensor, bool]:
    state.optimiser.zero_grad(set_to_none=True)
    several = state.micro is not None and _largest_share(state, gradients.world) > state.micro
    scale = 1.0 if state.scale is None else state.scale.value
    return gradients.accumulate(batches, state.step, several=several, scale=scale, asked=asked)


def _update(gradients: Gradients, batches: Sequence[Batch], state: State, losses: Tensor) -> dict[str, Any]:
    """Step the optimiser with the gradients that are there, unless something is not finite."""
    training = state.training
    parameters = [parameter for parameter in state.model.parameters() if parameter.grad is not None]
    norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
    *values, length = torch.cat([losses, norm.to(losses).view(1)]).tolist()  # the one place that waits for the device
    rate = training.rate * training.factor(state.step, state.total)
    finite = math.isfinite(length)
    if not all(map(math.isfinite, values)) or not (finite or _may_skip(state)):
        named = dict(zip(gradients.names, values, strict=True))
        raise _not_finite(gradients, batches, state.step, named, rate)
    if finite:
        if training.clip is not None:
            nn.utils.clip_grads_with_norm_(parameters, training.clip, norm)
        set_rate(state.optimiser, rate)
        state.optimiser.step()
    if state.scale is not None:
        state.scale.update(finite)
    state.step += 1
    if finite and state.average is not None and training.ema is not None:
        update_average(state.average, state.model, training.ema, state.step)
    return {
        "losses": dict(zip(gradients.names, values, strict=True)),
        "loss": sum(values),
        "rate": rate,
        "grad_norm": length,
        "micro": min(state.micro or training.batch, _largest_share(state, gradients.world)),
        "skipped": not finite,
    }


def _may_skip(state: State) -> bool:
    return state.scale is not None and state.scale.bad < _OVERFLOWS


def _not_finite(
    gradients: Gradients, batches: Sequence[Batch], step: int, losses: dict[str, float], rate: float
) -> NonFinite:
    found = gradients.world.gather(find(gradients, batches, step))
    gradients.model.zero_grad(set_to_none=True)
    bad = [f"loss {name!r} is {value}" for name, value in losses.items() if not math.isfinite(value)]
    where = [text if len(found) == 1 else f"process {rank}: {text}" for rank, text in enumerate(found) if text]
    if not where:
        where = [f"not seen again when the step was repeated; samples {listed([i for b in batches for i in b.ids])}"]
    return NonFinite(
        f"step {step + 1}: {', '.join(bad) or 'the gradient is not finite'} (of the losses {', '.join(losses)}) "
        f"at learning rate {rate:g}; {'; '.join(where)}; nothing was stepped or saved"
    )


def _halve(state: State, world: World) -> None:
    micro = min(state.micro or state.training.batch, _largest_share(state, world))
    if micro == 1:
        raise ConfigError("out of memory with one sample at a time: use a smaller model or input, recompute, or bf16")
    state.optimiser.zero_grad(set_to_none=True)
    state.micro = micro // 2
    if state.device.type == "cuda":
        torch.cuda.empty_cache()
    log.warning(
        "step %d: out of memory with %d samples at a time: going on with %d, the batch stays %d",
        *(state.step + 1, micro, state.micro, state.training.batch),
    )


def _largest_share(state: State, world: World) -> int:
    return -(-state.training.batch // world.size)
