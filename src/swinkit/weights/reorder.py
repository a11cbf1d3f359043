"""Orders of merged neighbours that are not ours: a table of inverse functions on the last axis of a tensor.

We join the neighbours 00, 10, 01, 11 of a patch, each with all its channels (design S8), so the last axis of a
merging's reduction [c 4C] and of the norm before it [4C] runs over (neighbour, channel).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jaxtyping import Shaped
from torch import Tensor

Order = Callable[[Shaped[Tensor, "*rows joined"]], Shaped[Tensor, "*rows joined"]]


def from_unfold(value: Shaped[Tensor, "*rows joined"]) -> Shaped[Tensor, "*rows joined"]:
    """From the order of `nn.Unfold` in OpenMMLab's PatchMerging: (channel, neighbour), neighbours 00, 01, 10, 11."""
    split = value.reshape(*value.shape[:-1], -1, 4)[..., [0, 2, 1, 3]]
    return split.transpose(-1, -2).reshape(value.shape)


def to_unfold(value: Shaped[Tensor, "*rows joined"]) -> Shaped[Tensor, "*rows joined"]:
    """The inverse of `from_unfold`."""
    split = value.reshape(*value.shape[:-1], 4, -1)[..., [0, 2, 1, 3], :]
    return split.transpose(-1, -2).reshape(value.shape)


REORDERS: Mapping[str, tuple[Order, Order]] = {"unfold": (from_unfold, to_unfold)}
"""Name in a layout's rows -> (from theirs to ours, from ours to theirs)."""
