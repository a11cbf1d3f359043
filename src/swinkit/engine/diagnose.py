"""Finding where a number stopped being finite: the failed step is computed again, this time watched.

Nothing of this runs while training goes well. The weights are still those that the step began with, and its draws are repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from swinkit.engine.gradients import Gradients
from swinkit.types import Batch

_SHOWN = 32


class _Found(Exception):
    """Ends the forward pass at the first output that is not finite."""


def find(gradients: Gradients, batches: Sequence[Batch], step: int) -> str | None:
    """What this process can say about a loss or gradient that was not finite; None when all of its own were.

    Names the first bad module in the order of computation, and the samples of the micro-batch where it was.
    """
    for micro, batch in enumerate(batches):
        gradients.model.zero_grad(set_to_none=True)
        if where := _watch(gradients, batch, step, micro):
            bad = [not sample.isfinite().all() for sample in batch.grid] if batch.grid.is_floating_point() else []
            guilty = [name for name, wrong in zip(batch.ids, bad, strict=False) if wrong]
            if guilty:
                where = f"the input is not finite, then {where}"
            return f"{where}; samples {listed(guilty or list(batch.ids))}"
    return None


def _watch(gradients: Gradients, batch: Batch, step: int, micro: int) -> str | None:
    forward: list[str] = []
    passed: list[str] = []
    broken: list[str] = []
    leaves = {name: module for name, module in gradients.model.named_modules() if next(module.children(), None) is None}

    def watch(name: str) -> Any:
        def note(gradient: Tensor) -> None:
            if not broken:
                (passed if gradient.isfinite().all() else broken).append(name)

        def hook(_: nn.Module, __: Any, output: Any) -> None:
            for tensor in _tensors(output):
                if not tensor.isfinite().all():
                    forward.append(name)
                    raise _Found
                if name in leaves and tensor.requires_grad:
                    tensor.register_hook(note)

        return hook

    handles = [module.register_forward_hook(watch(name)) for name, module in gradients.model.named_modules()]
    try:
        losses = gradients.losses(batch, step, micro)
        bad = [
            name for name, (total, weight) in losses.items() if not (total.isfinite().all() and weight.isfinite().all())
        ]
        if bad:
            return f"the loss {bad[0]!r} itself, every module's output is finite"
        total = torch.stack([each.float() / weight.float().clamp(min=1e-6) for each, weight in losses.values()]).sum()
        if total.requires_grad:
            total.backward()
    except _Found:
        return f"first bad module: {forward[0] or 'the model'} (its output)"
    finally:
        for handle in handles:
            handle.remove()
    if broken:
        return f"first bad module: {passed[-1] if passed else broken[0]} (its gradient)"
    return _bad_parameter(gradients.model)


def _bad_parameter(model: nn.Module) -> str | None:
    for name, parameter in reversed(list(model.named_parameters())):
        if not parameter.isfinite().all():
            return f"first bad module: {name.rpartition('.')[0]} (its parameter {name})"
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            return f"first bad module: {name.rpartition('.')[0]} (the gradient of {name})"
    return None


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


def listed(names: list[str]) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
