"""transformers: Swin and Swinv2."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from transformers import SwinConfig, SwinForImageClassification, Swinv2Config, Swinv2ForImageClassification

LAYOUT = "transformers"
MODELS: dict[str, dict[str, Any]] = {
    "swin_t": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "window_size": 7},
    "swin_b": {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32], "window_size": 7},
    "swin_v2_t": {"embed_dim": 96, "depths": [2, 2, 6, 2], "num_heads": [3, 6, 12, 24], "window_size": 8},
}
SETTINGS = ("eager",)


class Logits(nn.Module):
    """The model without the wrapping of its answer."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, grid: Tensor) -> Tensor:
        return self.model(grid, return_dict=False)[0]


def build(name: str, setting: str) -> nn.Module:
    """It has one way for these models."""
    del setting
    config, kind = (
        (Swinv2Config, Swinv2ForImageClassification) if "_v2_" in name else (SwinConfig, SwinForImageClassification)
    )
    return Logits(kind(config(image_size=256 if "_v2_" in name else 224, num_labels=1000, **MODELS[name])))


def state(model: nn.Module) -> dict[str, Tensor]:
    """Its weights under its names."""
    return model.model.state_dict()
