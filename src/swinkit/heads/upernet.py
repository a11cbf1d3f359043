"""UPerNet as published with Swin (Xiao et al. 2018; sizes as mmseg's UPerHead and FCNHead have them).

Names of the state, ours <- mmseg's (transformers: `bn` is `batch_norm`, `conv_seg` is `classifier`):
    pools.I.{conv,norm}            <- decode_head.psp_modules.I.1.{conv,bn}
    context.{conv,norm}            <- decode_head.bottleneck.{conv,bn}
    laterals.I, smooths.I          <- decode_head.lateral_convs.I, decode_head.fpn_convs.I
    fuse.{conv,norm}               <- decode_head.fpn_bottleneck.{conv,bn}
    classifier.conv                <- decode_head.conv_seg
    auxiliary.conv.{conv,norm}     <- auxiliary_head.convs.0.{conv,bn}
    auxiliary.classifier.conv      <- auxiliary_head.conv_seg
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.files import ConfigError
from swinkit.heads.convolution import DROPOUT, Auxiliary, Classifier, ConvNorm, blank, pool
from swinkit.ops.resize import resize
from swinkit.types import Levels, Window

POOLS = (1, 2, 3, 6)
"""Cells per axis into which the coarsest map is pooled (Zhao et al. 2017)."""


class UPerNet(nn.Module):
    """Pyramid pooling on the coarsest map, a feature pyramid, and a fusion of all its levels.

    Batch norm is published here: train it with several samples a step, and mind that its statistics are those of one
    process. Maps are resized straight to each other's size, as published, where `FPN` minds the padding.
    """

    def __init__(
        self,
        levels: Levels,
        classes: int,
        *,
        channels: int = 512,
        auxiliary: int = 256,
        prior: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        rank, (*inner, last) = levels.rank, levels.channels
        self.pools = nn.ModuleList([ConvNorm(rank, last, channels, batch_norm=True) for _ in POOLS])
        self.context = ConvNorm(rank, last + len(POOLS) * channels, channels, 3, batch_norm=True)
        self.laterals = nn.ModuleList([ConvNorm(rank, inputs, channels, batch_norm=True) for inputs in inner])
        self.smooths = nn.ModuleList([ConvNorm(rank, channels, channels, 3, batch_norm=True) for _ in inner])
        self.fuse = ConvNorm(rank, len(levels.channels) * channels, channels, 3, batch_norm=True)
        self.dropout = DROPOUT[rank](0.1)
        self.classifier = Classifier(rank, channels, classes, prior=prior)
        self.auxiliary = Auxiliary(levels, auxiliary, classes, batch_norm=True) if auxiliary else None

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> dict[str, Float[Tensor, "b classes ..."]]:
        """{"logits": [b classes *finest]}; while training "auxiliary" too, at the last level but one."""
        if self.training and len(features[0]) == 1:
            raise ConfigError(
                "upernet needs 2 or more samples a step to be trained (batch norm); decoder fpn trains with 1"
            )
        if valid is not None:
            features = [blank(feature, mask) for feature, mask in zip(features, valid, strict=True)]
        maps = [lateral(feature) for lateral, feature in zip(self.laterals, features[:-1], strict=True)]
        maps.append(self._context(features[-1]))
        for n in reversed(range(len(maps) - 1)):
            maps[n] = maps[n] + resize(maps[n + 1], tuple(maps[n].shape[2:]))
        maps[:-1] = [smooth(x) for smooth, x in zip(self.smooths, maps[:-1], strict=True)]
        finest = tuple(maps[0].shape[2:])
        fused = self.fuse(torch.cat([resize(x, finest) for x in maps], 1))
        output = {"logits": self.classifier(self.dropout(fused))}
        if self.training and self.auxiliary is not None:
            output["auxiliary"] = self.auxiliary(features)
        return output

    def _context(self, x: Tensor) -> Tensor:
        space = tuple(x.shape[2:])
        pooled = [resize(conv(pool(x, cells)), space) for conv, cells in zip(self.pools, POOLS, strict=True)]
        return self.context(torch.cat([x, *pooled], 1))
