"""Masks as run lengths and back, beside the library that COCO's tools use."""

from __future__ import annotations

import json

import numpy as np
import pytest
from faster_coco_eval.core import mask as library

from swinkit.files.run_lengths import decoded, encoded


def masks(seed: int) -> np.ndarray:
    """Random ones, all and none among them."""
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(1, 60, 2))
    found = rng.random((5, height, width)) < rng.random((5, 1, 1))
    found[0], found[1] = True, False
    return found


@pytest.mark.parametrize("seed", range(6))
def test_what_is_written_is_read_again_and_by_the_library(seed):
    wanted = masks(seed)
    rows = json.loads(json.dumps(encoded(wanted)))
    assert [list(row) for row in rows] == [["size", "counts"]] * 5
    for row, mask in zip(rows, wanted, strict=True):
        np.testing.assert_array_equal(decoded(row, mask.shape), mask)
        np.testing.assert_array_equal(library.decode(row), mask)
    (plain,) = encoded(np.asfortranarray(wanted[2:3]))
    assert plain == rows[2], "the order in memory changes nothing"


def test_no_masks_are_none():
    assert encoded(np.zeros((0, 4, 5), bool)) == []
