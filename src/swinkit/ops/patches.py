"""Whole patches from grids of any size."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from swinkit.types import Window


def pad_to_multiple(x: Float[Tensor, "b c *space"], factor: Window) -> Float[Tensor, "b c *padded"]:
    """Zeros at the high end of every axis until its size is a multiple of `factor`."""
    for axis, f in enumerate(factor):
        size = x.shape[axis + 2]
        if f == 1 or (not torch.compiler.is_exporting() and size % f == 0):
            continue
        cell = torch.arange((size + f - 1) // f * f, device=x.device)
        real = cell < size
        x = x.index_select(axis + 2, torch.where(real, cell, 0))
        x = torch.where(real.view([-1 if i == axis else 1 for i in range(len(factor))]), x, 0.0)
    return x


def any_in_patch(valid: Bool[Tensor, " b *space"], factor: Window) -> Bool[Tensor, " b *merged"]:
    """A merged token is valid if any of its parts is."""
    x = pad_to_multiple(valid[:, None].to(torch.float32), factor)
    tiles = [k for s, f in zip(x.shape[2:], factor, strict=True) for k in (s // f, f)]
    return x.view(x.shape[0], *tiles).amax(dim=tuple(range(2, 2 * len(factor) + 1, 2))) > 0
