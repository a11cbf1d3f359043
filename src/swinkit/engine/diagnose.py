"""Finding where a number stopped being finite: the failed step is computed again, this time watched.

Nothing of this runs while training goes well. The weights are still those that the step began with, and its draws are
repeated.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
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
        if where := _Watch(gradients.model).bad(gradients, batch, step, micro):
            grids = [each.grid for each in (batch, *batch.parts.values())]
            guilty = [name for at, name in enumerate(batch.ids) if not all(grid[at].isfinite().all() for grid in grids)]
            if guilty:
                where = f"the input is not finite, then {where}"
            return f"{where}; samples {listed(guilty or list(batch.ids))}"
    return None


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


class _Watch:
    """Looks at the output of every module, and at the gradients of those that have no parts."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.output: str | None = None
        """The first module whose output was not finite."""
        self.backward: list[tuple[str, bool]] = []
        """(module, whether the gradient that reached its output was finite) in the order of the backward pass."""

    def bad(self, gradients: Gradients, batch: Batch, step: int, micro: int) -> str | None:
        """Where the first number that is not finite appears."""
        try:
            with self._hooks():
                losses = gradients.losses(batch, step, micro)
                for name, values in losses.items():
                    if not all(value.isfinite().all() for value in values):
                        return f"first bad module: none, the loss {name!r} itself is"
                total = torch.stack([each.float() / weight.float().clamp(min=1e-6) for each, weight in losses.values()])
                if total.requires_grad:
                    total.sum().backward()
        except _Found:
            return f"first bad module: {self.output or 'the model'} (its output)"
        except RuntimeError as error:
            return f"the step cannot be repeated ({str(error).splitlines()[0]})"
        return self._bad_gradient() or self._bad_parameter()

    @contextmanager
    def _hooks(self) -> Generator[None]:
        handles = [
            module.register_forward_hook(self._look(name, module)) for name, module in self.model.named_modules()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _look(self, name: str, module: nn.Module) -> Any:
        leaf = next(module.children(), None) is None

        def hook(_: nn.Module, __: Any, output: Any) -> None:
            for tensor in _tensors(output):
                if not tensor.isfinite().all():
                    self.output = name
                    raise _Found
                if leaf and tensor.requires_grad:
                    tensor.register_hook(lambda gradient: self.backward.append((name, bool(gradient.isfinite().all()))))

        return hook

    def _bad_gradient(self) -> str | None:
        """The last module that was reached by a finite gradient and handed on one that is not."""
        before = "the loss"
        for name, finite in self.backward:
            if not finite:
                return f"first bad module: {before} (its backward pass, on the way to {name})"
            before = name
        return None

    def _bad_parameter(self) -> str | None:
        for name, parameter in reversed(list(self.model.named_parameters())):
            if parameter.grad is not None and not parameter.grad.isfinite().all():
                return f"first bad module: {name.rpartition('.')[0] or 'the model'} (the gradient of its {name})"
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
