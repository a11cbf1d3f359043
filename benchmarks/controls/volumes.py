"""The control for volumes: a plain 3-D U-Net (Çiçek et al. 2016) with instance norms."""

from __future__ import annotations

import torch
from controls.depths import parameter_groups
from torch import Tensor, nn
from torch.nn import functional as F


def double(channels: int, width: int) -> nn.Sequential:
    """Convolution, norm, ReLU, twice."""
    layers: list[nn.Module] = []
    for given in (channels, width):
        layers += [nn.Conv3d(given, width, 3, padding=1, bias=False), nn.InstanceNorm3d(width, affine=True), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet3d(nn.Module):
    """Encoder and decoder with skips; width doubles from level to level.

    Takes [b c x y z] of any size and returns {"logits": [b classes x y z]}: the interface of a swinkit model.
    """

    def __init__(self, classes: int, *, width: int = 16, levels: int = 4, channels: int = 1) -> None:
        super().__init__()
        widths = [width << level for level in range(levels)]
        self.down = nn.ModuleList(double(given, own) for given, own in zip([channels, *widths], widths, strict=False))
        pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose3d(deep, own, 2, stride=2) for deep, own in pairs)
        self.join = nn.ModuleList(double(2 * own, own) for _, own in pairs)
        self.classify = nn.Conv3d(width, classes, 1)

    def forward(self, grid: Tensor, valid: Tensor | None = None, token_mask: Tensor | None = None) -> dict[str, Tensor]:
        """[b c x y z] -> logits at full size; `valid` and `token_mask` are accepted and not needed."""
        factor = 1 << (len(self.down) - 1)
        x = F.pad(grid, [side for n in reversed(grid.shape[2:]) for side in (0, -n % factor)])
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else F.max_pool3d(x, 2))
            skips.append(x)
        for up, join, skip in zip(self.up, self.join, skips[-2::-1], strict=True):
            x = join(torch.cat([skip, up(x)], dim=1))
        return {"logits": self.classify(x)[(..., *(slice(n) for n in grid.shape[2:]))]}

    def parameter_groups(self) -> list[tuple[str, int, bool]]:
        """(name, depth, decays) for the optimiser."""
        return parameter_groups(self, last="classify")
