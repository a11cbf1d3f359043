"""Which cells learn which thing."""

from __future__ import annotations

import torch

from swinkit.ops.assignment import aligned, leading, near

CELLS = torch.tensor([[2.0, 2], [6, 2], [2, 6], [6, 6]])
"""Centres of a 2x2 grid of cells that are 4 px wide."""


def around(centres: torch.Tensor, half: float) -> torch.Tensor:
    return torch.cat([centres - half, centres + half], 1)


def test_a_centre_is_near_a_box_that_holds_it_or_would_if_it_were_a_cell_wide():
    wanted = torch.tensor([[0.0, 0, 4, 4], [3.5, 3.5, 4.5, 4.5], [0, 0, 8, 8]])
    assert near(CELLS, wanted, 0.0).tolist() == [[True, False, False, False], [False] * 4, [True] * 4]
    assert near(CELLS, wanted, 4.0)[1].all(), "a small thing between the cells is no less found"


def test_a_thing_goes_to_the_cells_that_agree_best():
    wanted, labels = torch.tensor([[0.0, 0, 8, 8]]), torch.tensor([1])
    boxes = torch.cat([around(CELLS[:3], 2), torch.tensor([[0.0, 0, 8, 7]])])
    logits = torch.zeros(4, 2)
    logits[0, 1] = 2
    found = aligned(logits, boxes, near(CELLS, wanted, 4.0), wanted, labels, top=2)
    assert found.thing.tolist() == [0, -1, -1, 0]
    torch.testing.assert_close(found.quality[3], torch.tensor(7 / 8), msg="the best cell should score its IoU")
    assert 0 < found.quality[0] < 1e-3 and found.quality[1:3].eq(0).all()
    assert aligned(logits, boxes, near(CELLS, wanted, 4.0), wanted, labels, top=1).thing.tolist() == [-1, -1, -1, 0]


def test_a_cell_that_two_things_want_goes_to_the_one_it_covers_best():
    wanted = torch.tensor([[0.0, 0, 4, 4], [1, 1, 8, 8]])
    boxes = around(CELLS, 2)
    found = aligned(
        torch.zeros(4, 1), boxes, near(CELLS, wanted, 4.0), wanted, torch.zeros(2, dtype=torch.int64), top=4
    )
    assert found.thing.tolist() == [0, 1, 1, 1]
    assert found.quality[0] == 1 and (found.quality[1:] > 0).all()


def test_only_allowed_cells_learn_and_many_things_may_want_few_cells():
    wanted, labels = around(CELLS, 2), torch.zeros(4, dtype=torch.int64)
    nothing = torch.zeros(4, 4, dtype=torch.bool)
    found = aligned(torch.zeros(4, 1), around(CELLS, 2), nothing, wanted, labels, top=10)
    assert found.thing.eq(-1).all() and found.quality.eq(0).all()
    none = aligned(torch.zeros(4, 1), around(CELLS, 2), nothing[:0], wanted[:0], labels[:0], top=10)
    assert none.thing.eq(-1).all() and none.quality.eq(0).all()


def test_scores_and_overlaps_near_nothing_do_not_underflow():
    wanted = torch.tensor([[0.0, 0, 8, 8]])
    logits = torch.full((4, 1), -80.0)
    logits[2] = -79
    boxes = around(CELLS, 1e-3)
    found = aligned(logits, boxes, near(CELLS, wanted, 4.0), wanted, torch.tensor([0]), top=1)
    assert found.thing.tolist() == [-1, -1, 0, -1] and found.quality.isfinite().all()


def test_the_best_cell_of_every_thing_comes_before_anyones_second():
    thing = torch.tensor([0, 1, -1, 0, 1, 1, 2, 0])
    quality = torch.tensor([0.9, 0.2, 0.0, 0.8, 0.3, 0.1, 0.05, 0.7])
    assert leading(thing, quality, 99).tolist() == [0, 1, 3, 4, 5, 6, 7], "all that learn"
    assert leading(thing, quality, 3).tolist() == [0, 4, 6]
    assert leading(thing, quality, 5).tolist() == [0, 4, 6, 3, 1]
    assert leading(thing, quality, 2).tolist() == [0, 4], "of more things than cells, those that are found best"
    assert leading(torch.full((4,), -1), torch.zeros(4), 2).tolist() == []
