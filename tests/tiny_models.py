"""Models small enough to test exhaustively."""

from __future__ import annotations

import torch
from torch import nn

from swinkit.backbone import Patches, SwinConfig
from swinkit.models import Model


def tiny(rank: int, version: str = "v1", *, stages: int = 2, patch: int = 1, window: int = 4, **changes) -> Model:
    """A model small enough to test exhaustively, every parameter random (fresh V2 blocks are identities)."""
    settings = dict(stem=Patches(size=(patch,) * rank, channels=2), version=version, width=8, depths=(2,) * stages,
                    heads=tuple(2**i for i in range(stages)), window=((window,) * rank,))  # fmt: skip
    torch.manual_seed(0)
    model = Model(SwinConfig(**(settings | changes)), lambda levels: nn.Identity()).eval()
    randomise(model)
    return model


def randomise(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        nn.init.normal_(parameter, mean=1.0 if "norm" in name and name.endswith("weight") else 0.0, std=0.3)
        if name.endswith("log_scale"):
            nn.init.uniform_(parameter, 0, 2)
        if ".bias.mlp." in name:  # biases of a few units: a key that is pushed further away cannot be seen to matter
            nn.init.normal_(parameter, std=0.05)
