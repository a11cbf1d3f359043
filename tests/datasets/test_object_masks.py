"""Shapes in annotation files against the library that COCO's own tools use."""

from __future__ import annotations

import numpy as np
import pytest
from faster_coco_eval.core import mask as library
from tiny_boxes import SIZE, changed, coco

from swinkit.datasets import Coco
from swinkit.datasets.object_masks import drawn
from swinkit.files import DataError

EDGES = (1.0, 2.0, 5.0, 4.0)


@pytest.mark.parametrize("seed", range(8))
def test_compressed_runs_are_read_as_the_library_writes_them(seed):
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(1, 60)), int(rng.integers(1, 60)))
    mask = np.repeat(rng.random((size[0], -(-size[1] // 7))) < rng.random(), 7, axis=1)[:, : size[1]]
    packed = library.encode(np.asfortranarray(mask.astype(np.uint8)))
    counts = packed["counts"].decode() if isinstance(packed["counts"], bytes) else packed["counts"]
    np.testing.assert_array_equal(drawn({"size": list(size), "counts": counts}, EDGES, size), mask)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ({"size": [6, 8], "counts": [40]}, "add up to 40, the picture has 48"),
        ({"size": [6, 8], "counts": [50, -2]}, "whole numbers from 0"),
        ({"size": [6, 8], "counts": [24.0, 24]}, "whole numbers from 0"),
        ({"size": [8, 6], "counts": [48]}, r"run lengths for \[8, 6\]"),
        ({"size": [6, 8], "counts": "zzz"}, "a letter that COCO does not use"),
        ({"size": [6, 8], "counts": "o"}, "end early"),
        ({"size": [6, 8], "counts": "oooooooooooooooooooo1"}, "a letter that COCO does not use"),
        ({"size": [6, 8]}, "whole numbers"),
        ([], "wanted polygons or run lengths"),
        ("x", "wanted polygons or run lengths"),
        ([[1, 2, 3, 4]], "at least three x and y"),
        ([[1, 2, 3, 4, 5, 6, 7]], "at least three x and y"),
        ([[1, 2, 3, 4, 5, True]], "at least three x and y"),
        ([[1, 2, 3, 4, 5, float("nan")]], "at least three x and y"),
    ],
)
def test_what_is_no_shape_is_said(shape, says):
    with pytest.raises(ValueError, match=says):
        drawn(shape, EDGES, (6, 8))


def test_a_thing_without_a_shape_fills_its_box_and_polygons_may_reach_far_outside():
    assert drawn(None, EDGES, (6, 8))[2:4, 1:5].all() and drawn(None, EDGES, (6, 8)).sum() <= 15
    assert drawn([[-1e9, -1e9, 1e9, -1e9, 1e9, 1e9, -1e9, 1e9]], EDGES, (6, 8)).all()


def test_masks_come_from_polygons_and_run_lengths_where_they_are_asked_for(tmp_path):
    root = coco(tmp_path)
    square = [4, 2, 10, 2, 10, 8, 4, 8]
    mask = np.zeros(SIZE, bool)
    mask[2:8, 4:10] = True
    runs = np.flatnonzero(np.diff(np.r_[False, mask.T.ravel()])).tolist()
    counts = np.diff([0, *runs, mask.size]).tolist()

    def shapes(content):
        for index, shape in enumerate(([square], {"size": [*SIZE], "counts": counts}, [square, square])):
            content["annotations"][index].update(segmentation=shape, bbox=[4, 2, 6, 6])

    changed(root / "train.json", shapes)
    target = Coco(path=str(tmp_path), masks=True).open("train")[0].target
    assert target.masks.shape == (2, *SIZE) and target.masks[1].numpy().tolist() == mask.tolist()
    assert np.logical_xor(target.masks[0].numpy(), mask).sum() <= 13  # OpenCV draws the outline as well
    changed(root / "train.json", lambda c: c["annotations"][0].update(segmentation=[[1, 2, 3]]))
    assert len(Coco(path=str(tmp_path)).open("train")[0].target) == 2, "masks that nobody asked for are not looked at"
    with pytest.raises(DataError, match=r"annotations\[0\].segmentation: a polygon is a list of at least three"):
        Coco(path=str(tmp_path), masks=True).open("train")[0]
