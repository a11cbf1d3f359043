"""The Swin Transformer of any rank: tokens in, a pyramid of features out.

Liu et al. 2021 (Swin Transformer) and Liu et al. 2022 (Swin Transformer V2); the two are rows of `rules.RULES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.backbone.config import SwinConfig
from swinkit.backbone.rules import RULES, Rules
from swinkit.layers.attention import WindowAttention
from swinkit.layers.cross_block import CrossBlockAttention
from swinkit.layers.merging import Merging
from swinkit.layers.mlp import Mlp
from swinkit.layers.norm import LayerNorm
from swinkit.layers.position import ConditionalPosition
from swinkit.layers.residual import DropPath
from swinkit.ops.blocks import close_blocks, open_blocks
from swinkit.ops.patches import any_in_patch
from swinkit.ops.windows import Cut, Plan, plan
from swinkit.types import Window

Attention = WindowAttention | CrossBlockAttention


class Block(nn.Module):
    """Positions, where the block has them, attention inside windows, then an MLP on every token, each added to the
    stream."""

    def __init__(
        self,
        attention: Attention,
        mlp: Mlp,
        channels: int,
        rules: Rules,
        drop_path: float,
        position: ConditionalPosition | None = None,
    ) -> None:
        super().__init__()
        self.position = position
        self.residual = rules.residual
        self.norm1, self.attention = LayerNorm(channels), attention
        self.norm2, self.mlp = LayerNorm(channels), mlp
        self.drop_path = DropPath(drop_path)
        self.subset = False
        """In training a branch sees only the samples that keep it (`models.prepare_training`)."""

    def forward(
        self, x: Float[Tensor, "b *rows c"], plan: Plan, valid: Bool[Tensor, "b cells"] | None = None
    ) -> Float[Tensor, "b *rows c"]:
        """Tokens in raster order in and out; blocks with markers where these mix."""
        if self.position is not None:
            x = self.position(x, plan, valid)
        x = self._joined(x, self.norm1, lambda y, cells: self.attention(y, plan, cells), valid)
        return self._joined(x, self.norm2, lambda y, _: self.mlp(y), None)

    def _joined(
        self, x: Tensor, norm: nn.Module, branch: Callable[[Tensor, Tensor | None], Tensor], valid: Tensor | None
    ) -> Tensor:
        """The stream with a branch added."""
        kept = self.drop_path.kept(x) if self.subset else None
        if kept is None:
            return x + self.drop_path(self.residual(x, norm, lambda y: branch(y, valid)))
        cells = None if valid is None else valid[kept]
        added = self.residual(x[kept], norm, lambda y: branch(y, cells))
        return x.index_add(0, kept, added.to(x.dtype), alpha=len(x) / len(kept))


class Stage(nn.Module):
    """Merging, where the stage has it, and blocks that take turns with the `cuts`: shifted every second time, or one
    cut whose windows open with a marker that learns (mixing `cross_block`)."""

    def __init__(
        self, merging: Merging | None, blocks: list[Block], cuts: tuple[Cut, ...], marker: Tensor | None = None
    ) -> None:
        super().__init__()
        self.merging, self.blocks, self.cuts = merging, nn.ModuleList(blocks), cuts
        self.marker = None if marker is None else nn.Parameter(marker)
        self.ready: dict[Window, list[Plan]] = {}
        """Plans worked out beforehand; only in read-only copies for inference (`models.prepared`)."""

    def forward(
        self, x: Float[Tensor, "b cells c"], space: Window, valid: Bool[Tensor, " b *space"] | None = None
    ) -> tuple[Float[Tensor, "b cells2 c2"], Window, Bool[Tensor, " b *space2"] | None]:
        """Tokens in raster order, their space and which of them a sample has; tokens that a sample lacks are zero."""
        return self.mixed(*self.merged(x, space, valid))

    def merged(
        self, x: Float[Tensor, "b cells c"], space: Window, valid: Bool[Tensor, " b *space"] | None = None
    ) -> tuple[Float[Tensor, "b cells2 c2"], Window, Bool[Tensor, " b *space2"] | None]:
        """What enters the blocks."""
        if self.merging is None:
            return x, space, valid
        x, space = self.merging(x, space)
        return x, space, None if valid is None else any_in_patch(valid, self.merging.factor)

    def mixed(
        self, x: Float[Tensor, "b cells c"], space: Window, valid: Bool[Tensor, " b *space"] | None = None
    ) -> tuple[Float[Tensor, "b cells c"], Window, Bool[Tensor, " b *space"] | None]:
        """What leaves the blocks."""
        cells = None if valid is None else valid.flatten(1)
        plans = self.plans(space, x.device)
        if self.marker is not None:
            x = open_blocks(x, self.marker, plans[0])
        for i, block in enumerate(self.blocks):
            x = block(x, plans[i % len(plans)], cells)
        if self.marker is not None:
            x = close_blocks(x, plans[0])
        if cells is not None:
            x = x * cells[..., None]
        return x, space, valid

    def plans(self, space: Window, device: torch.device) -> list[Plan]:
        """The plan of every cut; the second only where there is a block for it."""
        if self.ready and space in self.ready:
            return self.ready[space]
        spare = torch.compiler.is_exporting()
        return [plan(space, cut, device, spare=spare) for cut in self.cuts[: len(self.blocks)]]


class Swin(nn.Module):
    """A pyramid of stages; `outputs` are the stages whose normalised features are returned, finest first."""

    def __init__(self, config: SwinConfig, outputs: tuple[int, ...]) -> None:
        super().__init__()
        last = len(config.depths) - 1
        if not outputs or sorted(set(outputs)) != list(outputs) or outputs[0] < 0 or outputs[-1] > last:
            raise ValueError(f"outputs {outputs}: give rising stage numbers from 0 to {last}")
        self.config, self.outputs = config, outputs
        total = sum(config.depths)
        rates = [config.drop_path * i / max(total - 1, 1) for i in range(total)]
        self.stages = nn.ModuleList(
            _stage(config, i, [rates.pop(0) for _ in range(config.depths[i])]) for i in range(outputs[-1] + 1)
        )
        weights = config.features == "blocks"
        self.norms = nn.ModuleDict({str(i): LayerNorm(config.channels[i], elementwise_affine=weights) for i in outputs})
        _initialise(self, RULES[config.version], config.init_std)

    def forward(
        self, x: Float[Tensor, " b *space c"], valid: Bool[Tensor, " b *space"] | None = None
    ) -> tuple[list[Float[Tensor, "b c2 *space2"]], list[Bool[Tensor, " b *space2"]] | None]:
        """Features of the output stages, channels first, and which of their cells each sample has."""
        features: list[Tensor] = []
        valids: list[Tensor] = []
        space, x = tuple(x.shape[1:-1]), x.flatten(1, -2)
        for i, stage in enumerate(cast("list[Stage]", self.stages)):
            if self.config.features == "merging":
                x, space, valid = stage.merged(x, space, valid)
                told = x
                x, space, valid = stage.mixed(x, space, valid)
            else:
                x, space, valid = stage(x, space, valid)
                told = x
            if str(i) in self.norms:
                y = self.norms[str(i)](told).unflatten(1, space).movedim(-1, 1)
                features.append(y if valid is None else y * valid[:, None])
                if valid is not None:
                    valids.append(valid)
        return features, valids or None


def _stage(config: SwinConfig, index: int, rates: list[float]) -> Stage:
    rules, channels, factors = RULES[config.version], config.channels[index], config.merges[index]
    before = config.channels[index - 1] if index else config.width
    merging = None
    if any(f > 1 for f in factors):
        merging = Merging(before, channels, factors, norm_first=rules.norm_before_reduction)
    window, heads = config.windows[index], config.heads[index]

    shifts, marker = ((0,) * len(window), tuple(w // 2 for w in window)), None
    if config.mixing == "cross_block":
        shifts, marker = shifts[:1], nn.init.normal_(torch.empty(channels), std=0.02)

    def block(rate: float) -> Block:
        bias = rules.bias(window, config.bias_windows[index], heads)
        if marker is None:
            attention = WindowAttention(channels, heads, score=rules.score, bias=bias)
        else:
            attention = CrossBlockAttention(channels, heads, config.rank, score=rules.score, bias=bias)
        position = None
        if config.conditional_position:
            position = ConditionalPosition(channels, config.rank, config.position_width)
        return Block(attention, Mlp(channels, int(channels * config.mlp_ratio)), channels, rules, rate, position)

    def cut(shift: Window) -> Cut:
        return Cut(window=window, shift=shift, small_map=config.small_map, pad_tokens=config.pad_tokens)

    return Stage(merging, [block(rate) for rate in rates], tuple(cut(shift) for shift in shifts), marker)


def _initialise(swin: Swin, rules: Rules, std: float | None) -> None:
    """Linear weights from a normal (which published code cuts at 2, far outside), no biases; V2's branch norms start at
    zero."""
    for module in swin.modules():
        if isinstance(module, nn.Linear):
            deviation = math.sqrt(0.4 / module.in_features) if std is None else std
            nn.init.normal_(module.weight, std=deviation)
            for bias in module.parameters():  # a reduction has none
                if bias.ndim == 1:
                    nn.init.zeros_(bias)
        elif isinstance(module, Block) and rules.zero_branches:
            for norm in (module.norm1, module.norm2):
                nn.init.zeros_(norm.weight)
                nn.init.zeros_(norm.bias)
