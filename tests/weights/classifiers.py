"""Small classifiers and published ones without memory, for tests of weight files."""

from __future__ import annotations

import functools

import torch
from tiny_models import randomise

from swinkit.backbone import SIZES, Patches, SwinConfig
from swinkit.heads.linear import PooledLinear
from swinkit.models import Model

V1 = SwinConfig(stem=Patches(size=(4, 4), channels=3), width=8, depths=(2, 2, 2), heads=(1, 2, 4), window=((4, 4),),
                small_map="shrink_block")  # fmt: skip
V2 = SwinConfig(stem=Patches(size=(4, 4), channels=3), version="v2", width=8, depths=(2, 2, 2), heads=(1, 2, 4),
                window=((8, 8), (8, 8), (4, 4)), bias_window=((6, 6), (6, 6), (3, 3)),
                small_map="shrink_block")  # fmt: skip
SIZE = 64
"""Maps of 16, 8 and 4 tokens a side: the first two stages of V1 shift, the first of V2 does."""


def classifier(config: SwinConfig, classes: int = 5, seed: int = 0) -> Model:
    torch.manual_seed(seed)
    model = Model(config, lambda levels: PooledLinear(levels.channels[-1], classes), outputs=(len(config.depths) - 1,))
    randomise(model)
    return model.eval()


@functools.cache
def published(name: str) -> Model:
    """A named size on the meta device: shapes without values."""
    size = SIZES[name]
    with torch.device("meta"):
        return Model(size.config, lambda levels: PooledLinear(levels.channels[-1], size.classes),
                     outputs=(len(size.config.depths) - 1,))  # fmt: skip
