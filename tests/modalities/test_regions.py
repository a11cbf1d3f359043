"""Looking at one part of a picture: points come back to where they were, whatever was done to the view."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from swinkit.engine.decoded import Decoded
from swinkit.files import ConfigError, DataError
from swinkit.modalities import Image
from swinkit.modalities.image.regions import fitting
from swinkit.ops import affine
from swinkit.types import Keypoints, Objects, Record

POINTS = [[40.25, 30.5, 2], [70.0, 52.75, 1], [0, 0, 0], [95.5, 61.0, 2]]
REGION = (30.0, 20.0, 110.0, 70.0)


def record(region=REGION, points=POINTS, pairs=((0, 1),)) -> Record:
    picture = np.random.default_rng(0).integers(0, 255, (90, 140, 3)).astype(np.uint8)
    target = Objects(
        boxes=torch.tensor([[30.0, 20.0, 110.0, 70.0]]),
        labels=torch.zeros(1, dtype=torch.int64),
        crowd=torch.zeros(1, dtype=torch.bool),
        points=torch.tensor([points]),
        areas=torch.tensor([100.0]),
        pairs=pairs,
    )
    return Record(id="a", source=picture, target=target, region=region)


def view(**changes) -> Image:
    plain = {"zoom": (1.0, 1.0), "flip": 0.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
    return Image(size=(64, 96), view="region", **{**plain, **changes})


def test_the_region_fills_the_view_in_its_own_aspect():
    for region, corner in ((REGION, (30 - 0, 20 - 5 / 3)), (None, (0, (90 - 140 / 1.5) / 2))):
        matrix = fitting(region, (90, 140), (64, 96))
        assert matrix[0, 0] == matrix[1, 1] and matrix[0, 1] == matrix[1, 0] == 0
        assert affine.transform(np.linalg.inv(matrix), np.zeros(2)) == pytest.approx(corner[::-1])
    tall = fitting((10, 0, 20, 80), (90, 140), (64, 96))  # its height is what limits
    assert affine.transform(tall, np.array([[0, 15], [80, 15]])) == pytest.approx(np.array([[0, 48], [64, 48]]))


def test_evaluation_maps_back_within_a_thousandth_of_a_pixel():
    modality = view()
    sample = modality.standard(modality.read(record()))
    assert sample.grid.shape == (3, 64, 96) and sample.size == (90, 140)
    assert sample.target.points[0].tolist() == POINTS  # the target stays where it was
    batch = modality.collate([sample, modality.standard(modality.read(record(None)))])
    for matrix in batch.matrices:
        points = np.array(POINTS)[:, 1::-1]
        seen = affine.transform(matrix, points)
        assert np.abs(affine.transform(np.linalg.inv(matrix), seen) - points).max() < 1e-3


@pytest.mark.parametrize("settings", [{"rotate": 180.0}, {"flip": 1.0}, {"zoom": (0.5, 0.9), "rotate": 180.0}])
def test_training_moves_points_with_the_pixels(settings):
    """A white dot in a black picture is where its point says, in every view."""
    modality = view(**settings)
    picture = np.zeros((90, 140, 3), np.uint8)
    picture[44:47, 64:67] = 255
    one = record(points=[[65.5, 45.5, 2]], pairs=())
    one = Record(id=one.id, source=picture, target=one.target, region=one.region)
    for seed in range(20):
        sample = modality.augment(modality.read(one), np.random.default_rng(seed))
        grey = sample.grid.double().mean(0).numpy()
        grey = np.where(grey > 140, grey, 0)  # outside of the picture it is grey
        rows, columns = np.mgrid[:64, :96] + 0.5
        centre = [(grey * axis).sum() / grey.sum() for axis in (columns, rows)]
        assert np.abs(sample.target.points[0, 0, :2].numpy() - centre).max() < 0.3
        assert sample.matrix is None and sample.size == (64, 96)


def test_training_points_are_the_affine_of_the_original_ones_and_mirrors_swap_sides():
    for seed in range(10):
        modality = view(rotate=180.0, flip=0.5, zoom=(0.6, 1.2))
        points = modality.augment(modality.read(record()), np.random.default_rng(seed)).target.points[0]
        matrix = affine.compose(
            affine.draw(np.random.default_rng(seed), modality._ranges(), (64, 96), (64, 96)),
            fitting(REGION, (90, 140), (64, 96)),
        )
        order = [1, 0, 2, 3] if np.linalg.det(matrix) < 0 else [0, 1, 2, 3]
        back = affine.transform(np.linalg.inv(matrix), points.numpy()[order][:, 1::-1])[:, ::-1]
        known = np.array([0, 1, 3])
        assert np.abs(back - np.array(POINTS)[:, :2])[known].max() < 1e-3
        inside = (points[:, 0] >= 0) & (points[:, 0] <= 96) & (points[:, 1] >= 0) & (points[:, 1] <= 64)
        labelled = torch.tensor(POINTS)[order, 2] > 0
        assert (points[:, 2] > 0).tolist() == (inside & labelled).tolist()
    assert {float(p) for p in points[:, 2]} <= {0.0, 1.0, 2.0}


def test_areas_grow_with_the_view():
    modality = view()
    sample = modality.augment(modality.read(record()), np.random.default_rng(0))
    assert float(sample.target.areas[0]) == pytest.approx(100 * 1.2**2)


def test_a_whole_picture_is_drawn_at_its_size_and_a_region_as_it_was_seen():
    modality = view()
    points = torch.tensor([[[70.0, 45.0, 0.9], [80.0, 50.0, 0.9]]])
    for region, size in ((None, (90, 140)), (REGION, (64, 96))):
        sample = modality.standard(modality.read(record(region)))
        answer = Keypoints(
            id="a", points=points, boxes=torch.zeros(1, 4), names=("x", "y"), skeleton=((0, 1),), size=(90, 140)
        )
        factor = -(-192 // size[1])
        assert modality.draw(sample, answer).shape == (factor * size[0], factor * size[1], 3)
        assert modality.draw_target(sample, ("thing",)).shape == (factor * size[0], factor * size[1], 3)


def test_a_region_needs_a_size():
    with pytest.raises(ConfigError, match="region needs a size"):
        Image(view="region")


def test_an_empty_region_is_named_and_one_is_kept_with_its_picture():
    with pytest.raises(DataError, match=r"a: region: .* is empty"):
        view().read(record((30.0, 20.0, 30.0, 70.0)))
    kept = Decoded(2, 1 << 20)
    kept.put(0, dataclasses.replace(view().read(record()), target=None))
    kept.put(1, dataclasses.replace(view().read(record(None)), target=None))
    assert kept.get(0).region == REGION and kept.get(1).region is None
