"""Read-only copies for inference, with everything worked out that does not depend on the pixels."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from swinkit.backbone import Stage
from swinkit.layers.attention import WindowAttention
from swinkit.layers.bias import FixedBias
from swinkit.layers.cross_block import CrossBlockAttention
from swinkit.layers.linear import Linear
from swinkit.models.mixed import Joined
from swinkit.models.model import Model, space_of
from swinkit.ops.windows import group
from swinkit.types import Window


class Prepared(nn.Module):
    """A model that only predicts. `train()` and loading weights are refused: prepare the changed model again."""

    def __init__(self, model: Model | Joined) -> None:
        super().__init__()
        self.model = model
        self.levels = model.levels
        self.training = False

    @property
    def head(self) -> nn.Module:
        """Of the model: a task may ask it for what the model did not return."""
        return self.model.head

    def forward(self, grid: Any, valid: Any = None, token_mask: torch.Tensor | None = None) -> object:
        """What the model returns."""
        return self.model(grid, valid) if token_mask is None else self.model(grid, valid, token_mask)

    def train(self, mode: bool = True) -> Prepared:
        """Only `eval()` is possible."""
        if mode:
            raise RuntimeError("a prepared copy cannot be trained: train its model and prepare it again")
        return self

    def load_state_dict(self, *_: object, **__: object) -> object:
        """Refused: biases were worked out from the weights that were there."""
        raise RuntimeError("a prepared copy cannot load weights: load them into the model and prepare it again")


def prepared(model: Model | Joined, sizes: Sequence[Window] = ()) -> Prepared:
    """A copy of `model` for inference on its device: biases are fixed, and for inputs of `sizes` the plans as well.

    Other sizes work too, with plans made as usual, and inputs that are joined are given none. Windows that are masked
    alike share one mask: at most 3^rank a stage.
    """
    if sizes and isinstance(model, Joined):
        raise ValueError(f"sizes {list(sizes)} came for a model of several inputs: leave them out")
    changed = copy.deepcopy(model).eval().requires_grad_(False)
    with torch.no_grad():
        for module in changed.modules():
            if isinstance(module, WindowAttention | CrossBlockAttention):
                module.bias = FixedBias(module.bias().contiguous())
                if isinstance(module, WindowAttention):
                    module.fold_scale()
        for module in changed.modules():
            if isinstance(module, Linear):
                module.pack()
    device = next(changed.parameters()).device
    for size in sizes:
        for stage, space in zip(changed.backbone.stages, space_of(model.config, tuple(size)), strict=False):
            assert isinstance(stage, Stage)
            plans = stage.plans(space, device)  # blocks with markers keep their order: distances are counted along it
            stage.ready[space] = [group(p) if stage.marker is None else p for p in plans]
    return Prepared(changed)
