"""What the dense heads are built from, for maps [b c *space] of rank 1, 2 and 3."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.layers.norm import LayerNorm
from swinkit.layers.stem import CONVOLUTION
from swinkit.types import Levels

TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
BATCH_NORM = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
DROPOUT = {1: nn.Dropout1d, 2: nn.Dropout2d, 3: nn.Dropout3d}
AVERAGE = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


class ChannelNorm(LayerNorm):
    """Layer norm over the channels of every token: looks at neither the rest of the batch nor its padding."""

    def forward(self, input: Float[Tensor, "b c *space"]) -> Float[Tensor, "b c *space"]:  # the name is torch's
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


class ConvNorm(nn.Module):
    """Convolution without bias, norm, activation; the space keeps its size."""

    def __init__(self, rank: int, inputs: int, outputs: int, size: int = 1, *, batch_norm: bool = False) -> None:
        super().__init__()
        self.conv = CONVOLUTION[rank](inputs, outputs, size, padding=size // 2, bias=False)
        self.norm = BATCH_NORM[rank](outputs) if batch_norm else ChannelNorm(outputs)
        self.activation = nn.ReLU() if batch_norm else nn.GELU()
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "b inputs *space"]) -> Float[Tensor, "b outputs *space"]:
        return self.activation(self.norm(self.conv(x)))


class Classifier(nn.Module):
    """One logit a class for every token; with `detail` above 1, for detail**rank cells of it (sub-pixel)."""

    def __init__(
        self, rank: int, channels: int, classes: int, *, detail: int = 1, prior: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        if prior is not None and (len(prior) != classes or min(prior) <= 0):
            raise ValueError(f"prior {tuple(prior)} needs a positive frequency for each of the {classes} classes")
        convolution = CONVOLUTION[rank] if detail == 1 else TRANSPOSED[rank]
        self.conv = convolution(channels, classes, detail, detail)
        nn.init.normal_(self.conv.weight, std=0.01)
        # So that training starts at the entropy of the prior, not at chance.
        self.conv.bias = nn.Parameter(torch.zeros(classes) if prior is None else torch.tensor(prior).log())

    def forward(self, x: Float[Tensor, "b channels *space"]) -> Float[Tensor, "b classes *cells"]:
        return self.conv(x)


class Auxiliary(nn.Module):
    """A classifier on the last level but one, only to train that better: convolution, dropout, classifier (mmseg's
    FCNHead)."""

    def __init__(self, levels: Levels, channels: int, classes: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.conv = ConvNorm(levels.rank, levels.channels[-2:][0], channels, 3, batch_norm=batch_norm)
        self.dropout = DROPOUT[levels.rank](0.1)
        self.classifier = Classifier(levels.rank, channels, classes)

    def forward(self, features: Sequence[Float[Tensor, "b _ ..."]]) -> Float[Tensor, "b classes ..."]:
        return self.classifier(self.dropout(self.conv(features[-2:][0])))


def blank(x: Float[Tensor, "b c *space"], valid: Bool[Tensor, " b *space"] | None) -> Float[Tensor, "b c *space"]:
    """Zero the tokens that a sample does not have, so that a convolution sees what it would see at a border."""
    return x if valid is None else torch.where(valid[:, None], x, 0)


def pool(x: Float[Tensor, "b c *space"], cells: int) -> Float[Tensor, "b c *cells"]:
    """Mean over `cells` equal parts of every axis."""
    return AVERAGE[x.ndim - 2](cells)(x)
