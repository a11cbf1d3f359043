"""The Swin Transformer: its configuration, its named sizes and the module."""

from __future__ import annotations

from swinkit.backbone.config import Convolutions, Patches, Stem, SwinConfig, Tokens
from swinkit.backbone.sizes import ALIASES, SIZES, Size
from swinkit.backbone.swin import Block, Stage, Swin

__all__ = [
    "ALIASES",
    "SIZES",
    "Block",
    "Convolutions",
    "Patches",
    "Size",
    "Stage",
    "Stem",
    "Swin",
    "SwinConfig",
    "Tokens",
]
