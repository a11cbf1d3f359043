"""Overlaps of boxes against values worked out by hand, and what must hold of any boxes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swinkit.ops.boxes import area, ciou, clipped, giou, iou, pairwise

MEASURES = [iou, giou, ciou]


def boxes(*rows: tuple[float, float, float, float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32)


edges = st.floats(-50, 50, width=32)
box = st.tuples(edges, edges, st.floats(0.5, 40, width=32), st.floats(0.5, 40, width=32)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
several = st.lists(box, min_size=1, max_size=4).map(lambda rows: boxes(*rows))


def test_overlaps_are_those_worked_out_by_hand():
    one, other = boxes((0, 0, 4, 4)), boxes((2, 2, 6, 6))
    assert iou(one, other).item() == pytest.approx(4 / 28)
    assert giou(one, other).item() == pytest.approx(4 / 28 - (36 - 28) / 36)
    assert ciou(one, other).item() == pytest.approx(4 / 28 - 8 / 72)  # of one shape: only the distance counts
    apart = boxes((10, 0, 14, 4))
    assert iou(one, apart).item() == 0
    assert giou(one, apart).item() == pytest.approx(-(56 - 32) / 56)
    inside = boxes((0, 0, 2, 4))
    shape = 4 / math.pi**2 * (math.atan(1) - math.atan(0.5)) ** 2
    assert ciou(one, inside).item() == pytest.approx(0.5 - 1 / 32 - shape**2 / (0.5 + shape), rel=1e-4)


def test_crossed_edges_are_an_empty_box():
    crossed = boxes((4, 4, 0, 0))
    assert area(crossed).item() == 0
    assert iou(crossed, boxes((0, 0, 4, 4))).item() == iou(crossed, crossed).item() == 0


@settings(max_examples=50, deadline=None)
@given(one=several, other=several)
@pytest.mark.parametrize("measure", MEASURES)
def test_a_measure_is_symmetric_bounded_and_the_same_after_moving_and_scaling(measure, one, other):
    found = pairwise(measure, one, other)
    assert found.shape == (len(one), len(other))
    torch.testing.assert_close(found, pairwise(measure, other, one).T, rtol=1e-3, atol=1e-4)
    assert (found <= 1 + 1e-5).all() and (found >= (0 if measure is iou else -2)).all()
    torch.testing.assert_close(pairwise(measure, 2 * one + 8, 2 * other + 8), found, rtol=1e-3, atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(one=several)
@pytest.mark.parametrize("measure", MEASURES)
def test_a_box_agrees_with_itself_wholly(measure, one):
    torch.testing.assert_close(measure(one, one), torch.ones(len(one)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("measure", [giou, ciou])
def test_boxes_that_are_apart_are_drawn_together(measure):
    moving = boxes((20, 0, 24, 4)).requires_grad_()
    measure(moving, boxes((0, 0, 4, 4))).sum().backward()
    assert moving.grad is not None and moving.grad[0, [0, 2]].sum() < 0, "to the left"


@pytest.mark.parametrize("measure", MEASURES)
def test_gradients_of_degenerate_boxes_are_finite(measure):
    point = boxes((3, 3, 3, 3), (0, 0, 4, 4)).requires_grad_()
    measure(point, boxes((3, 3, 3, 3), (0, 0, 4, 4))).sum().backward()
    assert point.grad is not None and point.grad.isfinite().all()


def test_clipping_keeps_what_lies_in_the_picture():
    found = clipped(boxes((-2, 1, 5, 9), (3, -4, 30, 2)), (6, 8))
    assert found.tolist() == [[0, 1, 5, 6], [3, 0, 8, 2]]
