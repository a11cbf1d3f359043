"""Two samples of a batch made into one, with both labels: mixup and CutMix."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Beta

Grid = Float[Tensor, "b c *space"]


def draw_shares(count: int, alpha: float, device: torch.device | str = "cpu") -> Float[Tensor, " count"]:
    """[count] how much of each sample stays itself: draws of Beta(alpha, alpha), from torch's global generator."""
    concentration = torch.full((count,), alpha, dtype=torch.float64, device=device)
    return Beta(concentration, concentration).sample().float()


def mixup(grid: Grid, shares: Float[Tensor, " b"]) -> Grid:
    """Every sample times its share plus the one before it times the rest (Zhang et al. 2018)."""
    shares = shares.view(-1, *(1 for _ in grid.shape[1:])).to(grid)
    return grid * shares + grid.roll(1, 0) * (1 - shares)


def cutmix(grid: Grid, shares: Float[Tensor, " b"]) -> tuple[Grid, Float[Tensor, " b"]]:
    """A box of every sample replaced by what the one before it shows there (Yun et al. 2019).

    The box covers 1 - share of the space, about a place drawn at random; what reaches over an edge is cut off. Returns
    the grid and the shares that are really left.
    """
    space = grid.shape[2:]
    side = (1 - shares).clamp_min(0) ** (1 / len(space))
    inside = torch.ones(len(grid), *space, dtype=torch.bool, device=grid.device)
    for axis, length in enumerate(space):
        centre = torch.rand(len(grid), device=grid.device) * length
        half = side.to(grid.device) * length / 2
        low, high = (centre - half).round(), (centre + half).round()
        place = torch.arange(length, device=grid.device)
        here = (place >= low[:, None]) & (place < high[:, None])
        inside &= here.view(len(grid), *(length if index == axis else 1 for index in range(len(space))))
    left = 1 - inside.flatten(1).float().mean(1)
    return torch.where(inside[:, None], grid.roll(1, 0), grid), left
