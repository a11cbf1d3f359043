"""Several views of one thing in one grid: clips of a film, a sound as other vocal tracts would give it."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def unrolled(
    grid: Float[Tensor, "b c first *space"], valid: Bool[Tensor, "b first *space"] | None, views: int
) -> tuple[Float[Tensor, "v_b c first_v *space"], Bool[Tensor, "v_b first_v *space"] | None]:
    """Views that lie in a row along the first axis, one after another along the batch: row v * b + i is view v of
    sample i."""
    return torch.cat(grid.chunk(views, 2)), None if valid is None else torch.cat(valid.chunk(views, 1))
