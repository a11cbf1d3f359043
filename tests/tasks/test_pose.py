"""Points of one thing: what is learnt, and how an answer comes back to the original picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from swinkit.files import ConfigError
from swinkit.modalities import Image
from swinkit.ops.points import gaussians
from swinkit.tasks import Pose
from swinkit.types import Batch, Objects, Record

NAMES = ("nose", "left_eye", "right_eye")
PLACES = torch.tensor([[20.3, 33.1], [41.7, 50.2], [60.9, 12.4]])
"""x and y in a grid of 64x96."""


class Ideal(nn.Module):
    """Answers as if it knew the points of a grid of 64x96, and of its mirror image: bright on the right."""

    def __init__(self, decoder: str, sigma: float = 4.0) -> None:
        super().__init__()
        self.decoder, self.sigma = decoder, sigma

    def forward(self, grid: torch.Tensor, valid: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        rows = []
        for picture in grid:
            places = PLACES
            if picture[..., :48].sum() > picture[..., 48:].sum():  # mirrored: left is right
                places = torch.stack([96 - places[:, 0], places[:, 1]], 1)[[0, 2, 1]]
            cell = 0.5 if self.decoder == "simcc" else 4.0
            x, y = (gaussians(places[:, i] / cell, int((96, 64)[i] / cell), self.sigma / cell) for i in (0, 1))
            rows.append((y, x))
        y, x = (torch.stack([row[i] for row in rows]).clamp_min(1e-30) for i in (0, 1))
        if self.decoder == "simcc":
            return {"y": y.log(), "x": x.log()}
        return {"logits": (y[..., :, None] * x[..., None, :]).clamp_min(1e-30).log()}


def task(decoder: str = "fpn", **changes) -> Pose:
    return Pose(points=NAMES, pairs=((1, 2),), decoder=decoder, size=(64, 96), **changes)


def things(points: torch.Tensor) -> Objects:
    return Objects(
        boxes=torch.tensor([[0.0, 0.0, 96.0, 64.0]]),
        labels=torch.zeros(1, dtype=torch.int64),
        crowd=torch.zeros(1, dtype=torch.bool),
        points=points[None],
        pairs=((1, 2),),
    )


def grid(count: int = 1) -> torch.Tensor:
    return torch.linspace(0, 1, 96).expand(count, 3, 64, 96).contiguous()


LABELLED = torch.cat([PLACES, torch.tensor([[2.0], [1.0], [2.0]])], 1)


@pytest.mark.parametrize("decoder", ["fpn", "simcc"])
@pytest.mark.parametrize("flip", [False, True])
def test_points_are_found_within_a_tenth_of_a_pixel_and_with_confidence(decoder, flip):
    (found,) = task(decoder, flip=flip).predict(Ideal(decoder), Batch(grid=grid(), sizes=((64, 96),)))
    assert (found.points[0, :, :2] - PLACES).abs().max() < 0.1
    assert found.points[..., 2].min() > 0.95
    assert found.boxes.tolist() == [[0, 0, 96, 64]]


@pytest.mark.parametrize("decoder", ["fpn", "simcc"])
def test_answers_are_in_pixels_of_the_original_picture(decoder):
    picture = np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[None, :, None], 3, 2).repeat(200, 0)
    modality = Image(size=(64, 96), view="region", mean=(0.0,), std=(1.0,))
    record = Record(id="a", source=picture, region=(60.0, 40.0, 252.0, 168.0))  # twice the grid
    batch = modality.collate([modality.standard(modality.read(record))])
    (found,) = task(decoder, flip=True).predict(Ideal(decoder), batch)
    assert (found.points[0, :, :2] - (2 * PLACES + torch.tensor([60.0, 40.0]))).abs().max() < 0.2
    assert found.boxes[0].tolist() == pytest.approx([60, 40, 252, 168]) and found.size == (200, 300)
    assert found.to_json()["objects"][0]["keypoints"][:2] == pytest.approx((found.points[0, 0, :2] - 0.5).tolist())


@pytest.mark.parametrize("decoder", ["fpn", "simcc"])
def test_the_right_answer_has_no_loss_and_points_without_a_label_have_no_weight(decoder):
    model = Ideal(decoder)
    total, weight = task(decoder).losses(model, Batch(grid=grid(), target=[things(LABELLED)]))["points"]
    assert total.item() == pytest.approx(0, abs=1e-3) and weight.item() == 3
    wrong = LABELLED.clone()
    wrong[1] = torch.tensor([0.0, 0.0, 0.0])
    total, weight = task(decoder).losses(model, Batch(grid=grid(), target=[things(wrong)]))["points"]
    assert total.item() == pytest.approx(0, abs=1e-3) and weight.item() == 2
    wrong[1] = torch.tensor([2.0, 2.0, 1.0])
    assert task(decoder).losses(model, Batch(grid=grid(), target=[things(wrong)]))["points"][0].item() > 1
    nothing = things(LABELLED).chosen(torch.zeros(0, dtype=torch.int64))
    assert [v.item() for v in task(decoder).losses(model, Batch(grid=grid(), target=[nothing]))["points"]] == [0, 0]


def test_targets_of_the_original_picture_are_moved_into_the_grid():
    """A batch of evaluation views has a loss too."""
    matrix = np.diag([0.5, 0.5, 1.0])
    large = LABELLED * torch.tensor([2.0, 2.0, 1.0])
    batch = Batch(grid=grid(), target=[things(large)], sizes=((128, 192),), matrices=(matrix,))
    for one in (batch, Batch(grid=grid(), target=[things(large)], sizes=((128, 192),))):
        assert task().losses(Ideal("fpn"), one)["points"][0].item() == pytest.approx(0, abs=1e-3)


def test_a_sample_shows_one_thing_with_these_points():
    with pytest.raises(ValueError, match="wanted one, with 3 points"):
        task().losses(Ideal("fpn"), Batch(grid=grid(), target=[things(LABELLED[:2])]))
    with pytest.raises(ValueError, match="has no target"):
        task().losses(Ideal("fpn"), Batch(grid=grid()))


def test_mirrors_need_equal_cells():
    with pytest.raises(ConfigError, match="a grid 94 wide is not cut into 24 equal cells"):
        task(flip=True).predict(Ideal("fpn"), Batch(grid=grid()[..., :94]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": ()}, "points"),
        ({"points": ("a", "a")}, "points"),
        ({"pairs": ((0, 3),)}, "pairs"),
        ({"skeleton": ((0, 3),)}, "skeleton"),
        ({"torso": (0,)}, "torso"),
        ({"sigmas": (0.1,)}, "sigmas"),
        ({"sigma": 0.0}, "sigma"),
        ({"decoder": "heat"}, "decoder"),
        ({"decoder": "simcc", "size": ()}, "size"),
        ({"decoder": "simcc", "detail": 2}, "detail"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        Pose(**{"points": NAMES, "size": (64, 96), **changes})


def test_decoders_see_the_stages_that_they_need():
    assert task("fpn").outputs is None
    assert task("deconvolutions").outputs == task("simcc").outputs == (-1,)
