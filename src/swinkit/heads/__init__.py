"""Heads turn the pyramid of features into raw output; every one works for grids of rank 1, 2 and 3.

`head(features, valid, size)`: `features` are maps [b C *space], finest first; `valid` says per map which tokens a
sample has (None: all); `size` is the space of the grid.
"""

from __future__ import annotations

from swinkit.heads.fpn import FPN
from swinkit.heads.linear import PooledLinear
from swinkit.heads.upernet import UPerNet

HEADS = {"fpn": FPN, "upernet": UPerNet}
"""Heads that label every cell."""

__all__ = ["FPN", "HEADS", "PooledLinear", "UPerNet"]
