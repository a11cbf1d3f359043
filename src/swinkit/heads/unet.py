"""The U-shaped head of Swin UNETR (Hatamizadeh et al. 2022): residual convolutions from the coarsest level back to
every cell of the grid, which it sees too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.heads.convolution import TRANSPOSED, Auxiliary, Classifier, blank
from swinkit.layers.stem import CONVOLUTION
from swinkit.ops.patches import any_in_patch, pad_to_multiple
from swinkit.types import Levels, Window

Mask = Bool[Tensor, " b *space"] | None


class UNet(nn.Module):
    """Every level but the last two passes a residual block before it is joined; the coarsest one passes one, the one
    before it none (MONAI 1.5, networks/nets/swin_unetr.py). The grid itself passes blocks of `channels` at full size
    and, where the finest level is coarser than half of that, at every half size in between.

    Instance norms see only the cells that a sample has, so its answer does not depend on the others of its batch.
    """

    sees_grid = True

    def __init__(
        self,
        levels: Levels,
        classes: int,
        *,
        channels: int | None = None,
        inputs: int = 1,
        auxiliary: int = 0,
        prior: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        rank, widths = levels.rank, list(levels.channels)
        channels = channels or widths[0]
        halvings = [int(math.log2(stride)) for stride in levels.strides[0]]
        if any(2**n != stride for n, stride in zip(halvings, levels.strides[0], strict=True)):
            raise ValueError(f"strides {levels.strides[0]} of the finest level are no powers of two")
        deepest = max(halvings)
        self.steps = [tuple(2 if k < n else 1 for n in halvings) for k in range(deepest)]
        """Reductions of the grid's own path, finest first; the last one reaches the finest level."""
        self.factors = [
            tuple(coarse // fine for coarse, fine in zip(*pair, strict=True))
            for pair in zip(levels.strides[1:], levels.strides, strict=False)
        ]
        own = [channels] * deepest
        self.grid = nn.ModuleList(
            Residual(rank, given, channels, self.steps[k - 1] if k else (1,) * rank)
            for k, given in enumerate([inputs, *own[:-1]])
        )
        plain = (1,) * rank
        self.skips = nn.ModuleList(Residual(rank, width, width, plain) for width in widths[:-2])
        self.bottom = Residual(rank, widths[-1], widths[-1], plain)
        stairs = [*own, *widths]
        steps = [*self.steps, *self.factors]
        self.ups = nn.ModuleList(
            Up(rank, coarse, fine, factor) for coarse, fine, factor in zip(stairs[1:], stairs[:-1], steps, strict=True)
        )
        self.classifier = Classifier(rank, channels, classes, prior=prior)
        self.auxiliary = Auxiliary(levels, auxiliary, classes, batch_norm=False) if auxiliary else None

    def forward(
        self,
        features: Sequence[Float[Tensor, "b _ ..."]],
        valid: Sequence[Bool[Tensor, "b ..."]] | None = None,
        size: Window = (),
    ) -> dict[str, Float[Tensor, "b classes ..."]]:
        """{"logits": [b classes *space]} at the size of the grid, which is the first of the `features`, with its cells
        as the first of `valid`; while training "auxiliary" where asked for."""
        grid, *levels = features
        masks: list[Mask] = [None] * len(levels) if valid is None else list(valid[1:])
        total = tuple(math.prod(step) for step in zip(*self.steps, strict=True))
        x = pad_to_multiple(grid, total)
        mask = None if valid is None else _padded(valid[0], total)
        if mask is None and x.shape != grid.shape:  # the cells of the padding are no one's
            mask = _padded(torch.ones_like(grid[:, 0], dtype=torch.bool), total)
        stairs: list[tuple[Tensor, Mask]] = []
        for k, block in enumerate(self.grid):
            mask = mask if k == 0 or mask is None else any_in_patch(mask, self.steps[k - 1])
            x = block(x, mask)
            stairs.append((x, mask))
        for index, (level, own) in enumerate(zip(levels, masks, strict=True)):
            skip = self.skips[index](level, own) if index < len(self.skips) else level
            stairs.append((skip, own))
        top = self.bottom(levels[-1], masks[-1])
        for up, (skip, own) in zip(reversed(self.ups), reversed(stairs[:-1]), strict=True):
            top = up(top, skip, own)
        output = {"logits": self.classifier(top)[(..., *(slice(n) for n in size or grid.shape[2:]))]}
        if self.training and self.auxiliary is not None:
            output["auxiliary"] = self.auxiliary(levels)
        return output


class Residual(nn.Module):
    """Two 3-wide convolutions with instance norms, added to the input (projected where its shape changes)."""

    def __init__(self, rank: int, inputs: int, outputs: int, stride: Window) -> None:
        super().__init__()
        make = CONVOLUTION[rank]
        self.conv1 = make(inputs, outputs, 3, stride, padding=1, bias=False)
        self.conv2 = make(outputs, outputs, 3, padding=1, bias=False)
        changed = inputs != outputs or max(stride) > 1
        self.project = make(inputs, outputs, 1, stride, bias=False) if changed else None

    def forward(self, x: Float[Tensor, "b inputs *cells"], mask: Mask = None) -> Float[Tensor, "b outputs *space"]:
        """`mask`: the cells of the output that a sample has; the rest comes out as zero."""
        y = F.leaky_relu(normal(self.conv1(x), mask), 0.01)
        y = normal(self.conv2(y), mask)
        kept = x if self.project is None else normal(self.project(x), mask)
        return blank(F.leaky_relu(y + kept, 0.01), mask)


class Up(nn.Module):
    """Enlarged by a transposed convolution, joined with the finer level, then a residual block."""

    def __init__(self, rank: int, inputs: int, outputs: int, factor: Window) -> None:
        super().__init__()
        self.enlarge = TRANSPOSED[rank](inputs, outputs, factor, factor, bias=False)
        self.mix = Residual(rank, 2 * outputs, outputs, (1,) * rank)

    def forward(self, x: Tensor, skip: Tensor, mask: Mask = None) -> Tensor:
        """Cells beyond the end of the finer level are cut off."""
        y = self.enlarge(x)[(..., *(slice(n) for n in skip.shape[2:]))]
        return self.mix(torch.cat([blank(y, mask), skip], 1), mask)


def normal(x: Float[Tensor, "b c *space"], mask: Mask = None) -> Float[Tensor, "b c *space"]:
    """Every channel of every sample at mean 0 and deviation 1 over the cells that it has; the others are zero."""
    if mask is None:
        return F.instance_norm(x) if x[0, 0].numel() > 1 else torch.zeros_like(x)
    axes, known = tuple(range(2, x.ndim)), mask[:, None].to(x.dtype)
    count = known.sum(axes, keepdim=True).clamp_min(1)
    centred = (x - (x * known).sum(axes, keepdim=True) / count) * known
    return centred * torch.rsqrt(centred.square().sum(axes, keepdim=True) / count + 1e-5)


def _padded(mask: Tensor, factors: Window) -> Tensor:
    return pad_to_multiple(mask[:, None].float(), factors)[:, 0] > 0.5
