"""Heads turn the pyramid of features into raw output; those for boxes and points are for pictures, others for any rank.

`head(features, valid, size)`: `features` are maps [b C *space], finest first; `valid` says per map which tokens a
sample has (None: all); `size` is the space of the grid.
"""

from __future__ import annotations

from swinkit.heads.boxes import DenseBoxes
from swinkit.heads.ctc import FrameLinear
from swinkit.heads.fpn import FPN
from swinkit.heads.keypoints import Deconvolutions, SimCC
from swinkit.heads.linear import CellLinear, HiddenTokens, PeakLinear, PooledLinear
from swinkit.heads.tokens import PooledTokens
from swinkit.heads.unet import UNet
from swinkit.heads.upernet import UPerNet

HEADS = {"fpn": FPN, "upernet": UPerNet, "unet": UNet}
"""Heads that label every cell."""

__all__ = [
    "FPN",
    "HEADS",
    "CellLinear",
    "Deconvolutions",
    "DenseBoxes",
    "FrameLinear",
    "HiddenTokens",
    "PeakLinear",
    "PooledLinear",
    "PooledTokens",
    "SimCC",
    "UNet",
    "UPerNet",
]
