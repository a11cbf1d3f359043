from __future__ import annotations

import itertools

import pytest
import torch

from swinkit.ops import resize as module
from swinkit.ops.resize import best_class, best_classes, extent, fit, resize, resize_mask, stretch


@pytest.mark.parametrize("space", [(9,), (9, 6), (4, 6, 3)], ids=str)
def test_resizing_keeps_linear_ramps(space: tuple[int, ...]) -> None:
    ramp = torch.zeros(space)
    for axis, n in enumerate(space):
        centres = (torch.arange(n) + 0.5).view(-1, *(1 for _ in space[axis + 1 :]))
        ramp = ramp + (axis + 1) * centres
    double = resize(ramp[None, None], tuple(2 * n for n in space))[0, 0]
    inner = tuple(slice(1, -1) for _ in space)  # the outermost half cells are clamped
    expected = torch.zeros(tuple(2 * n for n in space))
    for axis, n in enumerate(space):
        expected = expected + (axis + 1) * ((torch.arange(2 * n) + 0.5) / 2).view(-1, *(1 for _ in space[axis + 1 :]))
    torch.testing.assert_close(double[inner], expected[inner])


def test_size_of_another_rank_is_an_error() -> None:
    with pytest.raises(ValueError, match="one size per space axis"):
        resize(torch.zeros(1, 1, 4, 4), (8,))


@pytest.mark.parametrize("size", [57, 60, 64, 225, 226, 228])
def test_stretching_knows_the_padding_at_the_high_end(size: int) -> None:
    """A coarse map of cell positions comes back as positions in the grid, whatever the remainder."""
    stride = 4
    cells = -(-size // stride)
    positions = (torch.arange(cells) + 0.5) * stride
    found = stretch(positions[None, None], (size,))[0, 0]
    inner = slice(stride, size - stride)
    torch.testing.assert_close(found[inner], (torch.arange(size) + 0.5)[inner])


def test_stretching_to_the_same_size_is_nothing() -> None:
    x = torch.randn(1, 2, 5, 7)
    assert stretch(x, (5, 7)).equal(x)


def test_extent_is_the_box_of_valid_cells() -> None:
    valid = torch.zeros(6, 8, dtype=torch.bool)
    valid[:4, :5] = True
    assert extent(valid) == (slice(0, 4), slice(0, 5))
    assert extent(valid.flip(1)) == (slice(0, 4), slice(3, 8))
    assert extent(valid[:, 0]) == (slice(0, 4),)
    assert extent(torch.zeros(3, 3, dtype=torch.bool)) == (slice(0, 1), slice(0, 1))


def test_masks_are_resized_to_the_nearest_cell() -> None:
    mask = torch.tensor([[True, True, False]])
    assert resize_mask(mask, (6,)).tolist() == [[True] * 4 + [False] * 2]
    assert resize_mask(mask, (3,)) is mask


@pytest.mark.parametrize("budget", [1, 200, 1 << 24])
def test_best_class_in_groups_equals_all_classes_at_once(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUDGET", budget)
    torch.manual_seed(0)
    logits, box = torch.randn(13, 4, 5), (slice(0, 13), slice(0, 18))
    labels, scores = best_class(logits, (16, 20), box, (26, 11))
    probability = fit(logits[None], (16, 20), box, (26, 11))[0].softmax(0)
    assert labels.equal(probability.argmax(0)) and labels.dtype == torch.int64
    torch.testing.assert_close(scores, probability.amax(0))


def test_ties_go_to_the_first_class_in_any_grouping(monkeypatch: pytest.MonkeyPatch) -> None:
    for budget in (1, 1 << 24):
        monkeypatch.setattr(module, "BUDGET", budget)
        labels, scores = best_class(torch.zeros(4, 3), (3,), (slice(0, 3),), (3,))
        assert labels.tolist() == [0, 0, 0] and scores.tolist() == [0.25] * 3


@pytest.mark.parametrize("factor", [0.4, 1.0, 1.9])
@pytest.mark.parametrize("space", [(40,), (23, 14), (19, 7, 8)], ids=str)
def test_labels_from_slabs_are_those_of_the_whole(space: tuple[int, ...], factor: float) -> None:
    torch.manual_seed(0)
    logits, end = torch.randn(2, 5, *space), space[0]
    boxes = [tuple(slice(0, n) for n in space), (slice(2, end - 4), *(slice(0, n - 1) for n in space[1:]))]
    sizes = [tuple(max(1, round(factor * (part.stop - part.start))) for part in box) for box in boxes]
    for cuts in ((0, end), (0, 1, 9, 10, end - 3, end), (0, 3, 7, end)):
        slabs = [(slice(a, b), logits[:, :, a:b]) for a, b in itertools.pairwise(cuts)]
        found = best_classes(slabs, space, boxes, sizes, dtype=torch.uint8, scores=True)
        bare = best_classes(slabs, space, boxes, sizes)
        for x, box, size, (labels, scores), (same, none) in zip(logits, boxes, sizes, found, bare, strict=True):
            expected, probable = best_class(x, space, box, size)
            assert labels.dtype == torch.uint8 and labels.long().equal(expected) and same.equal(expected)
            torch.testing.assert_close(scores, probable)
            assert none is None
