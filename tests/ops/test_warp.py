"""Pixels go where the affine map says, and masks never get an id that was not there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swinkit.ops import affine
from swinkit.ops.affine import Ranges
from swinkit.ops.warp import resize, warp, warp_mask

seeds = st.integers(0, 2**32 - 1)
FREE = Ranges(zoom=(0.6, 2.0), stretch=0.2, flip=(0.5, 0.5), rotate=30, shear=10)


def smooth(rng: np.random.Generator, space: tuple[int, int]) -> np.ndarray:
    rows, columns = np.indices(space) + 0.5
    waves = [np.sin(rows * a + b) * np.cos(columns * c) for a, b, c in rng.uniform(0.05, 0.15, (3, 3))]
    return np.rint(127.5 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_a_pixel_lands_where_the_matrix_sends_its_centre(seed):
    rng = np.random.default_rng(seed)
    space, size = (60, 80), (50, 70)
    picture = smooth(rng, space)
    matrix = affine.draw(rng, FREE, space, size)
    warped = warp(picture, matrix, size, (0.0, 0.0, 0.0)).astype(float)
    points = rng.uniform(5, (55, 75), (200, 2)).astype(int) + 0.5
    landed = affine.transform(matrix, points)
    inside = ((landed > 1) & (landed < np.array(size) - 1)).all(axis=1)
    # looking the landed points up in the warped picture (bilinear) gives the original values back
    low = np.floor(landed[inside] - 0.5).astype(int)
    part = landed[inside] - 0.5 - low
    value = sum(
        warped[low[:, 0] + i, low[:, 1] + j] * (np.abs(1 - i - part[:, :1]) * np.abs(1 - j - part[:, 1:]))
        for i in (0, 1)
        for j in (0, 1)
    )
    original = picture[tuple(points[inside].astype(int).T)]
    assert np.abs(value - original).max(initial=0) < 12


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_masks_keep_their_ids_and_agree_with_the_nearest_cell(seed):
    rng = np.random.default_rng(seed)
    space, size = tuple(rng.integers(5, 50, 2).tolist()), tuple(rng.integers(5, 50, 2).tolist())
    mask = rng.integers(0, 11, space).astype(np.uint8)
    matrix = affine.draw(rng, FREE, space, size)
    warped = warp_mask(mask, matrix, size, 255)
    assert set(np.unique(warped)) <= set(np.unique(mask)) | {255}
    centres = np.stack(np.meshgrid(*[np.arange(side) + 0.5 for side in size], indexing="ij"), axis=-1)
    source = affine.transform(np.linalg.inv(matrix), centres)
    clear = (np.abs(source - np.rint(source)) > 0.02).all(axis=-1)  # away from the edges between cells
    cell = np.floor(source).astype(int)
    inside = ((cell >= 0) & (cell < np.array(space))).all(axis=-1)
    expected = np.where(inside, mask[tuple(np.clip(cell, 0, np.array(space) - 1).transpose(2, 0, 1))], 255)
    np.testing.assert_array_equal(warped[clear], expected[clear])


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_pure_crops_and_flips_copy_pixels(seed):
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (40, 30, 3), np.uint8)
    matrix = affine.draw(rng, Ranges(flip=(0.5, 0.5)), (40, 30), (17, 12))
    window = warp(picture, matrix, (17, 12), (0.0, 0.0, 0.0))
    signs, offsets = np.diag(matrix)[:2].astype(int), matrix[:2, 2].astype(int)
    turned = picture[:: signs[0], :: signs[1]]
    top, left = np.where(signs < 0, np.array([40, 30]) - offsets, -offsets)
    np.testing.assert_array_equal(window, turned[top : top + 17, left : left + 12])


@pytest.mark.parametrize("channels", [1, 3])
def test_strong_reduction_averages_instead_of_skipping(channels):
    stripes = np.zeros((128, 128, channels), np.uint8)
    stripes[::2] = 255  # every second row: skipping rows would give all black or all white
    reduced = warp(stripes, affine.scaling((1 / 8, 1 / 8)), (16, 16), (0.0,) * channels)
    assert reduced.shape == (16, 16, channels)
    assert np.abs(reduced.astype(int) - 127).max() <= 2


def test_resizing_keeps_the_mean_and_a_channel_axis():
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 1), np.uint8)
    smaller = resize(picture, (10, 14))
    assert smaller.shape == (10, 14, 1)
    assert abs(smaller.mean() - picture.mean()) < 1
    assert resize(picture, (50, 70)) is picture
    assert resize(picture, (100, 140)).shape == (100, 140, 1)
