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

    With `balanced`, every task has a logarithm of its variance that is learned with the rest (Kendall et al. 2018).
    """

    def __init__(self, heads: HeadOf, seen: Mapping[str, tuple[int, ...] | None], *, balanced: bool) -> None:
        """`seen`: head -> the levels it is given, None for all."""
        super().__init__()
        self.heads, self.seen = nn.ModuleDict(heads), dict(seen)
        self.log_variances = nn.ParameterDict({name: torch.zeros(()) for name in heads} if balanced else {})

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
