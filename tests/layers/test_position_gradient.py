"""The depthwise convolution of volumes in bfloat16: its weight gradient is one."""

from __future__ import annotations

import pytest
import torch

from swinkit.layers.position import ConditionalPosition
from swinkit.ops.windows import Cut, plan


@pytest.mark.parametrize("channels", [64, 256])
@pytest.mark.parametrize("space", [(2, 6, 6), (3, 2, 5)])
def test_the_weight_gradient_in_bfloat16_is_that_in_float32(channels: int, space: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    layer = ConditionalPosition(channels, 3)
    cut = Cut(window=(2, 2, 2), shift=(0, 0, 0), small_map="shrink", pad_tokens="mask")
    where = plan(space, cut, torch.device("cpu"))
    x, slope = torch.randn(2, 8, space[0] * space[1] * space[2], channels)
    found = {}
    for half in (False, True):
        junk = [torch.full((1 << size,), 3e30) for size in range(8, 20)]  # what freed memory may hold
        del junk
        layer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            y = layer(x, where)
        (y.float() * slope).sum().backward()
        assert layer.convolution.weight.grad is not None
        found[half] = layer.convolution.weight.grad.clone()
    error = (found[True] - found[False]).norm() / found[False].norm()
    assert error < 0.01
