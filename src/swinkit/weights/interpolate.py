"""A Swin V1 bias table for another window: every axis is resampled by itself, whatever the rank."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from swinkit.files import ConfigError
from swinkit.types import Window


def resize_table(
    table: Float[Tensor, "offsets heads"], before: Window, after: Window, spacing: str = "uniform"
) -> Float[Tensor, "offsets2 heads"]:
    """The table of window `before` for window `after`.

    `uniform` stretches each axis by cubic convolution: in rank 2 it is torch's bicubic interpolation without aligned
    corners, as microsoft's `load_pretrained` does. `geometric` keeps small offsets where they were and lets the known
    ones grow apart by a constant ratio, with a cubic spline between them (SimMIM, after BEiT); for windows that grow.
    """
    if len(before) != len(after):
        raise ConfigError(f"a table of window {before} cannot serve window {after}: the ranks differ")
    matrices = {"uniform": _stretch, "geometric": _spread}
    if spacing not in matrices:
        raise ConfigError(f"spacing {spacing!r} does not exist: there are {', '.join(matrices)}")
    grid = table.detach().double().t().reshape(-1, *(2 * w - 1 for w in before))
    for axis, (old, new) in enumerate(zip(before, after, strict=True)):
        if old != new:
            matrix = matrices[spacing](2 * old - 1, 2 * new - 1)
            grid = torch.movedim(torch.movedim(grid, axis + 1, -1) @ matrix.t(), -1, axis + 1)
    return grid.flatten(1).t().to(table.dtype).contiguous()


def _stretch(old: int, new: int) -> Float[Tensor, "new old"]:
    """Torch's own cubic weights: the identity, resized along its first axis only."""
    identity = torch.eye(old, dtype=torch.float64)[None, None]
    return F.interpolate(identity, size=(new, old), mode="bicubic", align_corners=False)[0, 0]


def _spread(old: int, new: int) -> Float[Tensor, "new old"]:
    """From offsets 0, 1, 1 + q, 1 + q + q^2 ... to 0, 1, 2 ..., with q such that both reach equally far."""
    half, reach = old // 2, new // 2
    low, high = 1.01, 1.5
    while high - low > 1e-6:  # the published search, bounds and all
        q = (low + high) / 2
        low, high = (low, q) if (1 - q**half) / (1 - q) > reach else (q, high)
    q = (low + high) / 2
    steps = torch.cumsum(q ** torch.arange(half, dtype=torch.float64), 0)
    known = torch.cat([-steps.flip(0), torch.zeros(1, dtype=torch.float64), steps])
    return _spline(known, torch.arange(-reach, reach + 1, dtype=torch.float64))


def _spline(known: Float[Tensor, " old"], wanted: Float[Tensor, " new"]) -> Float[Tensor, "new old"]:
    """Values at `wanted` of the cubic spline through values at `known`, as a matrix; straight lines below four values.

    The third derivative does not jump at the second and the last but one place ("not a knot").
    """
    n = len(known)
    unit = torch.eye(n, dtype=torch.float64)
    if n == 1:
        return unit.expand(len(wanted), 1)
    h = known.diff()
    bend = torch.zeros(n, n, dtype=torch.float64)  # second derivatives, from values
    if n >= 4:
        system, slopes = torch.zeros(n, n, dtype=torch.float64), (unit[1:] - unit[:-1]) / h[:, None]
        right = torch.zeros(n, n, dtype=torch.float64)
        for i in range(1, n - 1):
            system[i, i - 1 : i + 2] = torch.stack([h[i - 1], 2 * (h[i - 1] + h[i]), h[i]])
            right[i] = 6 * (slopes[i] - slopes[i - 1])
        system[0, :3] = torch.stack([h[1], -(h[0] + h[1]), h[0]])
        system[-1, -3:] = torch.stack([h[-1], -(h[-2] + h[-1]), h[-2]])
        bend = torch.linalg.solve(system, right)
    left = (torch.searchsorted(known, wanted, right=True) - 1).clamp(0, n - 2)
    width = h[left]
    a, b = ((known[left + 1] - wanted) / width)[:, None], ((wanted - known[left]) / width)[:, None]
    curve = (a**3 - a) * bend[left] + (b**3 - b) * bend[left + 1]
    return a * unit[left] + b * unit[left + 1] + curve * (width**2 / 6)[:, None]
