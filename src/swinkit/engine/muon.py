"""AdamW whose updates of weight matrices are made orthogonal (Jordan et al. 2024, "Muon")."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the published quintic; it brings singular values near 1 fast and leaves them between 0.7 and 1.2."""
ROUNDS = 5
MOMENTUM = 0.95


class Muon(torch.optim.AdamW):
    """Groups with `orthogonal` are stepped along their momentum with its singular values brought near 1 (Jordan et al.
    2024, "Muon: An optimizer for hidden layers in neural networks"), all others by AdamW.

    An update is scaled by 0.2 sqrt(max(rows, columns)), so that rates and decays of AdamW suit it (Liu et al. 2025,
    "Muon is scalable for LLM training", section 2.2). Convolutions count as matrices of a row for each channel out.
    Their directions are computed in `compute`.
    """

    def __init__(self, groups: list[dict[str, Any]], *, compute: torch.dtype = torch.float32, **options: Any) -> None:
        super().__init__(groups, **options)
        self.compute = compute

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:
        """One step of every parameter that has a gradient."""
        if closure is not None:
            raise ValueError("closures are not evaluated: leave it out")
        groups = self.param_groups
        for group in groups:
            if group["orthogonal"]:
                self._orthogonal(group)
        self.param_groups = [group for group in groups if not group["orthogonal"]]
        try:
            super().step()
        finally:
            self.param_groups = groups

    def _orthogonal(self, group: dict[str, Any]) -> None:
        """Matrices of one shape are computed together."""
        alike: dict[torch.Size, list[Tensor]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is not None:
                alike[parameter.shape].append(parameter)
        for shape, members in alike.items():
            rows, columns = shape[0], shape[1:].numel()
            directions = torch.stack([self._direction(each).reshape(rows, columns) for each in members])
            updates = orthogonal(directions.to(self.compute))
            for parameter, update in zip(members, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                scale = 0.2 * max(rows, columns) ** 0.5
                parameter.add_(update.reshape(shape).to(parameter.dtype), alpha=-group["lr"] * scale)

    def _direction(self, parameter: Tensor) -> Tensor:
        """The gradient with Nesterov's momentum."""
        grad = parameter.grad
        assert grad is not None, "parameters without a gradient are not stepped"
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        state["momentum"].lerp_(grad, 1 - MOMENTUM)
        return grad.lerp(state["momentum"], MOMENTUM)


def orthogonal(matrices: Tensor) -> Tensor:
    """[n rows columns] -> matrices with the same singular vectors and singular values near 1, by five rounds of a
    Newton-Schulz iteration, in the type that they come in: bfloat16 is enough (Jordan et al. 2024)."""
    x = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    wide = x.shape[1] <= x.shape[2]
    if not wide:
        x = x.mT
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x if wide else x.mT
