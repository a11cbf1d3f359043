"""No head: the pyramid itself, for those who bring their own."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.types import Levels, Window


class Features(nn.Module):
    """Hands on what the backbone returns: a map of every output stage, normalised, channels first, finest first."""

    def __init__(self, levels: Levels) -> None:
        super().__init__()
        self.levels = levels

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> list[Float[Tensor, "b _ ..."]]:
        """[b channels *space] of every level; cells that a sample lacks are zero."""
        return list(features)
