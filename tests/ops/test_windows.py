"""Cutting a grid into windows: inverses, agreement with the written-out rule, masks."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from swinkit.ops.partition import from_windows, into_windows
from swinkit.ops.patches import any_in_patch, pad_to_multiple
from swinkit.ops.windows import ACROSS, REFUSED, Cut, PadTokens, SmallMap, plan

GRIDS = [((8,), (4,)), ((9,), (4,)), ((3,), (7,)), ((8, 12), (4, 3)), ((9, 7), (4, 3)), ((1, 5), (7, 2)), ((4, 6, 8),
(2, 3, 4)),
         ((5, 7, 3), (2, 3, 4)), ((1, 1, 1), (2, 2, 2))]  # fmt: skip
CPU = torch.device("cpu")


def shifts(window):
    return [(0,) * len(window), tuple(w // 2 for w in window)]


def cases():
    for (space, window), small, pad in itertools.product(GRIDS, get_args(SmallMap), get_args(PadTokens)):
        for shift in shifts(window):
            yield space, Cut(window=window, shift=shift, small_map=small, pad_tokens=pad)


def effective_shift(space, cut):
    small = [s <= w for s, w in zip(space, cut.window, strict=True)]
    if cut.small_map == "pad":
        return cut.shift
    if cut.small_map == "shrink_block":
        return (0,) * len(space) if any(small) else cut.shift
    return tuple(0 if f else k for f, k in zip(small, cut.shift, strict=True))


def by_the_book(x: Tensor, cut: Cut) -> tuple[Tensor, Tensor, Tensor]:
    """Pad, roll, partition with torch's own functions; coordinates of every slot; real slots. Channels last."""
    space, rank = x.shape[1:-1], x.ndim - 2
    shift = effective_shift(tuple(space), cut)
    x = torch.cat([x, torch.ones_like(x[..., :1])], -1)  # a column that tells tokens from padding
    pads = [p for s, w in zip(reversed(space), reversed(cut.window), strict=True) for p in (0, -s % w)]
    x = F.pad(x, (0, 0, *pads))
    padded = x.shape[1:-1]
    x = torch.roll(x, [-k for k in shift], list(range(1, rank + 1)))
    tiles = [k for s, w in zip(padded, cut.window, strict=True) for k in (s // w, w)]
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    x = x.reshape(x.shape[0], *tiles, -1).permute(order).reshape(x.shape[0], -1, x.shape[-1])
    return x[..., :-1], x[0, :, -1] > 0, torch.tensor(padded)


@pytest.mark.parametrize("space, cut", list(cases()), ids=str)
def test_partition_is_pad_then_roll_then_cut(space, cut):
    x = torch.randn(2, *space, 3)
    expected, real, _ = by_the_book(x, cut)
    p = plan(space, cut, CPU)
    assert into_windows(x.flatten(1, -2), p).equal(expected)
    assert p.real.equal(real)


@pytest.mark.parametrize("space, cut", list(cases()), ids=str)
def test_merge_undoes_partition_and_gradients_are_transposes(space, cut):
    x = torch.randn(2, *space, 3).flatten(1, -2).double().requires_grad_()
    p = plan(space, cut, CPU)
    slots = into_windows(x, p)
    assert from_windows(slots, p).equal(x)
    probe = torch.randn_like(slots)
    (grad,) = torch.autograd.grad(slots, x, probe)
    assert grad.equal(from_windows(probe, p).detach())
    y = torch.randn_like(slots, requires_grad=True)
    probe = torch.randn_like(x)
    (grad,) = torch.autograd.grad(from_windows(y, p), y, probe)
    assert grad.equal(into_windows(probe, p).detach())


@pytest.mark.parametrize("space, cut", list(cases()), ids=str)
def test_mask_lets_neighbours_attend_and_nothing_else(space, cut):
    """A pair may attend when, before rolling, the key lies within one window of the query on every axis on the same
    side."""
    p = plan(space, cut, CPU)
    shift = effective_shift(space, cut)
    axes = []
    for s, w, k in zip(space, cut.window, shift, strict=True):
        padded = -(-s // w) * w
        u = (torch.arange(padded) + k) % padded  # where each rolled slot came from
        axes.append(u)
    small = [s <= w for s, w in zip(space, cut.window, strict=True)]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
    slots = by_the_book_coordinates(grid, cut.window)  # [windows tokens rank]
    allowed = torch.ones(slots.shape[0], slots.shape[1], slots.shape[1], dtype=torch.bool)
    key = torch.ones(slots.shape[:2], dtype=torch.bool)
    for axis, (s, w) in enumerate(zip(space, cut.window, strict=True)):
        u = slots[..., axis]
        allowed &= (u[:, :, None] - u[:, None, :]).abs() < w  # the wrapped strip is a whole map away ...
        if shift[axis]:
            wrapped = u < shift[axis]  # ... unless the map is one window long: then the strip is told by its place
            allowed &= wrapped[:, :, None] == wrapped[:, None, :]
        fits = small[axis] and cut.small_map not in ("pad", "pad_still")
        if cut.pad_tokens == "mask" or fits:
            key &= u < s
    if p.mask is None:
        assert allowed.all() and key.all()
        return
    assert (p.mask == REFUSED).equal(~key[:, None, :].expand_as(p.mask))
    assert (p.mask == ACROSS).equal(~allowed & key[:, None, :])
    assert (p.mask == 0).equal(allowed & key[:, None, :])


def by_the_book_coordinates(grid, window):
    rank = len(window)
    tiles = [k for s, w in zip(grid.shape[:-1], window, strict=True) for k in (s // w, w)]
    order = (*range(0, 2 * rank, 2), *range(1, 2 * rank, 2), 2 * rank)
    return grid.reshape(*tiles, rank).permute(order).reshape(-1, Cut(window=window, shift=window).tokens, rank)


def test_padding_wider_than_the_shift_reaches_two_windows():
    """S2: up to three kinds of window an axis, not two."""
    p = plan((17,), Cut(window=(8,), shift=(4,)), CPU)
    kinds = {tuple(row.flatten().tolist()) for row in p.mask}
    assert len(kinds) == 3


@pytest.mark.parametrize("space", [(5,), (4, 6), (3, 5), (2, 3, 5)])
def test_merging_takes_the_first_axis_fastest(space):
    """S8: neighbours in the order 00, 10, 01, 11, as Microsoft's code lists its four slices."""
    rank = len(space)
    x = torch.randn(2, *space, 3)
    pads = [p for s in reversed(space) for p in (0, s % 2)]
    padded = F.pad(x, (0, 0, *pads))
    parts = []
    for number in range(2**rank):
        index = [slice(None)] + [slice((number >> axis) & 1, None, 2) for axis in range(rank)]
        parts.append(padded[tuple(index)])
    expected = torch.cat(parts, -1).flatten(1, -2)
    cut = Cut(window=(2,) * rank, shift=(0,) * rank, small_map="pad", fastest="first")
    p = plan(space, cut, CPU)
    got = into_windows(x.flatten(1, -2), p)
    assert got.view(2, -1, 3 * 2**rank).equal(expected)
    assert from_windows(got, p).equal(x.flatten(1, -2))


@pytest.mark.parametrize("space, factor", [((7,), (4,)), ((5, 8), (4, 4)), ((3, 4, 5), (2, 4, 4))])
def test_padding_to_whole_patches_puts_zeros_at_the_high_end(space, factor):
    x = torch.randn(2, 3, *space)
    pads = [p for s, f in zip(reversed(space), reversed(factor), strict=True) for p in (0, -s % f)]
    assert pad_to_multiple(x, factor).equal(F.pad(x, pads))


def test_a_merged_token_is_valid_if_any_part_is():
    valid = torch.tensor([[True, True, True, False, False], [True, False, False, False, False]])
    assert any_in_patch(valid, (2,)).tolist() == [[True, True, False], [True, False, False]]
