"""A model: stem, backbone, head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor, nn

from swinkit.backbone import Swin, SwinConfig
from swinkit.backbone.config import Convolutions, Patches, Stem
from swinkit.layers.stem import ConvolutionStem, PatchStem, TokenStem
from swinkit.types import Levels, Window

_SPARED = (".attention.bias.", ".attention.distance.", "log_scale", "marker_bias")

HeadFactory = Callable[[Levels], nn.Module]
"""Makes the head for a pyramid; the head takes (features, valid, size of the grid), and where it says `sees_grid` the
grid comes before the features."""


class Model(nn.Module):
    """Turns a grid into whatever its head returns.

    `outputs` are the stages whose features the head sees, finest first; a classifier needs the last one only.
    """

    def __init__(self, config: SwinConfig, head: HeadFactory, outputs: tuple[int, ...] | None = None) -> None:
        super().__init__()
        outputs = tuple(range(len(config.depths))) if outputs is None else outputs
        self.config = config
        self.stem = _stem(config.stem, config.width)
        self.backbone = Swin(config, outputs)
        self.levels = Levels(
            channels=tuple(config.channels[i] for i in outputs), strides=tuple(config.strides[i] for i in outputs)
        )
        self.head = head(self.levels)
        if getattr(self.head, "hides", False):
            self.mask_token = nn.Parameter(torch.zeros(config.width))
        self.frozen: int | None = None
        """Stages that are not trained; see `freeze`."""

    def forward(
        self,
        grid: Num[Tensor, "b c *space"],
        valid: Bool[Tensor, " b *space"] | None = None,
        token_mask: Bool[Tensor, " b *tokens"] | None = None,
    ) -> Any:
        """The head's output. `valid` marks the cells that each sample has, where samples were padded to a common
        size; `token_mask` the tokens behind the stem that are hidden (SimMIM, Xie et al. 2022), for a head that asks
        for them."""
        features, valids = self._pyramid(grid, valid, token_mask)
        if getattr(self.head, "sees_grid", False):
            features, valids = [grid, *features], None if valids is None or valid is None else [valid, *valids]
        return self.head(features, valids, tuple(grid.shape[2:]))

    def features(
        self, grid: Num[Tensor, "b c *space"], valid: Bool[Tensor, " b *space"] | None = None
    ) -> list[Float[Tensor, "b c2 *space2"]]:
        """The pyramid alone, finest level first, channels first."""
        return self._pyramid(grid, valid)[0]

    def _pyramid(
        self, grid: Tensor, valid: Tensor | None, token_mask: Tensor | None = None
    ) -> tuple[list[Tensor], list[Tensor] | None]:
        stem = self.config.stem
        if grid.ndim != self.config.rank + 2 or grid.shape[1] != stem.channels:
            raise ValueError(
                f"a grid of shape {tuple(grid.shape)} came, [batch, {stem.channels} channels, "
                f"{self.config.rank} axes] was wanted: build the model for this rank and number of channels"
            )
        tokens, kept = self.stem(grid, valid)
        if token_mask is not None:
            tokens = torch.where(token_mask[..., None], self.mask_token.to(tokens.dtype), tokens)
        return self.backbone(tokens, kept)

    def freeze(self, stages: int | None) -> None:
        """Train neither the stem nor the first `stages` stages from here on; None takes that back.

        0 freezes the stem alone. The merging before a stage belongs to it, the norm of its features too. What is frozen
        takes no gradient and stays in evaluation mode, so that stochastic depth does not disturb features that nothing
        learns to repair (as mmseg's `frozen_stages`).

        Raises:
            ValueError: the model has fewer stages.
        """
        count = len(self.backbone.stages)
        if stages is not None and not 0 <= stages <= count:
            raise ValueError(f"{stages} stages cannot be frozen, the model has {count}: give 0 to {count}")
        for part in self._frozen():
            part.requires_grad_(True)
        self.frozen = stages
        for part in self._frozen():
            part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Model:
        """As every module's; frozen parts stay in evaluation mode."""
        super().train(mode)
        for part in self._frozen():
            part.eval()
        return self

    def _frozen(self) -> list[nn.Module]:
        if self.frozen is None:
            return []
        norms = [norm for stage, norm in self.backbone.norms.items() if int(stage) < self.frozen]
        return [self.stem, *self.backbone.stages[: self.frozen], *norms]

    def parameter_groups(self) -> list[tuple[str, int, bool]]:
        """(name, depth, decays) of every parameter: depth 0 is the stem, then one a block, the head last.

        Norms, biases, bias tables, their networks, scales and token tables are not decayed.
        """
        first = [1 + sum(self.config.depths[:i]) for i in range(len(self.config.depths) + 1)]
        groups: list[tuple[str, int, bool]] = []
        for name, parameter in self.named_parameters():
            parts = name.split(".")
            if parts[0] == "stem":
                depth = 0
            elif parts[:2] == ["backbone", "stages"]:
                stage = int(parts[2])
                depth = first[stage] + (int(parts[4]) if parts[3] == "blocks" else 0)
            else:
                depth = first[-1]
            kept = parameter.ndim <= 1 or any(part in name for part in _SPARED) or name == "stem.table.weight"
            groups.append((name, depth, not kept))
        return groups


def _stem(stem: Stem, width: int) -> nn.Module:
    if isinstance(stem, Patches):
        return PatchStem(stem.channels, width, stem.size, norm=stem.norm)
    if isinstance(stem, Convolutions):
        return ConvolutionStem(stem.channels, width, stem.size)
    return TokenStem(stem.vocabulary, width, std=stem.std, dropout=stem.dropout)


def space_of(config: SwinConfig, input: Window) -> list[Window]:
    """Tokens along each axis of every stage for an input of this size."""
    space, rows = input, []
    for i, factors in enumerate(config.merges):
        steps = [config.stem.size, factors] if i == 0 else [factors]
        for step in steps:
            space = tuple((s + k - 1) // k for s, k in zip(space, step, strict=True))
        rows.append(space)
    return rows
