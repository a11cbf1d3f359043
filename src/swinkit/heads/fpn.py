"""The light dense head: what small data, short training and two processor cores want."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.heads.convolution import Auxiliary, Classifier, ConvNorm, blank
from swinkit.layers.stem import CONVOLUTION
from swinkit.ops.resize import stretch
from swinkit.types import Levels, Window


class FPN(nn.Module):
    """Feature pyramid (Lin et al. 2017) with all its work at the finest level.

    Every level is projected to `channels`; coarse ones are stretched and added from the top down; one 3-wide
    convolution and a classifier follow at the finest level. `detail` > 1 lets the classifier label that many cells per
    token and axis, which sharpens edges at almost no cost. No norm looks at the batch, so results do not depend on how
    it is split.
    """

    def __init__(
        self,
        levels: Levels,
        classes: int,
        *,
        channels: int = 96,
        detail: int = 1,
        auxiliary: int = 0,
        prior: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        rank = levels.rank
        if detail < 1 or any(stride % detail for stride in levels.strides[0]):
            raise ValueError(f"detail {detail} does not divide the finest stride {levels.strides[0]}; 1 always does")
        self.factors = [  # between a level and the next finer one
            tuple(coarse // fine for coarse, fine in zip(*pair, strict=True))
            for pair in zip(levels.strides[1:], levels.strides, strict=False)
        ]
        self.laterals = nn.ModuleList([CONVOLUTION[rank](inputs, channels, 1) for inputs in levels.channels])
        self.smooth = ConvNorm(rank, channels, channels, 3)
        self.classifier = Classifier(rank, channels, classes, detail=detail, prior=prior)
        self.auxiliary = Auxiliary(levels, auxiliary, classes, batch_norm=False) if auxiliary else None

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> dict[str, Float[Tensor, "b classes ..."]]:
        """{"logits": [b classes *cells]}, `detail` cells a finest token; while training "auxiliary" where asked for."""
        masks = [None] * len(features) if valid is None else valid
        maps = [blank(lateral(x), mask) for lateral, x, mask in zip(self.laterals, features, masks, strict=True)]
        top = maps.pop()
        for finer, factors in zip(reversed(maps), reversed(self.factors), strict=True):
            top = finer + stretch(top, tuple(finer.shape[2:]), factors)
        output = {"logits": self.classifier(self.smooth(blank(top, masks[0])))}
        if self.training and self.auxiliary is not None:
            output["auxiliary"] = self.auxiliary(features)
        return output
