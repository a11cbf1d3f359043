"""Hidden cells: as many as asked for, in units, never where nothing is."""

from __future__ import annotations

import pytest
import torch

from swinkit.ops.masking import hide


@pytest.mark.parametrize("space, unit", [((400,), (1,)), ((400,), (4,)), ((24, 20), (4, 5)), ((8, 8, 8), (2, 2, 2))])
def test_about_the_share_is_hidden_in_whole_units(space, unit):
    mask = hide(torch.ones(8, *space, dtype=torch.bool), 0.4, unit, torch.Generator().manual_seed(0))
    assert mask.shape == (8, *space) and 0.3 < mask.float().mean() < 0.5
    blocks = mask
    for axis, size in enumerate(unit, start=1):
        blocks = blocks.unfold(axis, size, size)
    flat = blocks.flatten(1 + len(space)).float().mean(-1)
    assert bool(((flat == 0) | (flat == 1)).all())


def test_only_allowed_cells_and_at_least_one():
    allowed = torch.zeros(3, 10, dtype=torch.bool)
    allowed[0, :2], allowed[1, 5] = True, True
    for seed in range(20):
        mask = hide(allowed, 0.01, (1,), torch.Generator().manual_seed(seed))
        assert not (mask & ~allowed).any() and mask.any(1).tolist() == [True, True, False]
