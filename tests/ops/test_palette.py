"""The colours of classes."""

from __future__ import annotations

import numpy as np
import pytest

from swinkit.ops.palette import colours, overlay, paint


def test_more_classes_never_change_the_first_colours():
    np.testing.assert_array_equal(colours(255)[:7], colours(7))
    assert len(np.unique(colours(64), axis=0)) == 64


def test_paint_is_exact_and_black_where_ignored():
    labels = np.array([[0, 3], [255, 1]])
    np.testing.assert_array_equal(paint(labels)[0, 1], colours(4)[3])
    assert paint(labels)[1, 0].tolist() == [0, 0, 0]


def test_overlay_tints_inside_and_lightens_edges():
    picture, labels = np.full((6, 6, 3), 100, np.uint8), np.zeros((6, 6), np.int64)
    labels[:, 3:] = 1
    drawn = overlay(picture, labels)
    assert drawn.dtype == np.uint8 and drawn.shape == picture.shape
    assert (drawn[0, 3] > drawn[0, 5]).all()
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 3


def test_overlay_wants_one_size():
    with pytest.raises(ValueError, match="differ in size"):
        overlay(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), int))
