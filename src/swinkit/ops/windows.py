"""Cut a grid of tokens of any rank into windows, shifted or not, and put it together again.

A `Plan` says which token every window slot holds and where every token went. It is arithmetic on the sizes of the
grid, so
one traced program serves every size; it is made once a stage and forward pass, and nothing keeps it.

The order of work is the published one: pad at the high end, roll by the shift, partition (Liu et al. 2021, section 3.2;
rolling first gives other neighbours wherever a map is not a multiple of the window).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from swinkit.types import Window

SmallMap = Literal["shrink", "shrink_block", "pad_still", "pad"]
PadTokens = Literal["mask", "attend"]

ACROSS = -100.0
"""Added to the score of a pair from two pieces of the unrolled grid, as published."""


REFUSED = -1e9
"""Added to the score of a key nobody may attend to: finite, so that a row without keys stays finite both ways
(float16: -3e4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """How a grid is cut: everything static about a plan."""

    window: Window
    shift: Window
    small_map: SmallMap = "shrink"
    pad_tokens: PadTokens = "mask"
    fastest: Literal["first", "last"] = "last"
    """The axis that runs fastest inside a window: last for attention, first for merging (00, 10, 01, 11)."""

    @property
    def tokens(self) -> int:
        """Slots of one window."""
        return math.prod(self.window)


@dataclass(frozen=True)
class Plan:
    """Where every token of a grid goes, for one shift."""

    cut: Cut
    space: tuple[Any, ...]
    """Tokens along each axis (symbols while a program is traced)."""
    counts: tuple[Any, ...]
    """Windows along each axis."""
    order: Int[Tensor, " slots"]
    """The token in each slot, windows outermost; slots of padding hold some token that must be overwritten or
    ignored."""
    back: Int[Tensor, " cells"]
    """The slot of each token."""
    real: Bool[Tensor, " slots"]
    """Whether the slot holds a token of the grid."""
    key: Bool[Tensor, " slots"]
    """Whether the slot may be attended to: real tokens, and padding that attends."""
    shifted: bool
    """False where no axis is shifted."""
    padded: bool
    """False where every slot holds a token."""
    mask: Float[Tensor, "windows tokens tokens"] | None
    """What to add to the scores of each window (or kind of window); None where nothing is masked. float32."""
    kinds: tuple[int, ...] = ()
    """Prepared plans: windows that are masked alike stand together, this many of each kind (at most 3^rank kinds)."""
    arranged: bool = False
    """The tokens stand in their slots already: `ops.partition` leaves them there."""

    @property
    def attends(self) -> bool:
        """Whether any padding may be attended to."""
        return self.padded and self.cut.pad_tokens == "attend"


def plan(space: Window, cut: Cut, device: torch.device, *, spare: bool = False) -> Plan:
    """The plan of a grid with `space` tokens along each axis.

    `spare` adds a window of padding along every axis: a program that is traced then never learns that some count is 1.
    """
    exporting = torch.compiler.is_exporting()
    fits = [_fits(space, axis, cut, exporting) for axis in range(len(space))]
    axes = [_axis(size, axis, cut, fits[axis], device, spare) for axis, size in enumerate(space)]
    merge = partial(_outer, fastest=cut.fastest)
    order = merge([a.token for a in axes], [math.prod(space[i + 1 :]) for i in range(len(space))])
    inner = [math.prod(cut.window[i + 1 :] if cut.fastest == "last" else cut.window[:i]) for i in range(len(space))]
    outer = [math.prod([a.count for a in axes[i + 1 :]]) * cut.tokens for i in range(len(space))]
    slot = _along(axes[0].window * outer[0] + axes[0].inside * inner[0], 0, len(space))
    for i, a in enumerate(axes[1:], 1):
        slot = slot + _along(a.window * outer[i] + a.inside * inner[i], i, len(space))
    ones = [1] * len(space)
    shifted = exporting or any(k and not f for k, f in zip(cut.shift, fits, strict=True))
    padded = exporting or any(s % w for s, w in zip(space, cut.window, strict=True))
    key = merge([a.key for a in axes], ones) == len(space)
    piece = merge([a.piece for a in axes], [3**i for i in range(len(space))])
    return Plan(
        cut=cut,
        space=tuple(space),
        counts=tuple(a.count for a in axes),
        order=order,
        back=slot.reshape(-1),
        real=merge([a.real for a in axes], ones) == len(space),
        key=key,
        shifted=shifted,
        padded=padded,
        mask=_mask(piece, key, cut.tokens) if shifted or padded else None,
    )


def group(p: Plan) -> Plan:
    """The same plan with windows that are masked alike next to each other and one mask a kind; for inference copies."""
    if p.mask is None:
        return p
    tokens = p.cut.tokens
    masks, kind, counts = torch.unique(p.mask, dim=0, return_inverse=True, return_counts=True)
    windows = torch.argsort(kind, stable=True)
    place = torch.argsort(windows)

    def moved(slots: Tensor) -> Tensor:
        return slots.view(-1, tokens)[windows].reshape(-1)

    back = place[p.back // tokens] * tokens + p.back % tokens
    return replace(p, order=moved(p.order), back=back, real=moved(p.real), key=moved(p.key), mask=masks,
                   kinds=tuple(counts.tolist()))  # fmt: skip


def _mask(piece: Tensor, key: Tensor, tokens: int) -> Tensor:
    piece, key = piece.view(-1, tokens), key.view(-1, 1, tokens)
    across = (piece[:, :, None] != piece[:, None, :]).to(torch.float32) * ACROSS
    return torch.where(key, across, REFUSED)


@dataclass(frozen=True, slots=True)
class _Axis:
    count: Any  # windows along the axis
    token: Tensor  # [count window] -> token, or 0 for padding
    real: Tensor  # [count window]
    key: Tensor  # [count window]
    piece: Tensor  # [count window]
    window: Tensor  # [size] -> window of each token
    inside: Tensor  # [size] -> its place in that window


def _fits(space: Window, axis: int, cut: Cut, exporting: bool) -> Any:
    """Whether this axis does not shift because the map is small (bool, or a 0-d tensor)."""
    if cut.small_map == "pad":
        return torch.tensor(False) if exporting else False
    sizes = range(len(space)) if cut.small_map == "shrink_block" else [axis]
    if not exporting:
        return any(space[i] <= cut.window[i] for i in sizes)
    small = [torch.full((), space[i]) <= cut.window[i] for i in sizes]
    return torch.stack(small).any()


def _axis(size: Any, axis: int, cut: Cut, fits: Any, device: torch.device, spare: bool) -> _Axis:
    window, shift = cut.window[axis], cut.shift[axis]
    symbolic = isinstance(fits, Tensor)
    if symbolic:  # arithmetic, not a branch
        fits = fits.to(device)
        shift = shift * (~fits).to(torch.int64)
    elif fits:
        shift = 0
    padded = (size + window - 1) // window * window
    # a maximum, not a sum: torch then sees that count is positive and count * window a multiple of it, and asks for
    # no guard
    count = torch.sym_max((size + 2 * window - 1) // window, 1) if spare else padded // window
    t = torch.arange(count, device=device)[:, None] * window + torch.arange(window, device=device)
    u = t + shift
    u = u - (u >= padded) * padded
    inside_grid = t < padded
    real = (u < size) & inside_grid
    if cut.pad_tokens == "mask":
        key = real
    elif cut.small_map in ("pad", "pad_still"):
        key = inside_grid
    elif symbolic:  # this axis alone: shrink_block stops the shift of all axes, but not their padding
        key = real | (inside_grid & (torch.full((), size, device=device) > window))
    else:
        key = real if size <= window else inside_grid
    piece = (t >= padded - window).to(torch.int64) + (t >= padded - shift).to(torch.int64)
    cell = torch.arange(size, device=device) - shift
    cell = cell + (cell < 0) * padded
    number = cell // window
    return _Axis(count, torch.where(real, u, 0), real, key, piece, number, cell - number * window)


def _outer(vectors: list[Tensor], strides: list[Any], fastest: str) -> Tensor:
    """Sum over axes of stride * vector[count window], flattened with the windows outermost."""
    rank = len(vectors)
    total: Tensor | None = None
    for axis, (vector, stride) in enumerate(zip(vectors, strides, strict=True)):
        shape = [1] * (2 * rank)
        shape[axis], shape[rank + axis if fastest == "last" else 2 * rank - 1 - axis] = vector.shape
        term = vector.to(torch.int64).reshape(shape) * stride
        total = term if total is None else total + term
    assert total is not None
    return total.reshape(-1)


def _along(vector: Tensor, axis: int, rank: int) -> Tensor:
    return vector.reshape([-1 if i == axis else 1 for i in range(rank)])
