"""Targets move with their picture."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from swinkit.modalities import Image
from swinkit.modalities.image import targets
from swinkit.ops import affine
from swinkit.types import Objects, Record, Sample


def things(masks: torch.Tensor, points: torch.Tensor | None = None) -> Objects:
    boxes = []
    for mask in masks:
        rows, columns = mask.any(1).nonzero()[:, 0], mask.any(0).nonzero()[:, 0]
        boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    count = len(masks)
    return Objects(
        boxes=torch.tensor(boxes, dtype=torch.float32).view(-1, 4),
        labels=torch.arange(count),
        crowd=torch.zeros(count, dtype=torch.bool),
        masks=masks,
        points=points,
    )


@pytest.fixture
def scene() -> tuple[np.ndarray, Objects]:
    masks = torch.zeros(3, 40, 60, dtype=torch.bool)
    masks[0, 4:14, 6:30] = True
    masks[1, 20:35, 2:12] = True
    masks[2, 10:30, 40:58] = True
    points = torch.tensor([[[6.0, 4.0, 2.0], [30.0, 14.0, 1.0]]] * 3)
    return np.zeros((40, 60, 3), np.uint8), things(masks, points)


@pytest.mark.parametrize("seed", range(8))
def test_boxes_enclose_what_is_left_of_their_masks(scene, seed):
    """The hull of a turned box holds the turned mask; without turning it is its box to half a pixel."""
    picture, target = scene
    turned = seed % 2 == 1
    image = Image(size=(48, 48), zoom=(0.7, 1.6), flip=0.5, flip_vertical=0.5, rotate=40.0 * turned, shear=5.0 * turned)
    view = image.augment(image.read(Record(id="a", source=picture, target=target)), np.random.default_rng(seed))
    found = view.target
    assert found.masks.shape[1:] == (48, 48) and len(found.boxes) == len(found.masks) == len(found.labels)
    for box, mask in zip(found.boxes, found.masks, strict=True):
        if not mask.any():
            continue
        left, top, right, bottom = things(mask[None]).boxes[0].tolist()
        outer = np.array(box) - np.array([left, top, right, bottom])
        assert (outer[:2] <= 1).all() and (outer[2:] >= -1).all()
        if not turned:
            assert np.abs(outer).max() <= 1
    assert (found.boxes >= 0).all() and (found.boxes <= 48).all()


@pytest.mark.parametrize("seed", range(6))
def test_masks_move_with_the_picture(scene, seed):
    """Mirrored, zoomed, turned and sheared, a thing is where its pixels are: but for its edge, they are the same."""
    picture, target = scene
    masks = target.masks[1:]
    picture = np.where(masks.any(0).numpy()[..., None], np.uint8(255), picture)
    plain = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "mean": (0.0,), "std": (1.0,)}
    image = Image(size=(48, 56), zoom=(0.7, 1.6), flip=0.5, flip_vertical=0.5, rotate=30.0, shear=5.0, **plain)
    record = Record(id="a", source=picture, target=things(masks))
    view = image.augment(image.read(record), np.random.default_rng(seed))
    seen = view.grid[0] > 127
    edge = (view.grid[0] > 0) & (view.grid[0] < 255)
    drawn = view.target.masks.any(0)
    assert drawn.any() and not ((seen != drawn) & ~edge).any()


def test_what_leaves_the_view_is_gone_and_what_is_hardly_left_is_neither_right_nor_wrong():
    masks = torch.zeros(3, 10, 100, dtype=torch.bool)
    masks[0, :, 0:20], masks[1, :, 38:58], masks[2, :, 60:80] = True, True, True
    moved = targets.warped(things(masks), affine.identity(2), (10, 42))
    assert moved.labels.tolist() == [0, 1] and moved.crowd.tolist() == [False, True]
    assert moved.boxes[1].tolist() == [38, 0, 42, 10]


def test_points_follow_and_those_outside_are_not_labelled(scene):
    _, target = scene
    moved = targets.warped(target, affine.translation([-10.0, 0.0]), (40, 60))
    assert moved.points[0].tolist() == [[6, -6, 0], [30, 4, 1]]


def test_classes_and_nothing_stay():
    for target in (None, torch.tensor(3)):
        assert targets.warped(target, affine.scaling([2.0, 2.0]), (4, 4)) is target


def test_batches_of_every_kind_of_target(scene):
    def sample(target: object) -> Sample:
        return Sample(id="x", grid=torch.zeros(3, 4, 5), target=target, size=(4, 5))

    assert targets.stacked([sample(None), sample(None)]) is None
    assert targets.stacked([sample(torch.tensor(2)), sample(None)]).tolist() == [2, -1]
    several = targets.stacked([sample(None), sample(scene[1])])
    assert [len(one) for one in several] == [0, 3] and several[0].masks.shape == (0, 40, 60)
    masks = targets.stacked([sample(torch.ones(4, 5, dtype=torch.int64)), sample(None)])
    assert masks[0].eq(1).all() and masks[1].eq(255).all()


def test_things_are_drawn_where_they_are(scene):
    picture, target = scene
    image = Image()
    target = dataclasses.replace(target, points=None)
    drawn = image.draw_target(image.read(Record(id="a", source=picture, target=target)), ("a", "b", "c"))
    factor = drawn.shape[1] // 60
    edge = drawn[25 * factor, 2 * factor - 2 : 2 * factor + 3]
    assert factor >= 3 and edge.any() and drawn[27 * factor, 7 * factor].any()
    assert not drawn[38 * factor, 30 * factor].any()
