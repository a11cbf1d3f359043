"""From the raw grid to tokens: patches as published, overlapping convolutions for small data, or a table of tokens
for text."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from swinkit.layers.norm import DynamicTanh, LayerNorm
from swinkit.ops.memory import in_order
from swinkit.ops.patches import any_in_patch, pad_to_multiple
from swinkit.types import Window

CONVOLUTION: dict[int, Callable[..., nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


class PatchStem(nn.Module):
    """A linear projection of each patch, then a norm (Liu et al. 2021, section 3.1) unless told not to; inputs are
    padded to whole patches."""

    def __init__(self, channels: int, out: int, size: Window, *, norm: bool = True) -> None:
        super().__init__()
        self.size = size
        self.projection = CONVOLUTION[len(size)](channels, out, size, size)
        self.norm = LayerNorm(out) if norm else nn.Identity()

    def forward(
        self, grid: Float[Tensor, "b c *space"], valid: Bool[Tensor, " b *space"] | None = None
    ) -> tuple[Float[Tensor, " b *tokens out"], Bool[Tensor, " b *tokens"] | None]:
        """Tokens, channels last, and which of them a sample has."""
        x = self.projection(pad_to_multiple(grid, self.size)).movedim(1, -1)
        return self.norm(x), None if valid is None else any_in_patch(valid, self.size)


class ConvolutionStem(nn.Module):
    """Three overlapping 3-wide convolutions that together have the stride `size`; tokens end with a layer norm.

    Between them stands a dynamic tanh, since a layer norm there would take away how bright a patch is and how strong
    its edges are, and a batch norm (Xiao et al. 2021) would make results depend on how a batch is split. Strides
    go to the first convolutions that need them; channels grow from half of `out`.
    """

    def __init__(self, channels: int, out: int, size: Window) -> None:
        super().__init__()
        strides = _halvings(size, 3)
        widths = [channels, max(out // 2, 8), max(out // 2, 8), out]
        make = CONVOLUTION[len(size)]
        self.strides = strides
        self.convolutions = nn.ModuleList(
            make(widths[i], widths[i + 1], 3, stride, padding=1, bias=False) for i, stride in enumerate(strides)
        )
        self.norms = nn.ModuleList([DynamicTanh(widths[1]), DynamicTanh(widths[2]), LayerNorm(out)])
        for convolution in self.convolutions:
            nn.init.kaiming_normal_(convolution.get_parameter("weight"), nonlinearity="relu")

    def forward(
        self, grid: Float[Tensor, "b c *space"], valid: Bool[Tensor, " b *space"] | None = None
    ) -> tuple[Float[Tensor, " b *tokens out"], Bool[Tensor, " b *tokens"] | None]:
        """Tokens, channels last, and which of them a sample has."""
        x = grid
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = norm(_convolved(x, convolution, self.strides[i]))
            if i + 1 < len(self.strides):
                x = nn.functional.gelu(x)
            if valid is not None:  # what lies outside a sample stays zero, as if it were alone
                valid = any_in_patch(valid, self.strides[i])
                x = x * valid[..., None]
            x = x.movedim(-1, 1)
        return x.movedim(1, -1), valid


class TokenStem(nn.Module):
    """A table of token vectors and a norm, for grids of token ids [b c length]; of several ids in a cell the vectors
    are added, and 0 adds nothing."""

    def __init__(self, vocabulary: int, out: int, *, std: float = 0.02, dropout: float = 0.0) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, out)
        self.norm = LayerNorm(out)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.table.weight, std=std)

    def forward(
        self, grid: Int[Tensor, "b c length"], valid: Bool[Tensor, "b length"] | None = None
    ) -> tuple[Float[Tensor, "b length out"], Bool[Tensor, "b length"] | None]:
        """Tokens, channels last, and which of them a sample has."""
        ids = grid.to(torch.int64)
        if ids.shape[1] == 1:
            return self.dropout(self.norm(self.table(ids[:, 0]))), valid
        weights = (ids > 0).to(self.table.weight)
        b, c, length = ids.shape
        bags = nn.functional.embedding_bag(
            ids.transpose(1, 2).reshape(-1, c), self.table.weight, mode="sum",
            per_sample_weights=weights.transpose(1, 2).reshape(-1, c),
        )  # fmt: skip
        return self.dropout(self.norm(bags.view(b, length, -1))), valid


def _convolved(x: Tensor, convolution: nn.Module, stride: Window) -> Tensor:
    """[b c *space] -> [b *space2 c2]. An export gets the same numbers in a form of which torch can prove the sizes."""
    if not torch.compiler.is_exporting():
        return convolution(x).movedim(1, -1)
    ends = [(1, (n + 1) // 2 * 2 - n if s > 1 else 1) for n, s in zip(x.shape[2:], stride, strict=True)]
    x = nn.functional.pad(in_order(x), [side for pair in reversed(ends) for side in pair])
    run = (nn.functional.conv1d, nn.functional.conv2d, nn.functional.conv3d)[len(stride) - 1]
    return in_order(run(x, convolution.get_parameter("weight"), stride=stride).movedim(1, -1))


def _halvings(size: Window, count: int) -> list[Window]:
    """Strides of 1 or 2 for `count` convolutions in a row whose product is `size`."""
    left, strides = list(size), []
    for _ in range(count):
        step = tuple(2 if s > 1 else 1 for s in left)
        left = [s // k for s, k in zip(left, step, strict=True)]
        strides.append(step)
    return strides
