"""Several views, one answer."""

from __future__ import annotations

import pytest
import torch
from rectangles import look, rows, scene

from swinkit.ops.fusion import find_in_views, fused
from swinkit.ops.tiles import Things


def things(*rows: tuple[list[float], int, float]) -> Things:
    boxes = torch.tensor([box for box, _, _ in rows]).reshape(-1, 4)
    return Things(
        boxes, torch.tensor([row[1] for row in rows], dtype=torch.int64), torch.tensor([row[2] for row in rows])
    )


def test_boxes_that_agree_become_their_weighted_mean():
    """Worked out by hand after the paper's section 3: one box a view, so its score is the mean over the views."""
    found = fused([
        things(([0.0, 0, 10, 10], 0, 0.9), ([30.0, 30, 40, 40], 1, 0.4)),
        things(([0.0, 0, 12, 10], 0, 0.3), ([0.0, 0, 10, 10], 1, 0.6)),
    ])  # fmt: skip
    assert found.labels.tolist() == [0, 1, 1]
    assert found.scores.tolist() == pytest.approx([0.6, 0.3, 0.2])
    assert found.boxes[0].tolist() == pytest.approx([0, 0, (0.9 * 10 + 0.3 * 12) / 1.2, 10])


def test_a_view_gives_a_thing_one_box():
    twins = things(([0.0, 0, 10, 10], 0, 0.9), ([0.5, 0, 10, 10], 0, 0.8))
    found = fused([twins, twins])
    assert found.scores.tolist() == pytest.approx([0.9, 0.8])
    torch.testing.assert_close(found.boxes, twins.boxes)


def test_views_that_agree_change_nothing():
    grid = torch.stack([scene(seed, (60, 80), 12, (6, 20)) for seed in (3, 4)])
    plain = look(grid)
    assert [rows(each) for each in find_in_views(look, grid)] == [rows(each) for each in plain]
    for options in ({"flip": True}, {"scales": (1.0, 2.0)}, {"scales": (2.0,), "flip": True}):
        found = find_in_views(sharp, grid, **options)
        for one, other in zip(found, plain, strict=True):
            assert len(one.scores) == len(other.scores)
            torch.testing.assert_close(torch.tensor(rows(one)), torch.tensor(rows(other)), atol=1.0, rtol=0)


def sharp(grid: torch.Tensor, valid: torch.Tensor | None = None) -> list[Things]:
    """Enlarged rectangles are soft at their edges."""
    return look((grid > 0.5).float(), valid)


def test_a_padded_sample_is_mirrored_in_what_it_fills():
    one = scene(5, (40, 50), 9, (6, 15))
    grid, valid = torch.zeros(1, 2, 40, 70), torch.zeros(1, 40, 70, dtype=torch.bool)
    grid[0, :, :, :50], valid[0, :, :50] = one, True
    (found,), (plain,) = find_in_views(look, grid, valid, flip=True), look(one[None])
    torch.testing.assert_close(torch.tensor(rows(found)), torch.tensor(rows(plain)))
    with pytest.raises(ValueError, match="scales is empty"):
        find_in_views(look, grid, scales=())
