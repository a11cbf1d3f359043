"""Mixing two samples into one."""

from __future__ import annotations

import pytest
import torch

from swinkit.ops.blend import cutmix, draw_shares, mixup

SPACES = [(64,), (24, 20), (8, 10, 12)]


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_draws_of_a_beta(alpha):
    torch.manual_seed(0)
    shares = draw_shares(20_000, alpha)
    assert shares.min() >= 0 and shares.max() <= 1
    assert shares.mean().item() == pytest.approx(0.5, abs=0.01)
    assert shares.var().item() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)


def test_shares_are_finite_for_the_smallest_alpha():
    torch.manual_seed(0)
    assert draw_shares(1000, 1e-4).isfinite().all()


@pytest.mark.parametrize("space", SPACES, ids=len)
def test_mixup_is_the_weighted_sum_of_neighbours(space):
    grid, shares = torch.randn(3, 2, *space), torch.tensor([1.0, 0.0, 0.25])
    mixed = mixup(grid, shares)
    torch.testing.assert_close(mixed[0], grid[0])
    torch.testing.assert_close(mixed[1], grid[0])
    torch.testing.assert_close(mixed[2], 0.25 * grid[2] + 0.75 * grid[1])


@pytest.mark.parametrize("space", SPACES, ids=len)
def test_cutmix_takes_a_box_of_the_sample_before_and_says_what_is_left(space):
    torch.manual_seed(1)
    grid = torch.arange(16.0).view(16, 1, *(1 for _ in space)).expand(16, 2, *space)
    mixed, left = cutmix(grid, torch.full((16,), 0.6))
    own = mixed == grid
    torch.testing.assert_close(own[:, 0].flatten(1).float().mean(1), left)
    assert (mixed[~own] == grid.roll(1, 0)[~own]).all() and 0.5 < left.min() < left.max() <= 1
    for sample in own[:, 0]:  # what came from elsewhere is one box
        places = (~sample).nonzero()
        if len(places):
            assert len(places) == (places.max(0).values - places.min(0).values + 1).prod()


def test_cutmix_with_a_whole_share_changes_nothing():
    grid = torch.randn(4, 3, 9, 9)
    mixed, left = cutmix(grid, torch.ones(4))
    assert mixed.equal(grid) and left.eq(1).all()
