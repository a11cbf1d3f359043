"""Multi-head attention inside windows, with V1's dot or V2's cosine score."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.layers.linear import Linear
from swinkit.ops.attention import Inputs, Score, window_attention
from swinkit.ops.partition import from_windows, into_windows
from swinkit.ops.windows import Plan

LOG_SCALE_LIMIT = math.log(100.0)


class WindowAttention(nn.Module):
    """Projects tokens to queries, keys and values, attends inside the plan's windows and projects back.

    `dot` divides scores by the root of the head width; `cosine` compares directions, scaled per head by at most 100,
    and its keys
    have no bias (Liu et al. 2022, section 3.2).
    """

    def __init__(self, channels: int, heads: int, *, score: Score, bias: nn.Module, backend: str | None = None) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be split among {heads} heads: give a divisor")
        self.heads, self.backend = heads, backend
        self.score: Score = score
        self.scale = (channels // heads) ** -0.5
        """Of dot scores; 1 once the weights hold it (`fold_scale`)."""
        self.qkv = Linear(channels, 3 * channels, bias=score == "dot")
        if score == "cosine":
            self.query_bias = nn.Parameter(torch.zeros(channels))
            self.value_bias = nn.Parameter(torch.zeros(channels))
            self.log_scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10.0)))
        self.bias = bias
        self.projection = Linear(channels, channels)

    def forward(
        self, x: Float[Tensor, "b cells c"], plan: Plan, valid: Bool[Tensor, "b cells"] | None = None
    ) -> Float[Tensor, "b cells c"]:
        """Tokens in raster order in and out."""
        raster = plan.padded or plan.arranged or self.backend or torch.compiler.is_exporting()
        if raster or x.device.type != "cpu":
            return self._attend(x, plan, valid)
        x = self._attend(into_windows(x, plan), replace(plan, arranged=True), valid)  # one move there, one back
        return from_windows(x, plan)

    def _attend(self, x: Tensor, plan: Plan, valid: Tensor | None) -> Tensor:
        b, cells, channels = x.shape
        offset = self._projection_bias()
        qkv = self.qkv(x, offset).view(b, cells, 3, self.heads, -1)
        q, k, v = qkv.unbind(2)
        _, pad_key, pad_value = offset.view(3, self.heads, -1).unbind(0)
        if self.score == "dot":
            q = q if self.scale == 1 else q * self.scale
        else:
            both, wide = qkv[:, :, :2], torch.promote_types(q.dtype, torch.float32)
            scale = self.log_scale.to(wide).clamp(max=LOG_SCALE_LIMIT).exp().view(self.heads, 1)
            lengths = torch.linalg.vector_norm(both, dim=-1, keepdim=True, dtype=wide).clamp_min(1e-12)
            directions = both * (torch.stack([scale, torch.ones_like(scale)]) / lengths)
            q, k = directions.to(q.dtype).unbind(2)  # no less exact than what the projection gave
        inputs = Inputs(q=q, k=k, v=v, bias=self.bias(), plan=plan, pad_key=pad_key, pad_value=pad_value, valid=valid)
        out = window_attention(inputs, score=self.score, backend=self.backend)
        return self.projection(out.reshape(b, cells, channels))

    @torch.no_grad()
    def fold_scale(self) -> None:
        """Put the scale of dot scores into the weights of the queries; for copies that only predict."""
        if self.score == "dot":
            queries = self.projection.in_features
            self.qkv.weight[:queries] *= self.scale
            self.qkv.bias[:queries] *= self.scale
            self.scale = 1.0

    def _projection_bias(self) -> Tensor:
        if self.score == "dot":
            return self.qkv.bias
        return torch.cat([self.query_bias, torch.zeros_like(self.query_bias), self.value_bias])
