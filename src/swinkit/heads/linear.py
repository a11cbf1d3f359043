"""One answer for the whole grid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.types import Window


class PooledLinear(nn.Module):
    """Mean over the valid tokens of the coarsest map, then a linear layer (Liu et al. 2021)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, classes)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> Float[Tensor, "b classes"]:
        """A sample's padding does not count; a sample without any token gets the bias."""
        tokens = features[-1].flatten(2)
        if valid is None:
            return self.linear(tokens.mean(2))
        mask = valid[-1].flatten(1)
        kept = torch.where(mask[:, None], tokens, 0).sum(2)  # where, not *: padding may hold anything
        return self.linear(kept / mask.sum(1, keepdim=True).clamp_min(1).to(kept))
