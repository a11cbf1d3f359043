"""The two-layer network of a block."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from swinkit.layers.linear import Linear
from swinkit.ops.linear import predicts_on_cpu

CACHED = 1 << 19
"""Hidden values that a core's cache holds: more tokens go through in parts while predicting on a CPU."""


class Mlp(nn.Module):
    """Linear, exact GELU, linear."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(channels, hidden, gelu=True)
        self.fc2 = Linear(hidden, channels)

    def forward(self, x: Float[Tensor, "... c"]) -> Float[Tensor, "... c"]:
        """Each token on its own."""
        part = max(CACHED // self.fc1.out_features, 1)
        if not predicts_on_cpu(x, self.fc1.weight) or x.numel() < 2 * part * x.shape[-1]:
            return self.fc2(self.fc1(x))
        return torch.cat([self.fc2(self.fc1(rows)) for rows in x.flatten(0, -2).split(part)]).view_as(x)
