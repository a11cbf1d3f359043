"""Offsets of windows of any rank, and the deterministic gather of the bias."""

from __future__ import annotations

import math

import pytest
import torch

from swinkit.ops.offsets import gather_bias, log_offsets, offset_index

WINDOWS = [(1,), (5,), (7, 7), (3, 4), (1, 1), (2, 3, 4), (8, 5, 5)]


def published_index(window):
    """Microsoft's and Video-Swin's construction, for rank 2 and 3."""
    coordinates = torch.stack(torch.meshgrid(*[torch.arange(w) for w in window], indexing="ij")).flatten(1)
    relative = (coordinates[:, :, None] - coordinates[:, None, :]).permute(1, 2, 0).contiguous()
    for axis, w in enumerate(window):
        relative[..., axis] += w - 1
    for axis in range(len(window)):
        relative[..., axis] *= math.prod(2 * w - 1 for w in window[axis + 1 :])
    return relative.sum(-1)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_index_is_the_published_one(window):
    assert offset_index(window).equal(published_index(window))


def test_cutting_a_larger_windows_index_is_wrong_c3():
    """C3: slicing [:N, :N] of the full index, as video codes do when a window shrinks, picks wrong offsets; ours
    never slices."""
    full, small = (7, 7), (5, 5)
    tokens = math.prod(small)
    sliced, right = published_index(full)[:tokens, :tokens], published_index(small)
    row, column = sliced // 13 - 6, sliced % 13 - 6
    wrong = ((row != right // 9 - 4) | (column != right % 9 - 4)).float().mean()
    assert 0.84 < wrong < 0.85
    full, small = (8, 7, 7), (8, 5, 5)
    tokens = math.prod(small)
    sliced = published_index(full)[:tokens, :tokens]
    deltas = torch.stack([sliced // 169 - 7, sliced // 13 % 13 - 6, sliced % 13 - 6], -1)
    right = published_index(small)
    true = torch.stack([right // 81 - 7, right // 9 % 9 - 4, right % 9 - 4], -1)
    assert 0.98 < (deltas != true).any(-1).float().mean() < 0.982


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_gather_and_its_gradient(window):
    index = offset_index(window)
    table = torch.randn(math.prod(2 * w - 1 for w in window), 3, dtype=torch.float64, requires_grad=True)
    bias = gather_bias(table, index, window)
    assert bias.equal(table[index].permute(2, 0, 1))
    probe = torch.randn_like(bias)
    (ours,) = torch.autograd.grad(bias, table, probe)
    (theirs,) = torch.autograd.grad(table[index].permute(2, 0, 1), table, probe)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("window, heads", [((7, 7), 24), ((12, 12), 6)])
def test_gradient_repeats_bit_for_bit(window, heads):
    """S7: where index backward on the CPU does not."""
    index = offset_index(window)
    table = torch.randn(math.prod(2 * w - 1 for w in window), heads, requires_grad=True)
    probe = torch.randn(heads, *index.shape)
    grads = [torch.autograd.grad(gather_bias(table, index, window), table, probe)[0] for _ in range(20)]
    assert all(g.equal(grads[0]) for g in grads)


def test_log_offsets_are_microsofts_and_finite_for_one_token():
    ours = log_offsets((8, 8), (8, 8))
    axis = torch.arange(-7, 8, dtype=torch.float32) / 7 * 8
    axis = torch.sign(axis) * torch.log2(axis.abs() + 1) / math.log2(8)
    assert ours.view(15, 15, 2)[:, :, 0].equal(axis[:, None].expand(15, 15))
    assert ours.view(15, 15, 2)[:, :, 1].equal(axis[None].expand(15, 15))
    assert log_offsets((1, 1), (1, 1)).equal(torch.zeros(1, 2))  # C6: Microsoft divides by window - 1 = 0
    assert log_offsets((16,), (8,)).max() > log_offsets((16,), (16,)).max()
