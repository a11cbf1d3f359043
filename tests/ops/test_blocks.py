"""Blocks with markers: opened and closed, masked, and the bias that belongs to every distance."""

from __future__ import annotations

import itertools

import pytest
import torch

from swinkit.ops.blocks import attend_across, attend_inside, close_blocks, distances, key_masks, open_blocks, spread
from swinkit.ops.windows import Cut, plan

CPU = torch.device("cpu")
SPACES = [((8,), (4,)), ((11,), (4,)), ((6, 9), (3, 4)), ((3, 5, 4), (2, 2, 3))]


def cut_of(window: tuple[int, ...], **policies) -> Cut:
    return Cut(window=window, shift=(0,) * len(window), **policies)


@pytest.mark.parametrize("space, window", SPACES)
def test_blocks_open_with_the_marker_and_close_again(space, window):
    p = plan(space, cut_of(window), CPU)
    x, marker = torch.randn(2, torch.Size(space).numel(), 3), torch.randn(3)
    blocks = open_blocks(x, marker, p)
    assert blocks.shape == (2, torch.Size(p.counts).numel(), 1 + torch.Size(window).numel(), 3)
    assert (blocks[:, :, 0] == marker).all()
    assert close_blocks(blocks, p).equal(x)


@pytest.mark.parametrize("counts", [(1,), (5,), (3, 4), (1, 3), (2, 3, 2)])
def test_spread_gives_every_pair_of_blocks_the_row_of_its_offset(counts):
    table = torch.randn(torch.Size(2 * n - 1 for n in counts).numel(), 2, requires_grad=True)
    bias = spread(table, counts)
    places = list(itertools.product(*(range(n) for n in counts)))
    shape = [2 * n - 1 for n in counts]
    index = torch.zeros(len(places), len(places), dtype=torch.int64)
    for (i, one), (j, other) in itertools.product(enumerate(places), repeat=2):
        for a, b, n, size in zip(one, other, counts, shape, strict=True):
            index[i, j] = index[i, j] * size + (a - b + n - 1)
    assert bias.equal(table[index].permute(2, 0, 1))
    weight = torch.randn_like(bias)
    (ours,) = torch.autograd.grad((bias * weight).sum(), table, retain_graph=True)
    (wanted,) = torch.autograd.grad((table[index].permute(2, 0, 1) * weight).sum(), table)
    torch.testing.assert_close(ours, wanted)


def test_distances_are_signed_logs_of_offsets_at_any_size():
    small, large = distances((3,), torch.zeros(())), distances((9,), torch.zeros(()))
    torch.testing.assert_close(small[:, 0], torch.tensor([-1.5849625, -1.0, 0.0, 1.0, 1.5849625]))
    assert large[6:11].equal(small)  # the offset -2..2 means the same on a larger grid


def test_blocks_without_a_token_of_the_sample_are_no_keys():
    p = plan((10,), cut_of((4,)), CPU)
    assert key_masks(plan((8,), cut_of((4,)), CPU), None) == (None, None)
    inside, across = key_masks(p, torch.arange(10)[None] < torch.tensor([[10], [4]]))
    assert (across.reshape(2, 3) == 0).tolist() == [[True, True, True], [True, False, False]]
    assert (inside.reshape(2, 3, 5) == 0).tolist() == [
        [[True] * 5, [True] * 5, [True, True, True, False, False]],
        [[True] * 5, [True, False, False, False, False], [True, False, False, False, False]],
    ]
    attends, _ = key_masks(plan((10,), cut_of((4,), small_map="pad", pad_tokens="attend"), CPU), None)
    assert (attends == 0).all()


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 2e-6), (torch.bfloat16, 2e-2)])
@pytest.mark.parametrize("across, masked", list(itertools.product((False, True), (False, True))))
def test_fused_attention_agrees_with_the_plain_one(dtype, tolerance, across, masked):
    torch.manual_seed(0)
    b, blocks, heads, rows, d = 2, 3, 2, 5, 8
    q = torch.randn(b * blocks, heads, rows, d, dtype=dtype)
    shape = (b, heads, blocks, d) if across else (b * blocks, heads, rows, d)
    k, v = (torch.randn(shape, dtype=dtype) for _ in range(2))
    bias = torch.randn(heads, *((blocks, blocks) if across else (rows, rows)))
    mask = torch.where(torch.rand((b, blocks) if across else (b, blocks, rows)) > 0.3, 0.0, -1e9) if masked else None
    attend = attend_across if across else attend_inside
    with torch.no_grad():
        fused = attend(q, k, v, bias, mask)
    plain = attend(q.clone().requires_grad_(), k, v, bias, mask)
    assert (fused - plain).norm() <= tolerance * plain.norm()
