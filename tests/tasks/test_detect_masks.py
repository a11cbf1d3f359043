"""Masks of things: what is learnt, what is answered, and in whose pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from task_examples import singles
from torch import Tensor, nn

from swinkit.backbone import Convolutions, SwinConfig
from swinkit.files import ConfigError, DataError
from swinkit.heads.boxes import Cells, Found
from swinkit.heads.masks import CHANNELS
from swinkit.models import Model
from swinkit.ops.instance_masks import REACH, WIDTH, parts
from swinkit.tasks import Detect
from swinkit.types import Batch, Objects

SIDE, STRIDE = 16, 4
TASK = Detect(classes=("cat", "dog"), top=3, masks=True)


def right_of(pixels: float) -> Tensor:
    """The weights of a thing whose mask is all that lies more than so many pixels to the right of its cell."""
    first, second, third = torch.zeros(WIDTH, CHANNELS + 2), torch.zeros(WIDTH, WIDTH), torch.zeros(WIDTH)
    first[0, CHANNELS], first[1, CHANNELS] = 1, -1  # ReLU keeps one side of each: their difference is x itself
    second[0, 0] = second[1, 1] = third[0] = 1
    third[1] = -1
    zero = torch.zeros(WIDTH)
    offset = torch.tensor([-pixels / (REACH * STRIDE)])
    return torch.cat([first.flatten(), zero, second.flatten(), zero, third, offset])


class Says(nn.Module):
    """A model of 4x4 cells: those that are named see a box each, and all that is to the right of a line."""

    def __init__(self, places: dict[int, tuple[list[float], float]]) -> None:
        super().__init__()
        self.boxes, self.logits = torch.zeros(16, 4), torch.full((16, 2), -9.0)
        self.kernels = nn.Parameter(torch.zeros(16, sum(parts(CHANNELS))))
        self.shared = nn.Parameter(torch.zeros(CHANNELS, 8, 8))
        for cell, (box, pixels) in places.items():
            self.boxes[cell], self.logits[cell, 1] = torch.tensor(box), 3.0
            self.kernels.data[cell] = right_of(pixels)

    def forward(self, grid: Tensor, valid: Tensor | None = None) -> dict[str, Any]:
        rows = (torch.arange(SIDE // STRIDE) + 0.5) * STRIDE
        centres = torch.stack(torch.meshgrid(rows, rows, indexing="xy"), -1).flatten(0, 1).expand(len(grid), -1, -1)
        mask = None if valid is None else valid[:, ::STRIDE, ::STRIDE].flatten(1)
        said = (x.expand(len(grid), *x.shape) for x in (self.logits, self.boxes, self.kernels))
        found = Found(*said)
        cells = Cells(centres, torch.full_like(centres, STRIDE), mask)
        output = {"cells": cells, "one": found, "features": self.shared.expand(len(grid), -1, -1, -1)}
        return output | ({"many": found} if self.training else {})


def things(*masks: Tensor, crowd: bool = False) -> Objects:
    """Dogs with these masks and their boxes."""
    boxes = [[*m.any(0).nonzero()[[0]][0], *m.any(1).nonzero()[[0]][0]] for m in masks]
    ends = [[*m.any(0).nonzero()[-1] + 1, *m.any(1).nonzero()[-1] + 1] for m in masks]
    return Objects(
        boxes=torch.tensor([b + e for b, e in zip(boxes, ends, strict=True)], dtype=torch.float32).view(-1, 4),
        labels=torch.ones(len(masks), dtype=torch.int64),
        crowd=torch.full((len(masks),), crowd),
        masks=torch.stack(masks) if masks else torch.zeros(0, SIDE, SIDE, dtype=torch.bool),
    )


def block(left: int, top: int, right: int, bottom: int, size: tuple[int, int] = (SIDE, SIDE)) -> Tensor:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[top:bottom, left:right] = True
    return mask


def batch(*targets: Objects, **changes: Any) -> Batch:
    values = {"grid": torch.zeros(len(targets), 3, SIDE, SIDE), "target": list(targets)}
    return Batch(**{**values, "ids": tuple("abcd"[: len(targets)]), **changes})


def test_masks_have_a_loss_that_only_their_own_cells_learn_from():
    network = Says({5: ([4.0, 4, 12, 8], 2.0)}).train()
    losses = TASK.losses(network, batch(things(block(4, 4, 12, 8))))
    assert set(losses) == {f"{branch}_{name}" for branch in ("many", "one") for name in ("class", "box", "mask")}
    assert losses["one_mask"][1].item() == losses["one_box"][1].item() > 0
    losses["one_mask"][0].backward()
    assert network.kernels.grad is not None and network.kernels.grad.abs().sum(1).nonzero().tolist() == [[5]]
    assert network.shared.grad is None or network.shared.grad.eq(0).all(), "the prediction's branch changes no features"
    TASK.losses(network, batch(things(block(4, 4, 12, 8))))["many_mask"][0].backward()
    assert network.shared.grad is not None


def test_crowds_and_pictures_without_things_teach_no_mask():
    for target in (things(), things(block(4, 4, 12, 8), crowd=True)):
        network = Says({5: ([4.0, 4, 12, 8], 2.0)}).train()
        total, weight = TASK.losses(network, batch(target))["many_mask"]
        assert total.item() == weight.item() == 0
        total.backward()
        assert network.kernels.grad is not None and network.kernels.grad.eq(0).all()


def test_targets_without_masks_are_an_error_that_says_what_to_do():
    bare = dataclasses.replace(things(block(4, 4, 12, 8)), masks=None)
    with pytest.raises(DataError, match=r"^b: masks: the sample has no masks.*data.masks=true, or task.masks=false"):
        TASK.losses(Says({}).train(), batch(things(block(0, 0, 4, 4)), bare))
    metrics, answers = TASK.metrics(), TASK.predict(Says({}).eval(), batch(bare))
    with pytest.raises(DataError, match="^a: masks: the truth has no masks"):
        metrics.update(answers, batch(bare))
    plain = dataclasses.replace(TASK, masks=False).predict(Says({}).eval(), batch(bare))
    with pytest.raises(DataError, match="^a: masks: the answer has no masks"):
        metrics.update(plain, batch(things(block(4, 4, 12, 8))))


@pytest.mark.parametrize("size", [(16, 16), (32, 64), (37, 53), (5, 7)])
def test_answers_are_in_original_pixels_within_their_boxes(size):
    network = Says({5: ([4.0, 4, 12, 12], 2.5)}).eval()  # the cell's centre is at 6, 6
    (found,) = TASK.predict(network, batch(things(), sizes=(size,)))
    rows, columns = (torch.arange(side) + 0.5 for side in size)
    beyond = columns * SIDE / size[1] > 8.5
    left, top, right, bottom = (
        4 * size[1] // SIDE,
        4 * size[0] // SIDE,
        -(-12 * size[1] // SIDE),
        -(-12 * size[0] // SIDE),
    )
    inside = ((rows > top) & (rows < bottom))[:, None] & (columns > left) & (columns < right)
    assert found.masks is not None and found.masks.dtype == torch.bool and found.masks.shape == (1, *size)
    assert found.masks[0].equal(inside & beyond) and found.masks.any()
    assert found.to_json()["objects"][0]["area"] == found.masks.sum()


def test_padding_moves_no_mask():
    valid = torch.ones(2, SIDE, SIDE, dtype=torch.bool)
    valid[0, 10:], valid[0, :, 13:] = False, False
    network = Says({5: ([4.0, 4, 13, 8], 2.0)})
    target = [things(block(4, 4, 12, 8, (10, 13))), things(block(4, 4, 12, 8))]
    padded = batch(*target, valid=valid, sizes=((20, 39), (SIDE, SIDE)))
    found, _ = TASK.predict(network.eval(), padded)
    columns = (torch.arange(39) + 0.5) / 3
    assert found.masks is not None and found.masks[0].any(0).equal((columns > 8) & (columns < 13))
    together = TASK.losses(network.train(), dataclasses.replace(padded, sizes=()))
    apart = [TASK.losses(network, one) for one in singles(dataclasses.replace(padded, sizes=()))]
    for name, pair in together.items():
        torch.testing.assert_close(pair, tuple(sum(one[name][part] for one in apart) for part in (0, 1)))


def test_masks_of_the_evaluation_view_are_in_original_pixels():
    network = Says({5: ([4.0, 4, 12, 8], 2.0)}).train()
    small = TASK.losses(network, batch(things(block(4, 4, 12, 8))))
    large = block(4, 4, 12, 8).repeat_interleave(3, 0).repeat_interleave(2, 1)
    evaluation = TASK.losses(network, batch(things(large), sizes=((48, 32),)))
    torch.testing.assert_close(evaluation, small)


def test_so_many_cells_learn_masks_and_no_more():
    many = [block(x, y, x + 4, y + 4) for x in range(0, 16, 4) for y in range(0, 16, 4)]
    places = {
        4 * (y // 4) + x // 4: ([float(x), y, x + 4, y + 4], 0.0) for x in range(0, 16, 4) for y in range(0, 16, 4)
    }
    network = Says(places).train()
    for cells in (5, 16, 100):
        network.zero_grad()
        task = dataclasses.replace(TASK, cells=cells, top=1)
        task.losses(network, batch(things(*many)))["many_mask"][0].backward()
        assert network.kernels.grad is not None
        assert len(network.kernels.grad.abs().sum(1).nonzero()) == min(16, cells)


def scenes() -> tuple[Model, Batch]:
    """Two pictures of 32 px, one with a disc and a bar in different colours, one empty."""
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    disc, bar = (rows - 9) ** 2 + (columns - 10) ** 2 < 49, (rows + columns > 40) & (rows + columns < 50) & (rows > 12)
    grid = 0.3 * torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    grid[0, 0][disc], grid[0, 1][bar] = 2, 2
    target = dataclasses.replace(things(disc, bar), labels=torch.tensor([0, 1]))
    none = target.chosen(torch.zeros(0, dtype=torch.int64))
    stem = Convolutions(size=(2, 2), channels=3)
    config = SwinConfig(stem=stem, width=16, depths=(2, 2), heads=(2, 4), window=((4, 4),))
    torch.manual_seed(0)
    model = Model(config, small().head)
    return model, Batch(grid=grid, target=[target, none], ids=("two", "none"), sizes=((32, 32),) * 2)


def small() -> Detect:
    return dataclasses.replace(TASK, channels=32, depth=1, levels=2, top=4, detail=1)


def test_training_finds_the_masks():
    model, one = scenes()
    task, metrics = small(), small().metrics()
    optimiser = torch.optim.AdamW(model.train().parameters(), lr=3e-3, weight_decay=0.0)
    curve = []
    for _ in range(50):
        losses = task.losses(model, one)
        optimiser.zero_grad()
        torch.stack([value / weight.clamp_min(1) for value, weight in losses.values()]).sum().backward()
        optimiser.step()
        curve.append((losses["one_mask"][0] / losses["one_mask"][1].clamp_min(1e-3)).item())
    assert curve[-1] < 0.25 * curve[0], curve[::5]
    with torch.inference_mode():
        answers = task.predict(model.eval(), one)
    metrics.update(answers, one)
    found = metrics.result()
    assert metrics.main == "mask_map" and found["mask_map50"] == 1 and found["mask_map"] > 0.6, found


@pytest.mark.parametrize(("changes", "says"), [({"detail": 0}, "detail: 0 is too few"), ({"shape": -1.0}, "shape: -1")])
def test_wrong_settings_are_said(changes, says):
    with pytest.raises(ConfigError, match=says):
        dataclasses.replace(TASK, **changes)


def test_masks_are_not_finer_than_the_grid_can_tell():
    with pytest.raises(ConfigError, match=r"detail: 3 does not divide the finest stride \(2, 2\)"):
        Model(
            SwinConfig(stem=Convolutions(size=(2, 2), channels=3)),
            dataclasses.replace(small(), detail=3, levels=4).head,
        )
