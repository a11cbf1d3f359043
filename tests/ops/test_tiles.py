"""What is found tile by tile is what is found in the whole."""

from __future__ import annotations

import pytest
import torch
from rectangles import look, rows, scene

from swinkit.ops.boxes import iou, pairwise
from swinkit.ops.tiles import Things, find_in_tiles, joined, stride_for, tiles_of


@pytest.mark.parametrize("size", [(100, 90), (64, 200), (131, 64)])
@pytest.mark.parametrize("sides", [(4, 20), (15, 30), (10, 120)])
def test_every_thing_is_found_once_and_whole(size, sides):
    """Things up to the overlap, and those that are cut in every tile."""
    sides = (sides[0], min(sides[1], *size))
    for seed in range(6):
        grid = scene(seed, size, 40, sides)
        found, whole = (find_in_tiles(look, grid[None], window=w, stride=(32, 32))[0] for w in ((64, 64), size))
        assert rows(found) == rows(whole) and len(whole.scores) > 2
        assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)


def test_a_sample_is_cut_by_itself_whatever_the_batch_is_padded_to():
    small, large = scene(1, (70, 80), 20, (5, 25)), scene(2, (120, 100), 30, (5, 25))
    grid, valid = torch.ones(2, 2, 120, 100), torch.zeros(2, 120, 100, dtype=torch.bool)
    for place, mask, one in zip(grid, valid, (small, large), strict=True):
        place[:, : one.shape[1], : one.shape[2]] = one
        mask[: one.shape[1], : one.shape[2]] = True
    found = find_in_tiles(look, grid, valid, window=(48, 48), stride=(24, 24))
    assert [rows(each) for each in found] == [rows(look(one[None])[0]) for one in (small, large)]


def joining(*seen: tuple[int, list[float], int, float], tiles: list[list[float]], size: tuple[int, int]) -> Things:
    boxes, labels = torch.tensor([row[1] for row in seen]), torch.tensor([row[2] for row in seen])
    found = Things(boxes.reshape(-1, 4).float(), labels, torch.tensor([row[3] for row in seen]))
    answer, which = joined(found, torch.tensor([row[0] for row in seen]), torch.tensor(tiles), size)
    assert answer.labels.equal(found.labels[which]) and answer.scores.equal(found.scores[which])
    return answer


PAIR = {"tiles": [[0.0, 0, 60, 40], [40.0, 0, 100, 40]], "size": (40, 100)}


def test_the_tile_that_sees_all_of_a_thing_is_believed():
    piece, whole = (0, [45.0, 10, 60, 20], 0, 0.9), (1, [46.0, 10, 70, 20], 0, 0.6)
    assert joining(piece, whole, **PAIR).boxes.tolist() == [[46, 10, 70, 20]]
    assert len(joining(piece, **PAIR).boxes) == 0, "it saw nothing there"
    assert len(joining((0, [2.0, 10, 60, 20], 0, 0.9), **PAIR).boxes) == 1, "no tile sees all of it"


def test_pieces_that_no_tile_sees_whole_are_one_thing():
    pieces = (0, [10.0, 10, 60, 20], 0, 0.7), (1, [40.0, 11, 90, 20], 0, 0.8)
    found = joining(*pieces, **PAIR)
    assert found.boxes.tolist() == [[10, 10, 90, 20]] and found.scores.tolist() == pytest.approx([0.8])
    assert len(joining(pieces[0], (1, [40.0, 11, 90, 20], 1, 0.8), **PAIR).boxes) == 2, "of two classes"
    assert len(joining(pieces[0], (1, [40.0, 25, 90, 40], 0, 0.8), **PAIR).boxes) == 2, "side by side"


def test_things_that_overlap_in_one_tile_are_not_taken_for_one():
    near = [[45.0, 10, 55, 20], [46.0, 10, 56, 20]]
    assert (pairwise(iou, torch.tensor(near), torch.tensor(near)) > 0.5).all()
    seen = [
        (tile, box, 0, score)
        for tile, scores in ((0, (0.9, 0.8)), (1, (0.7, 0.6)))
        for box, score in zip(near, scores, strict=True)
    ]
    found = joining(*seen, **PAIR)
    assert found.boxes.tolist() == near and found.scores.tolist() == pytest.approx([0.9, 0.8])


def test_windows_overlap_by_the_largest_thing_within_bounds():
    assert stride_for((96, 96), ()) == (64, 64)
    assert stride_for((96, 96), (40, 20)) == (56, 64)
    assert stride_for((96, 96), (40, 20), (1.1, 3.0)) == (52, 48)
    assert tiles_of((50, 100), (64, 64), (40, 40)).tolist() == [[0, 0, 64, 50], [36, 0, 100, 50]]
    with pytest.raises(ValueError, match="the stride at most the window"):
        find_in_tiles(look, torch.zeros(1, 2, 9, 9), window=(4, 4), stride=(5, 4))


def test_nothing_found_is_no_thing():
    (found,) = find_in_tiles(look, torch.zeros(1, 2, 90, 90), window=(32, 32), stride=(16, 16))
    assert found.boxes.shape == (0, 4) and found.labels.dtype == torch.int64
