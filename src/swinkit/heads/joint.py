"""Several heads on one pyramid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.types import Levels, Window

HeadOf = Mapping[str, nn.Module]


class Joint(nn.Module):
    """Every head sees the levels it was made for; the answer is theirs by name.

    With `balanced`, every task that learns has a logarithm of its variance that is learned with the rest (Kendall et
    al. 2018).
    """

    def __init__(
        self, heads: HeadOf, seen: Mapping[str, tuple[int, ...] | None], *, balanced: bool, kept: Sequence[str] = ()
    ) -> None:
        """`seen`: head -> the levels it is given, None for all. `kept`: heads that are not trained and stay in
        evaluation mode."""
        super().__init__()
        self.heads, self.seen, self._kept = nn.ModuleDict(heads), dict(seen), tuple(kept)
        learned = [name for name in heads if balanced and name not in kept]
        self.log_variances = nn.ParameterDict({name: torch.zeros(()) for name in learned})
        for name in kept:
            self.heads[name].requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Joint:
        """As every module's; kept heads stay in evaluation mode."""
        super().train(mode)
        for name in self._kept:
            self.heads[name].eval()
        return self

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> dict[str, Any]:
        """head -> its raw output."""
        return {
            name: head(_chosen(features, self.seen[name]), _chosen(valid, self.seen[name]), size)
            for name, head in self.heads.items()
        }


def part_of(levels: Levels, seen: tuple[int, ...] | None) -> Levels:
    """The levels that a head is given."""
    channels, strides = _chosen(levels.channels, seen), _chosen(levels.strides, seen)
    return Levels(channels=tuple(channels), strides=tuple(strides))


def _chosen(values: Any, seen: tuple[int, ...] | None) -> Any:
    return values if values is None or seen is None else [values[index] for index in seen]
