"""The control for classification: a plain convolutional network (Simonyan and Zisserman 2015) with batch norm."""

from __future__ import annotations

from itertools import pairwise

from controls.depths import parameter_groups
from controls.unet import double
from torch import Tensor, nn
from torch.nn import functional as F


class ConvNet(nn.Module):
    """Pairs of convolutions, each at half the size and twice the width of the last, then the mean and a classifier.

    Takes [b c h w] of any size and returns [b classes]: the interface of a swinkit classifier, so that the same
    engine, data and task train it.
    """

    def __init__(self, classes: int, *, width: int = 64, levels: int = 3, channels: int = 3) -> None:
        super().__init__()
        widths = [channels, *(width << level for level in range(levels))]
        self.levels = nn.ModuleList(double(given, own) for given, own in pairwise(widths))
        self.classify = nn.Linear(widths[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, grid: Tensor, valid: Tensor | None = None, token_mask: Tensor | None = None) -> Tensor:
        """[b c h w] -> logits [b classes]; `valid` and `token_mask` are accepted and not needed."""
        x = grid
        for index, level in enumerate(self.levels):
            x = level(x if index == 0 else F.max_pool2d(x, 2))
        return self.classify(x.mean((2, 3)))

    def parameter_groups(self) -> list[tuple[str, int, bool]]:
        """(name, depth, decays) for the optimiser."""
        return parameter_groups(self, last="classify")
