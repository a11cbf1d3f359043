"""The head of Swin UNETR: the published counts, and no look at the padding."""

from __future__ import annotations

import pytest
import torch

from swinkit.models import build, count
from swinkit.tasks import Segment

COUNTS = {("swin_unetr_f12", 1, 14): 4_078_220, ("swin_unetr_f24", 1, 14): 15_703_304,
          ("swin_unetr", 1, 14): 62_187_296, ("swin_unetr", 4, 3): 62_191_941}  # fmt: skip


def task(classes: int, inputs: int = 1, **settings: object) -> Segment:
    return Segment(classes=tuple(map(str, range(classes))), decoder="unet", inputs=inputs, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "inputs", "classes"), COUNTS)
def test_parameters_are_exactly_those_of_monai(name: str, inputs: int, classes: int) -> None:
    with torch.device("meta"):
        model = build(name, task(classes, inputs).head, channels=inputs)
    assert count(model) == COUNTS[name, inputs, classes]


@pytest.mark.parametrize("name", ["swin_unetr_f12", "swin_nano_3d"])
def test_a_sample_gets_alone_what_it_gets_in_a_padded_batch(name: str) -> None:
    torch.manual_seed(0)
    model = build(name, task(3).head).eval()
    valid = torch.ones(2, 37, 40, 33, dtype=torch.bool)
    valid[1, 35:], valid[1, :, 37:] = False, False
    grid = torch.randn(2, 1, 37, 40, 33) * valid[:, None]
    with torch.no_grad():
        together = model(grid, valid)["logits"]
        alone = model(grid[1:, :, :35, :37])["logits"]
    assert together.shape == (2, 3, 37, 40, 33)
    error = (together[1:, :, :35, :37] - alone).abs().max() / alone.abs().max()
    assert error < 1e-5


def test_other_ranks_and_strides_come_back_to_the_size_of_the_grid() -> None:
    torch.manual_seed(0)
    model = build("swin_nano", Segment(classes=("a", "b"), decoder="unet", channels=8, inputs=3).head)
    output = model(torch.randn(1, 3, 50, 33))["logits"]
    assert output.shape == (1, 2, 50, 33)
    output.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
