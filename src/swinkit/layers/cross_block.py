"""Attention inside blocks and across them through their markers: the mixing `cross_block`."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from swinkit.layers.attention import LOG_SCALE_LIMIT
from swinkit.layers.linear import Linear
from swinkit.ops.attention import Score
from swinkit.ops.blocks import attend_across, attend_inside, distances, empty_padding, key_masks, spread
from swinkit.ops.precision import full_precision
from swinkit.ops.windows import Plan

DISTANCE_WIDTH = 64
"""Hidden width of the network on block distances."""


class CrossBlockAttention(nn.Module):
    """Local: `L = MHA(x)` over the tokens and the marker of each block, with the version's score and bias. Cross: every
    token and marker asks the marker rows of L of all blocks. The result is `W [L, Cross]`, one projection of both.

    Pairs with the marker have a learned bias of their own per head (to it, from it, with itself), pairs of blocks one
    from a small network on their log distance. Time is O(N (K + N / K)) for N tokens in blocks of K.
    """

    def __init__(self, channels: int, heads: int, rank: int, *, score: Score, bias: nn.Module) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be split among {heads} heads: give a divisor")
        self.heads = heads
        self.score: Score = score
        dot = score == "dot"
        self.qkvc = Linear(channels, 4 * channels, bias=dot)
        """Queries, keys and values inside the block, and queries across blocks."""
        self.marker_kv = Linear(channels, 2 * channels, bias=dot)
        if not dot:  # as in V2: no bias on keys, and a scale per head
            self.query_bias = nn.Parameter(torch.zeros(channels))
            self.value_bias = nn.Parameter(torch.zeros(channels))
            self.cross_query_bias = nn.Parameter(torch.zeros(channels))
            self.cross_value_bias = nn.Parameter(torch.zeros(channels))
            self.log_scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10.0)))
            self.cross_log_scale = nn.Parameter(torch.full((heads, 1, 1), math.log(10.0)))
        self.bias = bias
        self.marker_bias = nn.Parameter(torch.zeros(3, heads))
        self.distance = nn.Sequential(
            nn.Linear(rank, DISTANCE_WIDTH), nn.ReLU(), nn.Linear(DISTANCE_WIDTH, heads, bias=False)
        )
        self.projection = Linear(2 * channels, channels)

    def forward(
        self, x: Float[Tensor, "b blocks rows c"], plan: Plan, valid: Bool[Tensor, "b cells"] | None = None
    ) -> Float[Tensor, "b blocks rows c"]:
        """Blocks as `ops.blocks.open_blocks` makes them, in and out."""
        inside, across = key_masks(plan, valid)
        z = self.qkvc(empty_padding(x, plan), self._bias(""))
        q, k, v, asked = self._split(z.flatten(0, 1), 4)
        with full_precision(x.device):
            q, k = self._scored(q, k, "log_scale")
            local = attend_inside(q, k, v, self._local_bias(), inside)
        markers = local[:, :, 0].flatten(1).unflatten(0, x.shape[:2])  # [b blocks c]
        keys, values = self._split(self.marker_kv(markers, self._bias("cross_")), 2)
        with full_precision(x.device):
            table = self.distance(distances(plan.counts, next(self.distance.parameters())))
            asked, keys = self._scored(asked, keys, "cross_log_scale")
            cross = attend_across(asked, keys, values, spread(table, plan.counts), across)
        both = torch.cat([local.transpose(1, 2), cross.transpose(1, 2)], 2).flatten(2)
        return self.projection(both).unflatten(0, x.shape[:2])

    def _split(self, x: Float[Tensor, "n rows _"], parts: int) -> tuple[Tensor, ...]:
        """That many [n heads rows d]."""
        return x.unflatten(-1, (parts, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)

    def _bias(self, side: str) -> Tensor:
        if self.score == "dot":
            return self.marker_kv.bias if side else self.qkvc.bias
        if side:
            return torch.cat([torch.zeros_like(self.cross_value_bias), self.cross_value_bias])
        return torch.cat([self.query_bias, torch.zeros_like(self.query_bias), self.value_bias, self.cross_query_bias])

    def _scored(self, q: Tensor, k: Tensor, scale: str) -> tuple[Tensor, Tensor]:
        """Queries and keys whose product is the score."""
        if self.score == "dot":
            return q * q.shape[-1] ** -0.5, k
        wide = torch.promote_types(q.dtype, torch.float32)
        factor = getattr(self, scale).to(wide).clamp(max=LOG_SCALE_LIMIT).exp()
        q_wide, k_wide = F.normalize(q.to(wide), dim=-1) * factor, F.normalize(k.to(wide), dim=-1)
        return q_wide.to(q.dtype), k_wide.to(k.dtype)  # no less exact than what the projections gave

    def _local_bias(self) -> Float[Tensor, "heads rows rows"]:
        """The version's bias between tokens, framed by the marker's."""
        tokens = self.bias()
        to, out_of, own = self.marker_bias.to(tokens.dtype)[:, :, None, None]
        length = tokens.shape[-1]
        first = torch.cat([own, out_of.expand(-1, 1, length)], 2)
        return torch.cat([first, torch.cat([to.expand(-1, length, 1), tokens], 2)], 1)
