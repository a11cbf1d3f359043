"""Shapes in annotation files against the library that COCO's own tools use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from faster_coco_eval.core import mask as library
from tiny_boxes import SIZE, changed, coco, document

from swinkit.datasets import Coco
from swinkit.datasets.object_masks import drawn
from swinkit.files import DataError


@pytest.mark.parametrize("seed", range(8))
def test_compressed_runs_are_read_as_the_library_writes_them(seed):
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(1, 60)), int(rng.integers(1, 60)))
    mask = np.repeat(rng.random((size[0], -(-size[1] // 7))) < rng.random(), 7, axis=1)[:, : size[1]]
    packed = library.encode(np.asfortranarray(mask.astype(np.uint8)))
    counts = packed["counts"].decode() if isinstance(packed["counts"], bytes) else packed["counts"]
    np.testing.assert_array_equal(drawn({"size": list(size), "counts": counts}, size), mask)


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
        (None, "wanted polygons or run lengths"),
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
        drawn(shape, (6, 8))


def test_polygons_are_drawn_as_cocos_tools_draw_them():
    assert drawn([[4, 2, 10, 2, 10, 8, 4, 8]], (12, 12)).nonzero()[0].tolist() == [
        y for y in range(2, 8) for _ in "6 wide"
    ]
    rng = np.random.default_rng(0)
    for _ in range(20):
        polygons = [rng.uniform(0, 30, 2 * int(rng.integers(3, 9))).tolist() for _ in range(int(rng.integers(1, 4)))]
        wanted = library.decode(library.merge(library.frPyObjects(polygons, 30, 40)))
        np.testing.assert_array_equal(drawn(polygons, (30, 40)), wanted)
        shares = [(np.array(polygon).reshape(-1, 2) / [40, 30]).ravel().tolist() for polygon in polygons]
        assert np.logical_xor(drawn(shares, (30, 40), relative=True), wanted).sum() <= 2, "but for the last digit"


def test_polygons_may_reach_far_outside():
    assert drawn([[-1e9, -1e9, 1e9, -1e9, 1e9, 1e9, -1e9, 1e9]], (6, 8)).all()


def box_of(row: dict[str, Any], *, cut: int = 0) -> list[list[float]]:
    """A polygon like the box, or without a corner of it."""
    x, y, wide, high = row["bbox"]
    return [[x, y, x + wide, y, x + wide, y + high - cut, x + wide - cut, y + high, x, y + high]]


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
    changed(root / "train.json", lambda c: [a.setdefault("segmentation", box_of(a)) for a in c["annotations"]])
    target = Coco(path=str(tmp_path), masks=True).open("train")[0].target
    assert target.masks.shape == (2, *SIZE) and target.masks[1].numpy().tolist() == mask.tolist()
    assert target.masks[0].numpy().tolist() == mask.tolist()
    changed(root / "train.json", lambda c: c["annotations"][0].update(segmentation=[[1, 2, 3]]))
    assert len(Coco(path=str(tmp_path), masks=False).open("train")[0].target) == 2, (
        "masks that nobody asked for are not looked at"
    )
    with pytest.raises(DataError, match=r"annotations\[0\].segmentation: a polygon is a list of at least three"):
        Coco(path=str(tmp_path)).open("train")
    changed(root / "train.json", lambda c: c["annotations"][0].update(segmentation=[[1, 2, 3, 4, 5, "x"]]))
    with pytest.raises(DataError, match=r"annotations\[0\].segmentation: a polygon is a list of at least three"):
        Coco(path=str(tmp_path)).open("train")[0]


def test_things_come_with_masks_where_all_have_a_shape_that_says_more_than_their_box(tmp_path):
    root, layout = coco(tmp_path), Coco(path=str(tmp_path))
    assert layout.resolved().masks is False

    def give(cut: int) -> None:
        changed(root / "train.json", lambda c: [a.update(segmentation=box_of(a, cut=cut)) for a in c["annotations"]])

    give(0)
    assert layout.resolved().masks is False, "tools that know boxes alone write them twice"
    give(3)
    assert layout.resolved().masks is True and layout.open("train")[0].target.masks is not None
    assert Coco(path=str(tmp_path), masks=False).open("train")[0].target.masks is None
    changed(root / "train.json", lambda c: c["annotations"][3].update(segmentation=[]))
    assert layout.resolved().masks is False
    with pytest.raises(DataError, match="has a box but no shape, and masks are asked for") as caught:
        Coco(path=str(tmp_path), masks=True).open("train")
    assert caught.value.field == "annotations[3].segmentation" and caught.value.path == root / "train.json"
    assert len(Coco(path=str(tmp_path), masks=True).open("train", strict=False)) == 11
    changed(root / "train.json", lambda c: c["annotations"][3].update(iscrowd=1))
    assert layout.resolved().masks is True, "a crowd may be without"
    assert layout.open("train")[1].target.masks[1].sum() == np.prod(document(12)["annotations"][3]["bbox"][2:])
