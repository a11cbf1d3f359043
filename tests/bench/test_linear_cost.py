"""Multiply-adds grow exactly as the input does, wherever nothing is padded."""

from __future__ import annotations

from fractions import Fraction

import pytest

from swinkit.models import build, macs


@pytest.mark.parametrize("name, side, rank", [("swin_t", 224, 2), ("swin_v2_t", 256, 2), ("swin_nano_1d", 256, 1)])
def test_multiply_adds_are_in_proportion_to_the_cells(name, side, rank):
    model = build(name)
    head = model.head.linear.weight.numel()  # once an input, whatever its size
    cost = macs(model, (side,) * rank) - head
    bias = Fraction(0)
    for factor in (2, 3, 5, 8):
        grown = macs(model, (side * factor,) * rank) - head
        if name == "swin_v2_t":  # its network on offsets works once a forward pass too
            bias = bias or Fraction(cost * factor**rank - grown, factor**rank - 1)
        assert grown - bias == (cost - bias) * factor**rank
