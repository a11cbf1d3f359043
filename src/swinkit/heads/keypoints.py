"""Where points are: a map of logits for each, or a row of logits for each on both axes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.files import ConfigError
from swinkit.heads.convolution import blank
from swinkit.types import Levels, Window


class Deconvolutions(nn.Module):
    """SimpleBaseline (Xiao et al. 2018): transposed convolutions on the coarsest level, each twice as fine, then one
    logit a point and cell; a stride of 32 becomes 4.

    Batch norm is published here: train it with several samples a step. Names of the state, ours <- mmpose's
    HeatmapHead: layers.I <- deconv_layers.I, final <- final_layer.
    """

    def __init__(self, levels: Levels, points: int, *, channels: int = 256, count: int = 3) -> None:
        super().__init__()
        _need_pictures(levels)
        layers: list[nn.Module] = []
        for inputs in (levels.channels[-1], *[channels] * (count - 1)):
            deconvolution = nn.ConvTranspose2d(inputs, channels, 4, stride=2, padding=1, bias=False)
            nn.init.normal_(deconvolution.weight, std=0.001)
            layers += [deconvolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.final = nn.Conv2d(channels, points, 1)
        nn.init.normal_(self.final.weight, std=0.001)
        nn.init.zeros_(self.final.bias)  # pyright: ignore[reportArgumentType]

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> dict[str, Float[Tensor, "b points rows columns"]]:
        """{"logits": [b points rows columns]}, 8 cells a token and axis with three layers."""
        if self.training and len(features[-1]) == 1 and features[-1].shape[2:].numel() == 1:
            raise ConfigError("decoder deconvolutions: one token a step cannot be trained with (batch norm)")
        return {"logits": self.final(self.layers(blank(features[-1], None if valid is None else valid[-1])))}


class SimCC(nn.Module):
    """Coordinate classification (Li et al. 2022): a map a point, flattened, then one linear layer for each axis.

    The linear layers see where in the map a value is, so the head is for grids of one size; it classifies the place
    into `split` cells a pixel. Names of the state, ours <- mmpose's SimCCHead: final <- final_layer, x <- mlp_head_x,
    y <- mlp_head_y.
    """

    def __init__(self, levels: Levels, points: int, *, size: Window, split: int = 2) -> None:
        super().__init__()
        _need_pictures(levels)
        self.size = tuple(size)
        tokens = [-(-side // stride) for side, stride in zip(size, levels.strides[-1], strict=True)]
        self.final = nn.Conv2d(levels.channels[-1], points, 1)
        self.y = nn.Linear(tokens[0] * tokens[1], size[0] * split)
        self.x = nn.Linear(tokens[0] * tokens[1], size[1] * split)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> dict[str, Float[Tensor, "b points cells"]]:
        """{"y": [b points rows], "x": [b points columns]}, logits of `split` cells a pixel."""
        if not torch.compiler.is_exporting() and tuple(size) != self.size:
            raise ConfigError(f"decoder simcc: a grid of {tuple(size)} came, it was built for {self.size} (task.size)")
        maps = self.final(blank(features[-1], None if valid is None else valid[-1])).flatten(2)
        return {"y": self.y(maps), "x": self.x(maps)}


def _need_pictures(levels: Levels) -> None:
    if levels.rank != 2:
        raise ConfigError(f"points are found in pictures, the model is for grids of {levels.rank} axes")
