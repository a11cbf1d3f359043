"""Digit scenes are what their description says, and the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from swinkit.datasets import DigitScenes, recognise
from swinkit.datasets.digit_scenes import CHANNELS, CLASSES, COVERED, DigitScenesSplit, dealt
from swinkit.files import ConfigError


@pytest.fixture(scope="module")
def train() -> DigitScenesSplit:
    return DigitScenes().open("train")


@pytest.fixture(scope="module")
def test() -> DigitScenesSplit:
    return DigitScenes().open("test")


def test_the_splits_have_their_sizes_and_classes():
    layout = DigitScenes()
    assert recognise("digit_scenes", "segment") == "digit_scenes"
    assert [len(layout.open(name)) for name in layout.splits()] == [4000, 400, 400]
    assert layout.open("val").classes == CLASSES == ("background", *map(str, range(10)))


def test_a_scene_is_a_function_of_seed_split_and_index(train):
    again = DigitScenes().open("train")
    for index in (3999, 0, 17):
        one, other = train[index], again[index]
        assert one.id == other.id == f"train-{index:05d}"
        np.testing.assert_array_equal(one.source, other.source)
        np.testing.assert_array_equal(one.target, other.target)
    assert train[-1].id == train[3999].id
    others = [DigitScenes(seed=1).open("train")[0], DigitScenes().open("val")[0], train[1]]
    assert all((other.source != train[0].source).any() for other in others)
    with pytest.raises(IndexError):
        train[4000]


def test_no_handwritten_digit_is_in_two_splits():
    parts = [dealt(name) for name in ("train", "val", "test")]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(1797))
    assert [len(part) for part in parts] == [1258, 180, 359]


def test_backgrounds_come_from_two_sides_of_the_photographs(train, test):
    from sklearn.datasets import load_sample_images

    for photograph, left, right in zip(load_sample_images().images, train._photographs, test._photographs, strict=True):
        np.testing.assert_array_equal(np.concatenate([left, right], axis=1), photograph)
        assert left.shape[1] == 448 and right.shape[1] == 192


@pytest.mark.parametrize("split", ["train", "test"])
def test_masks_boxes_and_labels_agree(split, request):
    data, counts = request.getfixturevalue(split), []
    for index in range(150):
        scene = data.scene(index)
        assert scene.picture.shape == (64, 64, 3) and scene.picture.dtype == scene.mask.dtype == np.uint8
        counts.append(len(scene.labels))
        assert scene.boxes.shape == (counts[-1], 4)
        np.testing.assert_array_equal(scene.mask, np.array([0, *(scene.labels + 1)])[scene.instances])
        for number, (left, top, right, bottom) in enumerate(scene.boxes.astype(int), start=1):
            seen = scene.instances == number
            assert seen[top:bottom, left:right].sum() == seen.sum() > 0
            assert seen[top, left:right].any() and seen[bottom - 1, left:right].any()
            assert seen[top:bottom, left].any() and seen[top:bottom, right - 1].any()
    assert set(counts) == {2, 3, 4}


def test_no_digit_is_covered_by_more_than_a_fifth_and_all_lie_inside(train):
    covered = []
    for index in range(150):
        laid = train._layout(np.random.default_rng([0, 0, index, 1]))
        instances = np.zeros((64, 64), int)
        for number, (opacity, top, left, _) in enumerate(laid, start=1):
            assert top >= 0 and left >= 0 and top + opacity.shape[0] <= 64 and left + opacity.shape[1] <= 64
            instances[top : top + opacity.shape[0], left : left + opacity.shape[1]][opacity >= 0.5] = number
        for number, (opacity, *_) in enumerate(laid, start=1):
            covered.append(1 - (instances == number).sum() / (opacity >= 0.5).sum())
    assert 0.05 < max(covered) <= COVERED
    assert np.mean(np.array(covered) > 0) > 0.05  # some do overlap


def test_digits_are_bright_and_backgrounds_half_as_bright(train):
    inside, outside = [], []
    for index in range(60):
        scene = train.scene(index)
        full = np.zeros((64, 64), bool)
        for top, left in zip(*np.nonzero(scene.mask), strict=True):
            around = scene.instances[max(top - 2, 0) : top + 3, max(left - 2, 0) : left + 3]
            full[top, left] = (around == scene.instances[top, left]).all()
        inside.append(scene.picture[full])
        far = np.ones((64, 64), bool)
        for left, top, right, bottom in scene.boxes.astype(int):
            far[max(top - 3, 0) : bottom + 3, max(left - 3, 0) : right + 3] = False
        outside.append(scene.picture[far])
    assert np.percentile(np.concatenate(inside), 2) >= CHANNELS[0] - 2
    assert np.concatenate(outside).max() <= 128


def test_every_handwritten_digit_can_be_drawn(train):
    from swinkit.datasets.digit_scenes import SCALES, _drawn

    for ink in train._ink:
        for scale in SCALES:
            opacity = _drawn(ink, scale, 20.0)
            assert max(opacity.shape) <= 60 and (opacity >= 0.5).sum() > 60


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"counts": (0, 1, 1)}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        DigitScenes(**wrong)
    with pytest.raises(ConfigError, match="no split 'exam'"):
        DigitScenes().open("exam")
