"""The exact gradient of one step, from any number of micro-batches and processes.

A task gives every loss as a sum and a weight; the loss is all sums over all weights. With more than one micro-batch
the weights of the later ones must be known before the first backward pass. A single loss only needs a factor on the
finished gradient. Several losses (whose weights need not be proportional) cost one more forward pass without
gradients per further micro-batch: about a third more time, no more memory, and exact.

Processes add their gradients in flat buckets of a fixed order, instead of through DistributedDataParallel: a task may
call any part of the model, unused parameters are no special case, and the order of addition does not change when a
run is resumed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from swinkit.engine.parallel import World
from swinkit.engine.training import Precision
from swinkit.types import Batch, Task

Losses = dict[str, tuple[Tensor, Tensor]]
Result = TypeVar("Result")
_BUCKET = 1 << 23  # elements added in one call
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


class OutOfMemory(Exception):
    """Some process ran out of memory in this step; every process raises it, and nothing was changed."""


def autocast(device: torch.device, precision: Precision) -> torch.autocast | nullcontext[None]:
    """The context in which the model computes."""
    return nullcontext() if precision == "fp32" else torch.autocast(device.type, _TYPES[precision])


def seed_draws(*key: int) -> None:
    """Seed the generators of this process with a key such as (seed, step, rank, micro-batch)."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest, "little") >> 1)


@dataclass
class Gradients:
    """Fills `.grad` of a model's parameters for a batch."""

    model: nn.Module
    task: Task
    device: torch.device
    precision: Precision
    seed: int
    world: World
    first: int
    """The step this process began with: there the names of the losses are compared between the processes."""
    names: list[str] = field(default_factory=list)

    def losses(self, batch: Batch, step: int, micro: int) -> Losses:
        """The task's losses of one micro-batch; the same draws whenever it is asked again."""
        seed_draws(self.seed, step, self.world.rank, micro)
        with autocast(self.device, self.precision):
            losses = self.task.losses(self.model, batch)
        self._check_names(losses)
        return losses

    def accumulate(
        self, batches: Sequence[Batch], step: int, *, several: bool, scale: float, asked: bool
    ) -> tuple[Tensor, bool]:
        """Put the gradient of sum(losses) into `.grad`.

        Args:
            batches: this process's micro-batches, on the device.
            step: the step, for the draws.
            several: whether any process has more than one micro-batch.
            scale: factor on the losses against fp16 underflow; the gradient is divided by it again.
            asked: whether this process was asked to stop.

        Returns:
            [names] the losses in the order of `names`, and whether any process was asked to stop.

        Raises:
            OutOfMemory: in every process when it happened in one.
        """
        first, weights = self._agree(lambda: self._before(batches, step, several=several))
        if step == self.first and any(names != self.names for names in self.world.gather(self.names)):
            raise ValueError(
                "the task gave other losses in another process: give an absent one the sum 0 and the weight 0"
            )
        divisor = self._divisor(self.world.add(weights))
        found = self._agree(lambda: self._backward(batches, step, first, divisor / scale))
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        has = [float(parameter.grad is not None) for parameter in parameters] if self.world.size > 1 else []
        flags = torch.tensor([float(asked), *has], dtype=found.dtype, device=found.device)
        found = self.world.add(torch.cat([found, flags]))
        sums, counted, flags = found.split([len(self.names), len(self.names), len(flags)])
        if self.world.size > 1:
            asked, *has = (flags > 0).tolist()
            _add_gradients(self.world, [parameter for parameter, used in zip(parameters, has, strict=True) if used])
        late = several and len(self.names) == 1
        if late or scale != 1:
            factor = (divisor[0] / self._divisor(counted)[0] if late else 1.0) / scale
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.mul_(factor)
        return sums / self._divisor(counted), asked

    def _before(self, batches: Sequence[Batch], step: int, *, several: bool) -> tuple[list[Losses], Tensor]:
        """The first micro-batch's losses with their graph, and the weights to divide by."""
        first = self.losses(batches[0], step, 0)
        weights = self._stack(first, 1)
        if several and len(first) > 1:
            with torch.no_grad():
                for micro, batch in enumerate(batches[1:], 1):
                    weights += self._stack(self.losses(batch, step, micro), 1)
        return [first], weights

    def _backward(self, batches: Sequence[Batch], step: int, first: list[Losses], divisor: Tensor) -> Tensor:
        """[2 names] the sums and weights of this process; the gradients are left in the parameters."""
        found = torch.zeros(2 * len(self.names), dtype=divisor.dtype, device=divisor.device)
        for micro, batch in enumerate(batches):
            losses = first.pop() if micro == 0 else self.losses(batch, step, micro)
            total = torch.stack(
                [losses[name][0].float() / divisor[at].float() for at, name in enumerate(self.names)]
            ).sum()
            if total.requires_grad:  # not so when nothing in the micro-batch could be learned from
                total.backward()
            found += torch.cat([self._stack(losses, 0), self._stack(losses, 1)])
        return found

    def _agree(self, compute: Callable[[], Result]) -> Result:
        """What `compute` returns; when memory ran out in one process, every process leaves the step."""
        result = None
        try:
            result = compute()
        except RuntimeError as error:
            if not _is_memory(error):
                raise
        short = result is None
        if self.world.size > 1:
            short = self.world.add(torch.tensor([float(short)], device=self.device)).item() > 0
        if short or result is None:
            raise OutOfMemory
        return result

    def _stack(self, losses: Losses, part: int) -> Tensor:
        kind = torch.float32 if self.device.type == "mps" else torch.float64
        values = [torch.as_tensor(losses[name][part], device=self.device).detach() for name in self.names]
        return torch.stack([value.to(kind) for value in values])

    @staticmethod
    def _divisor(weights: Tensor) -> Tensor:
        """A loss without any weight (a batch that is all ignored) is zero, not zero over zero."""
        return torch.where(weights > 0, weights, torch.ones_like(weights))

    def _check_names(self, losses: Losses) -> None:
        if not self.names:
            self.names.extend(sorted(losses))
        elif self.names != sorted(losses):
            raise ValueError(
                f"the task gave the losses {sorted(losses)}, before {self.names}: give an absent one sum 0 and weight 0"
            )


def _add_gradients(world: World, parameters: list[nn.Parameter]) -> None:
    for parameter in parameters:
        if parameter.grad is None:  # used by another process only
            parameter.grad = torch.zeros_like(parameter)
    start = 0
    while start < len(parameters):
        stop, size = start, 0
        while stop < len(parameters) and (stop == start or size + parameters[stop].numel() <= _BUCKET):
            size += parameters[stop].numel()
            stop += 1
        gradients = [parameter.grad for parameter in parameters[start:stop] if parameter.grad is not None]
        flat = world.add(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, summed in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))
        start = stop


def _is_memory(error: RuntimeError) -> bool:
    known = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
    return isinstance(error, torch.OutOfMemoryError) or any(name in str(error) for name in known)
