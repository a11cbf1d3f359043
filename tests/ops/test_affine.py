"""Affine maps: composition, the meaning of the coordinates, and what a random draw promises, in ranks 1 to 3."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swinkit.ops import affine
from swinkit.ops.affine import Ranges

ranks = st.integers(1, 3)
seeds = st.integers(0, 2**32 - 1)
ANYTHING = Ranges(zoom=(0.5, 2.0), stretch=0.3, flip=(0.5, 0.5, 0.5), rotate=45, shear=20)


def sizes(rng: np.random.Generator, rank: int) -> tuple[int, ...]:
    return tuple(int(size) for size in rng.integers(1, 40, rank))


@given(seeds, ranks)
@settings(max_examples=60, deadline=None)
def test_composition_applies_the_rightmost_map_first(seed, rank):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(5, rank))
    first, second = affine.scaling(rng.uniform(0.5, 2, rank)), affine.translation(rng.normal(size=rank))
    both = affine.transform(affine.compose(second, first), points)
    np.testing.assert_allclose(both, affine.transform(second, affine.transform(first, points)))


def test_rotation_turns_the_first_axis_towards_the_second():
    turned = affine.transform(affine.rotation(3, (0, 2), math.pi / 2), np.array([[1.0, 5.0, 0.0]]))
    np.testing.assert_allclose(turned, [[0, 5, 1]], atol=1e-12)


def test_shearing_moves_one_axis_along_another():
    np.testing.assert_allclose(affine.transform(affine.shearing(2, 1, 0, 0.5), np.array([[2.0, 3.0]])), [[2, 4]])


def test_resizing_maps_edges_to_edges():
    matrix = affine.resizing((4, 10), (8, 5))
    np.testing.assert_allclose(affine.transform(matrix, np.array([[0, 0], [4, 10]])), [[0, 0], [8, 5]])


@given(seeds, ranks)
@settings(max_examples=60, deadline=None)
def test_ranges_that_allow_nothing_give_a_whole_offset(seed, rank):
    rng = np.random.default_rng(seed)
    space, size = sizes(rng, rank), sizes(rng, rank)
    matrix = affine.draw(rng, Ranges(), space, size)
    offset = matrix[:-1, -1]
    np.testing.assert_array_equal(matrix[:-1, :-1], np.eye(rank))
    np.testing.assert_array_equal(offset, np.rint(offset))
    for moved, length, wanted in zip(offset, space, size, strict=True):
        assert min(0, wanted - length) <= moved <= max(0, wanted - length)  # a crop inside, or the whole input inside


@given(seeds, ranks)
@settings(max_examples=60, deadline=None)
def test_a_flip_keeps_the_input_inside(seed, rank):
    rng = np.random.default_rng(seed)
    space = sizes(rng, rank)
    matrix = affine.draw(rng, Ranges(flip=(1.0,) * rank), space, space)
    np.testing.assert_array_equal(affine.transform(matrix, np.zeros((1, rank)))[0], space)


@given(seeds, ranks)
@settings(max_examples=60, deadline=None)
def test_stretch_keeps_the_volume_and_zoom_stays_in_range(seed, rank):
    rng = np.random.default_rng(seed)
    matrix = affine.draw(rng, ANYTHING, sizes(rng, rank), sizes(rng, rank), scale=3.0)
    volume = abs(np.linalg.det(matrix[:-1, :-1]))
    assert (3 * 0.5) ** rank * 0.999 <= volume <= (3 * 2.0) ** rank * 1.001


@given(seeds, ranks)
@settings(max_examples=60, deadline=None)
def test_every_draw_takes_the_same_numbers(seed, rank):
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    affine.draw(one, Ranges(), (9,) * rank, (5,) * rank)
    affine.draw(other, ANYTHING, (7,) * rank, (31,) * rank)
    assert one.random() == other.random()


@pytest.mark.parametrize(
    "wrong",
    [{"zoom": (0.0, 1.0)}, {"zoom": (2.0, 1.0)}, {"stretch": -0.1}, {"flip": (1.5,)}, {"rotate": 200}, {"shear": 90}],
)
def test_impossible_ranges_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Ranges(**wrong)
