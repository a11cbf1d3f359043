"""Layer norm that always computes in the precision of its own weights."""

from __future__ import annotations

from torch import Tensor, nn


class LayerNorm(nn.LayerNorm):
    """`nn.LayerNorm` (eps 1e-5, as every published Swin) in float32 under autocast, on every device."""

    def forward(self, input: Tensor) -> Tensor:
        """[... channels] -> [... channels]"""
        return super().forward(input.to(self.weight.dtype))
