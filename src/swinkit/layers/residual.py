"""How a branch joins the stream: norm before it (V1) or after it (V2), and stochastic depth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Residual(Protocol):
    """Where the norm of a branch stands."""

    def __call__(self, x: Tensor, norm: nn.Module, branch: Callable[[Tensor], Tensor]) -> Tensor: ...


def pre_norm(x: Tensor, norm: nn.Module, branch: Callable[[Tensor], Tensor]) -> Tensor:
    """V1: the branch sees normalised tokens."""
    return branch(norm(x))


def post_norm(x: Tensor, norm: nn.Module, branch: Callable[[Tensor], Tensor]) -> Tensor:
    """V2: what the branch adds is normalised, which keeps deep streams small (Liu et al. 2022, section 3.1)."""
    return norm(branch(x))


class DropPath(nn.Module):
    """Stochastic depth: leaves a sample's branch out with probability `rate`, and scales the others up (Huang et al.
    2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"drop path rate {rate} is not in [0, 1)")
        self.rate = rate

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """The branch's output; unchanged outside training."""
        if not self.training or self.rate == 0:
            return x
        keep = 1 - self.rate
        mask = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device) < keep
        return x * (mask.to(x.dtype) / keep)

    def kept(self, x: Float[Tensor, "b ..."]) -> Int[Tensor, " kept"] | None:
        """The samples of a batch that keep the branch when a fixed share of them does, in rising order; None where all
        do.

        Each is kept equally often, but not independently of the others (as the batched stochastic depth of DINOv2,
        Oquab et al. 2023, section 5), and what is left out is never computed.
        """
        count = max(1, round(len(x) * (1 - self.rate)))
        if not self.training or count == len(x):
            return None
        return torch.randperm(len(x), device=x.device)[:count].sort().values

    def extra_repr(self) -> str:
        return f"rate={self.rate}"
