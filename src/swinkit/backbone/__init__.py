"""The Swin Transformer: its configuration, its named sizes and the module."""

from swinkit.backbone.config import ALIASES, SIZES, Convolutions, Patches, Size, Stem, SwinConfig, Tokens
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
