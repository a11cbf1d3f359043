"""The pose benchmark: its control has the same head, its intervals hold the figure."""

from __future__ import annotations

import pytest
import torch

from swinkit.metrics import KeypointError
from swinkit.tasks import Pose
from swinkit.types import Batch, Keypoints, Objects


@pytest.mark.parametrize("decoder", ["fpn", "deconvolutions", "simcc"])
def test_the_control_takes_the_heads_of_the_task(decoder: str) -> None:
    from controls.pyramid import Pyramid

    task = Pose(points=("a", "b"), decoder=decoder, size=(32, 64))
    model = Pyramid(task.head, width=4).eval()
    (found,) = task.predict(model, Batch(grid=torch.zeros(1, 3, 32, 64), sizes=((32, 64),)))
    assert found.points.shape == (1, 2, 3)
    assert {name for name, _, _ in model.parameter_groups()} == {name for name, _ in model.named_parameters()}


def test_the_interval_holds_the_figure() -> None:
    from lspet import intervals

    metrics = KeypointError(("a", "b"))
    generator = torch.Generator().manual_seed(0)
    for number in range(60):
        points = torch.rand(1, 2, 2, generator=generator) * 100
        off = torch.rand(1, 2, 2, generator=generator) * 40
        answer = torch.cat([points + off, torch.ones(1, 2, 1)], 2)
        truth = Objects(
            boxes=torch.tensor([[0.0, 0.0, 100.0, 100.0]]),
            labels=torch.zeros(1, dtype=torch.int64),
            crowd=torch.zeros(1, dtype=torch.bool),
            points=torch.cat([points, torch.tensor([[[2.0], [2.0 * (number % 2)]]])], 2),
        )
        prediction = Keypoints(
            id=f"{number}", points=answer, boxes=truth.boxes, names=("a", "b"), skeleton=(), size=(100, 100)
        )
        metrics.update([prediction], Batch(grid=torch.zeros(1, 1, 1, 1), target=[truth]))
    found, figures = intervals(metrics), metrics.result()
    for name, (low, high) in found.items():
        assert low < figures[name] < high
