"""The control: a plain U-Net (Ronneberger et al. 2015) with batch norm: what a standard network reaches."""

from __future__ import annotations

import torch
from controls.depths import parameter_groups
from torch import Tensor, nn
from torch.nn import functional as F


def double(channels: int, width: int) -> nn.Sequential:
    """Convolution, norm, ReLU, twice."""
    layers: list[nn.Module] = []
    for given in (channels, width):
        layers += [nn.Conv2d(given, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Encoder and decoder with skips; width doubles from level to level.

    Takes [b c h w] of any size and returns {"logits": [b classes h w]}: the interface of a swinkit model, so that the
    same engine, data and task train it.
    """

    def __init__(self, classes: int, *, width: int = 32, levels: int = 5, channels: int = 3) -> None:
        super().__init__()
        widths = [width << level for level in range(levels)]
        self.down = nn.ModuleList(double(given, own) for given, own in zip([channels, *widths], widths, strict=False))
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(deep, own, 2, stride=2) for deep, own in pairs)
        self.join = nn.ModuleList(double(2 * own, own) for _, own in pairs)
        self.classify = nn.Conv2d(width, classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, grid: Tensor, valid: Tensor | None = None, token_mask: Tensor | None = None) -> dict[str, Tensor]:
        """[b c h w] -> logits at full resolution; `valid` and `token_mask` are accepted and not needed."""
        height, width = grid.shape[-2:]
        factor = 1 << (len(self.down) - 1)
        x = F.pad(grid, (0, -width % factor, 0, -height % factor))
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool2d(x, 2))
            skips.append(x)
        for up, join, skip in zip(self.up, self.join, skips[-2::-1], strict=True):
            x = join(torch.cat([skip, up(x)], dim=1))
        return {"logits": self.classify(x)[..., :height, :width]}

    def parameter_groups(self) -> list[tuple[str, int, bool]]:
        """(name, depth, decays) for the optimiser."""
        return parameter_groups(self, last="classify")
