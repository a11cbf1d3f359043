"""One exported program serves every size: heads ask no question about sizes that a program could not answer ahead."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

from swinkit.heads import HEADS
from swinkit.layers.stem import CONVOLUTION
from swinkit.types import Levels

SIZES = {1: [(36,), (32,), (17,), (101,)], 2: [(36, 44), (17, 100), (33, 16), (9, 32)], 3: [(12, 10, 9), (16, 9, 17)]}


class Pyramid(nn.Module):
    """Three maps, each half as large as the one before, rounded up as patch merging does, and a head."""

    def __init__(self, rank: int, name: str, **changes: Any) -> None:
        super().__init__()
        levels = Levels(channels=(4, 4, 4), strides=tuple((2**i,) * rank for i in (1, 2, 3)))
        self.steps = nn.ModuleList([CONVOLUTION[rank](c, 4, 3, 2, 1) for c in (1, 4, 4)])
        self.head = HEADS[name](levels, 3, channels=8, **changes)

    def forward(self, grid: Tensor) -> dict[str, Tensor]:
        features = [self.steps[0](grid)]
        for step in list(self.steps)[1:]:
            features.append(step(features[-1]))
        return self.head(features, None, tuple(grid.shape[2:]))


@pytest.mark.parametrize(
    "rank, name, changes", [(1, "fpn", {}), (2, "fpn", {"detail": 2}), (2, "upernet", {}), (3, "fpn", {"detail": 2})]
)
def test_one_program_serves_every_size(rank: int, name: str, changes: dict[str, int]) -> None:
    torch.manual_seed(0)
    model = Pyramid(rank, name, **changes).eval()
    # torch treats an axis of one token as a case of its own, so the coarsest map has to have two
    shapes = {0: Dim("b"), **{2 + axis: Dim(f"n{axis}", min=9, max=4096) for axis in range(rank)}}
    traced = torch.randn(2, 1, *SIZES[rank][0])
    program = export(model, (traced,), dynamic_shapes={"grid": shapes}, strict=False).module()
    for count, size in zip((1, 3, 2, 4), SIZES[rank], strict=False):
        grid = torch.randn(count, 1, *size)
        torch.testing.assert_close(program(grid)["logits"], model(grid)["logits"])
