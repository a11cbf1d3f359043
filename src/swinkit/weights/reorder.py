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


def swap_monai(value: Shaped[Tensor, "*rows joined"]) -> Shaped[Tensor, "*rows joined"]:
    """Between ours and that of MONAI's PatchMerging: 000, 100, 010, 001, 110, 101, 011, 111. Its own inverse."""
    return value.reshape(*value.shape[:-1], 8, -1)[..., [0, 1, 2, 4, 3, 5, 6, 7], :].reshape(value.shape)


def swap_axes(value: Shaped[Tensor, "*rows joined"]) -> Shaped[Tensor, "*rows joined"]:
    """Between ours and that of MONAI's PatchMergingV2, the last axis fastest: 000, 001, 010, 011, 100, 101, 110, 111.
    Its own inverse."""
    return value.reshape(*value.shape[:-1], 8, -1)[..., [0, 4, 2, 6, 1, 5, 3, 7], :].reshape(value.shape)


REORDERS: Mapping[str, tuple[Order, Order]] = {
    "unfold": (from_unfold, to_unfold),
    "monai": (swap_monai, swap_monai),
    "monai_mergingv2": (swap_axes, swap_axes),
}
"""Name in a layout's rows -> (from theirs to ours, from ours to theirs)."""
