"""Conditional positions: the depthwise convolution of the map, whatever order tokens come in."""

from __future__ import annotations

import itertools

import pytest
import torch
from tiny_models import tiny
from torch.nn import functional as F

from swinkit.layers.stem import ConvolutionStem
from swinkit.ops.blocks import close_blocks, open_blocks

CONVOLVE = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
SPACES = {1: (11,), 2: (9, 6), 3: (5, 4, 6)}


def parts(rank: int, mixing: str, width: int = 3):
    """A position, the plan of a map of odd sides, and the map's tokens."""
    stage = tiny(rank, mixing=mixing, conditional_position=True, position_width=width).double().backbone.stages[0]
    plan = stage.plans(SPACES[rank], torch.device("cpu"))[0]
    return stage.blocks[0].position, plan, torch.randn(2, plan.back.numel(), 8, dtype=torch.float64)


def by_hand(position, x, rank, valid=None):
    x = x if valid is None else x * valid[..., None]
    grid = x.transpose(1, 2).unflatten(2, SPACES[rank])
    weight, bias = position.convolution.weight, position.convolution.bias
    return x + CONVOLVE[rank](grid, weight, bias, padding=weight.shape[-1] // 2, groups=8).flatten(2).transpose(1, 2)


@pytest.mark.parametrize("width", [3, 7])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_tokens_get_the_convolution_of_their_map(rank, width):
    position, plan, x = parts(rank, "shifted", width)
    torch.testing.assert_close(position(x, plan), by_hand(position, x, rank))
    valid = torch.rand(2, x.shape[1]) < 0.7
    torch.testing.assert_close(position(x, plan, valid), by_hand(position, x, rank, valid))


@pytest.mark.parametrize("width", [3, 7])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_blocks_get_the_same_and_keep_their_markers(rank, width):
    position, plan, x = parts(rank, "cross_block", width)
    valid = torch.rand(2, x.shape[1]) < 0.7
    blocks = open_blocks(x, torch.zeros(8, dtype=x.dtype), plan)
    blocks[:, :, 0] = torch.randn(blocks[:, :, 0].shape, dtype=x.dtype)
    for mask in (None, valid):
        moved = position(blocks, plan, mask)
        assert moved[:, :, 0].equal(blocks[:, :, 0])
        torch.testing.assert_close(close_blocks(moved, plan), by_hand(position, x, rank, mask))


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_change_reaches_the_neighbours(rank):
    position, plan, x = parts(rank, "shifted")
    cell = tuple(s // 2 for s in SPACES[rank])
    changed = x.clone().unflatten(1, SPACES[rank])
    changed[(0, *cell)] += 1
    moved = (position(changed.flatten(1, rank), plan) != position(x, plan)).any(-1)[0].reshape(SPACES[rank])
    near = {tuple(c + d for c, d in zip(cell, by, strict=True)) for by in itertools.product((-1, 0, 1), repeat=rank)}
    assert {tuple(i.tolist()) for i in moved.nonzero()} == near


def test_a_width_that_has_no_middle_is_refused():
    with pytest.raises(ValueError, match="position_width 4: give an odd number"):
        tiny(1, position_width=4)


def test_the_stem_tells_flat_greys_apart():
    """A layer norm right after a convolution without bias would not: it leaves the direction of a colour only."""
    torch.manual_seed(0)
    stem = ConvolutionStem(3, 16, (4, 4))
    grid = torch.tensor([0.25, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 3, 32, 32)
    tokens = stem(grid)[0][:, 4, 4]
    assert all((a - b).norm() > 0.1 for a, b in itertools.combinations(tokens, 2))
