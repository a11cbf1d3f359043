"""Names and shapes of published files, written down from the sources that make them, block by block."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]


def norm(name: str, channels: int) -> Shapes:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def linear(name: str, out: int, inputs: int, *, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (out, inputs)} | ({f"{name}.bias": (out,)} if bias else {})


def attention(name: str, channels: int, heads: int, rows: int) -> Shapes:
    """V1's, which all projects but transformers call alike; `rows` of the bias table."""
    return {
        **linear(f"{name}.qkv", 3 * channels, channels),
        **linear(f"{name}.proj", channels, channels),
        f"{name}.relative_position_bias_table": (rows, heads),
    }


def attention_v2(name: str, channels: int, heads: int) -> Shapes:
    return {
        **linear(f"{name}.qkv", 3 * channels, channels, bias=False),
        f"{name}.q_bias": (channels,),
        f"{name}.v_bias": (channels,),
        **linear(f"{name}.proj", channels, channels),
        f"{name}.logit_scale": (heads, 1, 1),
        **linear(f"{name}.cpb_mlp.0", 512, 2),
        **linear(f"{name}.cpb_mlp.2", heads, 512, bias=False),
    }


def meta(shapes: Shapes) -> dict[str, Tensor]:
    """Tensors without values."""
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def valued(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Tensors with random values."""
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@functools.cache
def offsets(*window: int) -> Tensor:
    """`relative_position_index` [tokens tokens], as microsoft and all who follow it number offsets: loop by loop."""
    cells = [[]]
    for side in window:
        cells = [[*cell, i] for cell in cells for i in range(side)]
    index = torch.empty(len(cells), len(cells), dtype=torch.int64)
    for i, one in enumerate(cells):
        for j, other in enumerate(cells):
            row = 0
            for a, b, side in zip(one, other, window, strict=True):
                row = row * (2 * side - 1) + a - b + side - 1
            index[i, j] = row
    return index


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Equal names, kinds of number and bits."""
    return one.keys() == other.keys() and all(one[k].dtype == other[k].dtype and one[k].equal(other[k]) for k in one)
