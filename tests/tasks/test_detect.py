"""Detection: what is learnt, what is answered, and in whose pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swinkit.files import ConfigError
from swinkit.heads.boxes import Cells, Found
from swinkit.tasks import Detect
from swinkit.types import Batch, Objects

SIDE, STRIDE = 16, 4


class Says(nn.Module):
    """A model of 4x4 cells that says what it is told; what is right can be worked out by hand."""

    def __init__(self, boxes: Tensor, logits: Tensor) -> None:
        super().__init__()
        self.boxes, self.logits = nn.Parameter(boxes), nn.Parameter(logits)

    def forward(self, grid: Tensor, valid: Tensor | None = None) -> dict[str, Any]:
        rows = (torch.arange(SIDE // STRIDE) + 0.5) * STRIDE
        centres = torch.stack(torch.meshgrid(rows, rows, indexing="xy"), -1).flatten(0, 1).expand(len(grid), -1, -1)
        mask = None if valid is None else valid[:, ::STRIDE, ::STRIDE].flatten(1)
        found = Found(self.logits.expand(len(grid), -1, -1), self.boxes.expand(len(grid), -1, -1))
        output: dict[str, Any] = {"cells": Cells(centres, torch.full_like(centres, STRIDE), mask), "one": found}
        return output | ({"many": found} if self.training else {})


def model(places: dict[int, tuple[list[float], int, float]], classes: int = 2) -> Says:
    """Cell -> its box, class and logit; all others say nothing."""
    boxes, logits = torch.zeros(16, 4), torch.full((16, classes), -9.0)
    for cell, (box, label, logit) in places.items():
        boxes[cell], logits[cell, label] = torch.tensor(box), logit
    return Says(boxes, logits)


def things(*rows: tuple[list[float], int] | tuple[list[float], int, bool]) -> Objects:
    return Objects(
        boxes=torch.tensor([row[0] for row in rows]).reshape(-1, 4),
        labels=torch.tensor([row[1] for row in rows], dtype=torch.int64),
        crowd=torch.tensor([len(row) > 2 and row[2] for row in rows], dtype=torch.bool),
    )


def batch(*targets: Objects, **changes: Any) -> Batch:
    grid = torch.zeros(len(targets), 3, SIDE, SIDE)
    values = {"grid": grid, "target": list(targets), "ids": tuple("abcd"[: len(targets)])}
    return Batch(**values | changes)


TASK = Detect(classes=("cat", "dog"), top=3)
BOX = [4.0, 4, 8, 8]  # cell 5


def test_losses_vanish_where_everything_is_right():
    right = model({5: (BOX, 1, 12.0)}).train()
    losses = TASK.losses(right, batch(things((BOX, 1))))
    assert set(losses) == {"many_class", "many_box", "one_class", "one_box"}
    assert all(total.item() < 5e-3 for total, _ in losses.values())
    assert [round(weight.item(), 3) for _, weight in losses.values()] == [1, 1, 1, 1]


def test_the_best_score_is_the_overlap_and_each_loss_pulls_there():
    half = model({5: ([4.0, 4, 8, 6], 1, 0.0)}).train()
    losses = TASK.losses(half, batch(things((BOX, 1))))
    assert losses["one_class"][0].item() == pytest.approx(0, abs=5e-3), "0.5 is the IoU, so a score of 0.5 is right"
    assert losses["one_box"][0].item() > 0.2
    losses["one_box"][0].backward()
    assert half.boxes.grad is not None and half.boxes.grad[5, 3] < 0 and half.boxes.grad[:5].eq(0).all()
    unsure = model({5: (BOX, 1, 0.0)}).train()
    TASK.losses(unsure, batch(things((BOX, 1))))["one_class"][0].backward()
    assert unsure.logits.grad is not None and unsure.logits.grad[5, 1] < 0 < unsure.logits.grad[5, 0]


def test_many_cells_learn_a_thing_and_one_says_it():
    large = [0.0, 0, 12, 12]
    network = model({cell: (large, 0, -2.0) for cell in (0, 1, 5)}).train()
    TASK.losses(network, batch(things((large, 0))))["many_class"][0].backward()
    assert network.logits.grad is not None
    assert (network.logits.grad[[0, 1, 5], 0] < 0).all() and (network.logits.grad[[2, 10], 0] > 0).all()
    network.zero_grad()
    TASK.losses(network, batch(things((large, 0))))["one_class"][0].backward()
    assert network.logits.grad is not None and (network.logits.grad[:, 0] < 0).sum() == 1


def test_crowds_are_neither_right_nor_wrong():
    crowd = [0.0, 0, 16, 8]
    network = model({0: ([0.0, 0, 4, 4], 0, 3.0), 15: ([12.0, 12, 16, 16], 0, 3.0)}).train()
    TASK.losses(network, batch(things((crowd, 0, True))))["one_class"][0].backward()
    assert network.logits.grad is not None
    assert network.logits.grad[:8].eq(0).all() and network.logits.grad[15, 0] > 0


def test_a_picture_without_things_teaches_that_nothing_is_there():
    network = model({5: (BOX, 1, 0.0)}).train()
    losses = TASK.losses(network, batch(things()))
    assert losses["one_class"][1].item() == 1 and losses["one_box"][1].item() == 0
    losses["one_class"][0].backward()
    assert network.logits.grad is not None and network.logits.grad[5, 1] > 0


def test_padding_teaches_nothing_and_answers_nothing():
    valid = torch.ones(1, SIDE, SIDE, dtype=torch.bool)
    valid[..., 8:] = False
    network = model({5: (BOX, 1, 3.0), 7: ([12.0, 4, 16, 8], 1, 3.0)}).train()
    padded = batch(things((BOX, 1)), valid=valid, sizes=((16, 8),))
    TASK.losses(network, padded)["one_class"][0].backward()
    assert network.logits.grad is not None and network.logits.grad[7].eq(0).all()
    (found,) = TASK.predict(network.eval(), padded)
    assert found.boxes.tolist() == [BOX] and found.size == (16, 8)


def test_answers_are_best_first_in_original_pixels_and_within_the_picture():
    network = model({5: (BOX, 1, 1.0), 6: ([8.0, 4, 20, 8], 0, 2.0), 9: ([-9.0, -9, -1, -1], 0, 4.0)}).eval()
    (found,) = TASK.predict(network, batch(things(), sizes=((32, 64),)))
    assert found.boxes.tolist() == [[32, 8, 64, 16], [16, 8, 32, 16]], "the one outside of the picture is left out"
    assert found.labels.tolist() == [0, 1] and found.scores[0] > found.scores[1] and found.size == (32, 64)
    assert found.to_json()["objects"][1]["bbox"] == [16, 8, 16, 8]


def test_targets_of_the_evaluation_view_are_in_original_pixels():
    network = model({5: (BOX, 1, 12.0)}).train()
    evaluation = batch(things(([16.0, 8, 32, 16], 1)), sizes=((32, 64),))
    assert TASK.losses(network, evaluation)["one_box"][0].item() < 1e-3


def test_the_doubtful_and_the_many_are_left_out():
    network = model({cell: (BOX, 1, cell / 4.0) for cell in range(16)}).eval()
    (found,) = dataclasses.replace(TASK, most=5).predict(network, batch(things()))
    assert len(found) == 5 and found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    (found,) = dataclasses.replace(TASK, threshold=0.9).predict(network, batch(things()))
    assert len(found) == 7
    assert len(found.certain()) == 7 and len(dataclasses.replace(found, sure=0.95).certain()) == 4


def test_in_evaluation_mode_only_the_branch_that_answers_has_a_loss():
    losses = TASK.losses(model({5: (BOX, 1, 0.0)}).eval(), batch(things((BOX, 1))))
    assert [weight.item() for total, weight in (losses["many_class"], losses["many_box"])] == [0, 0]
    with pytest.raises(ValueError, match="no target"):
        TASK.losses(model({}), dataclasses.replace(batch(things()), target=None))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"classes": ()}, "classes: "),
        ({"classes": ("a", "a")}, "classes: "),
        ({"levels": 0}, "levels: 0 is too few"),
        ({"top": 0}, "top: 0"),
        ({"threshold": 1.5}, "threshold: 1.5 is out of range, wanted 0 or more, at most 1"),
        ({"box": -1.0}, "box: -1.0"),
    ],
)
def test_wrong_settings_are_said(changes, says):
    with pytest.raises(ConfigError, match=says):
        dataclasses.replace(TASK, **changes)
    with pytest.raises(ValueError, match="3 axes"):
        Detect.example(3)
