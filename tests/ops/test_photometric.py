"""Changes of colour do what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from swinkit.ops.photometric import Change, Limits

PICTURE = np.random.default_rng(0).integers(40, 200, (20, 30, 3), np.uint8)
LUMA = np.array([0.299, 0.587, 0.114])


def test_nothing_allowed_changes_nothing():
    change = Limits().draw(np.random.default_rng(0))
    assert change == Change()
    assert change.apply(PICTURE) is PICTURE


@pytest.mark.parametrize("name", ["gamma", "brightness", "contrast", "saturation"])
def test_factors_stay_within_their_limits_and_do_not_disturb_each_other(name):
    drawn = [Limits(**{name: 0.5}).draw(np.random.default_rng(seed)) for seed in range(200)]
    values = np.array([getattr(change, name) for change in drawn])
    assert values.min() >= 1 / 1.5 and values.max() <= 1.5 and np.median(values) == pytest.approx(1, abs=0.1)
    both = Limits(**{name: 0.5}, hue=10).draw(np.random.default_rng(7))
    assert getattr(both, name) == values[7]


def test_brightness_multiplies():
    np.testing.assert_allclose(Change(brightness=0.5).apply(PICTURE), PICTURE * 0.5, atol=0.6)


def test_contrast_spreads_about_the_mean_luma():
    got = Change(contrast=1.2).apply(PICTURE).astype(float)
    assert (got @ LUMA).mean() == pytest.approx((PICTURE @ LUMA).mean(), abs=0.3)
    assert got.std() == pytest.approx(1.2 * PICTURE.std(), rel=0.02)


def test_no_saturation_is_grey_and_luma_stays():
    got = Change(saturation=0.0).apply(PICTURE)
    assert np.ptp(got.astype(int), axis=2).max() == 0
    np.testing.assert_allclose(got[..., 0], PICTURE @ LUMA, atol=0.6)
    np.testing.assert_allclose(Change(hue=0.4).apply(PICTURE) @ LUMA, PICTURE @ LUMA, atol=1.5)


def test_hue_turns_colours_and_leaves_greys():
    third = Change(hue=2 * np.pi / 3).matrix(np.zeros(3))[:, :3]
    np.testing.assert_allclose(third @ np.ones(3), np.ones(3))
    assert np.argmax(third @ np.array([1.0, 0, 0])) == 1  # red towards green
    grey = np.full((4, 4, 3), 90, np.uint8)
    np.testing.assert_array_equal(Change(hue=1.0).apply(grey), grey)


def test_gamma_keeps_black_and_white():
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    curve = Change(gamma=2.0).apply(ramp)
    assert curve.shape == ramp.shape and curve.min() == 0 and curve.max() == 255
    np.testing.assert_allclose(curve.ravel(), 255 * (np.arange(256) / 255) ** 2, atol=0.51)


def test_one_channel_knows_brightness_and_contrast_only():
    grey = PICTURE[..., :1]
    got = Change(brightness=1.1, contrast=0.9, saturation=3.0, hue=1.0).apply(np.ascontiguousarray(grey))
    assert got.shape == grey.shape
    np.testing.assert_allclose(got, 1.1 * (0.9 * grey + 0.1 * grey.mean()), atol=0.6)


def test_negative_limits_are_refused():
    with pytest.raises(ValueError, match="0 or more"):
        Limits(hue=-1)
