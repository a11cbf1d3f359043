"""What a Swin Transformer is made of, as plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from swinkit.ops.windows import PadTokens, SmallMap
from swinkit.types import Window

Version = Literal["v1", "v2"]
Mixing = Literal["shifted", "cross_block"]
Features = Literal["blocks", "merging"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """Stem: a linear projection of every patch, as published."""

    size: Window = (4, 4)
    channels: int = 3
    norm: bool = True
    """Whether tokens are normalised after the projection; Swin UNETR's are not."""
    kind: Literal["patches"] = "patches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolutions:
    """Stem: three overlapping convolutions of total stride `size` (a power of two up to 8 an axis); learns faster on
    small data."""

    size: Window = (4, 4)
    channels: int = 3
    kind: Literal["convolutions"] = "convolutions"

    def __post_init__(self) -> None:
        if any(s not in (1, 2, 4, 8) for s in self.size):
            raise ValueError(f"convolutions of stride {self.size}: give 1, 2, 4 or 8 per axis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Stem: a table of token vectors, for grids of token ids.

    With several `channels` a cell holds as many ids (a word and parts of it, say), whose vectors are added as fastText
    does (Bojanowski et al. 2017); there 0 is no id.
    """

    vocabulary: int
    channels: int = 1
    std: float = 0.02
    """Deviation of fresh vectors: the larger, the slower they change."""
    dropout: float = 0.0
    """Training: this share of the numbers of every normalised token is zeroed."""
    kind: Literal["tokens"] = "tokens"

    def __post_init__(self) -> None:
        if self.vocabulary < 1 or self.channels < 1 or self.std <= 0 or not 0 <= self.dropout < 1:
            raise ValueError(f"{self}: give positive numbers, and a dropout of 0 to below 1")

    @property
    def size(self) -> Window:
        """One token a cell."""
        return (1,)


Stem = Patches | Convolutions | Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class SwinConfig:
    """A Swin Transformer of any rank; the rank is the length of the window."""

    stem: Stem = Patches()
    version: Version = "v1"
    """Row of `backbone.rules.RULES`."""
    mixing: Mixing = "shifted"
    """How information crosses windows: `shifted` as published, or `cross_block` through a marker a window."""
    width: int = 96
    """Channels of the first stage; a stage that merges has twice the channels of the one before."""
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    window: tuple[Window, ...] = ((7, 7),)
    """One window for all stages, or one a stage."""
    bias_window: tuple[Window, ...] | None = None
    """V2: the windows that log offsets are normalised by, where the weights were trained with others."""
    merge: tuple[Window, ...] | None = None
    """Merging before each stage, a factor an axis (1 = keep); by default none before the first and 2 on every axis
    after."""
    features: Features = "blocks"
    """Where the features of a stage are taken: after its `blocks`, as published, or as they are after its `merging`,
    normalised without weights (Swin UNETR)."""
    conditional_position: bool = False
    """Every block opens with a depthwise convolution (Chu et al. 2021), with which small models learn textures and
    places much sooner; published weights have none."""
    position_width: int = 3
    """Cells under that convolution along every axis, an odd number; speech wants more (Gulati et al. 2020)."""
    mlp_ratio: float = 4.0
    drop_path: float = 0.0
    """Stochastic depth of the last block; earlier blocks grow linearly from 0."""
    init_std: float | None = 0.02
    """Deviation of fresh linear weights, as published; None takes sqrt(0.4 / inputs) (Nguyen and Salazar 2019), with
    which narrow
    models start to learn much sooner."""
    small_map: SmallMap = "shrink"
    """An axis that fits in one window: `shrink` does not shift it and masks its padding; `shrink_block` then shifts
    no axis (classification code of Microsoft and transformers); `pad_still` does not shift it, but its padding is what
    `pad_tokens` says, as on large maps (torchvision); `pad` shifts all the same (dense code)."""
    pad_tokens: PadTokens = "mask"
    """Padding is no key (`mask`), or is one as in published dense code (`attend`)."""

    def __post_init__(self) -> None:
        stages = len(self.depths)
        if stages == 0 or len(self.heads) != stages:
            raise ValueError(
                f"depths {self.depths} and heads {self.heads} differ in length: give one of each per stage"
            )
        _check_rows(self, stages)
        if any(c % h for c, h in zip(self.channels, self.heads, strict=True)):
            raise ValueError(
                f"channels {self.channels} cannot be split among heads {self.heads}: change width or heads"
            )
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path {self.drop_path} is not in [0, 1)")
        if self.position_width < 1 or self.position_width % 2 == 0:
            raise ValueError(f"position_width {self.position_width}: give an odd number from 1")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r} does not exist: there are {', '.join(known)}")

    @property
    def rank(self) -> int:
        """Number of axes of the grid."""
        return len(self.window[0])

    @property
    def windows(self) -> tuple[Window, ...]:
        """The window of every stage."""
        return self.window if len(self.window) == len(self.depths) else self.window * len(self.depths)

    @property
    def bias_windows(self) -> tuple[Window, ...]:
        """The window that V2's log offsets are normalised by, every stage."""
        rows = self.bias_window or self.windows
        return rows if len(rows) == len(self.depths) else rows * len(self.depths)

    @property
    def merges(self) -> tuple[Window, ...]:
        """The factors of merging before every stage."""
        if self.merge is not None:
            return self.merge
        return ((1,) * self.rank, *[(2,) * self.rank] * (len(self.depths) - 1))

    @property
    def channels(self) -> tuple[int, ...]:
        """The width of every stage."""
        widths: list[int] = []
        for factors in self.merges:
            before = widths[-1] if widths else self.width
            widths.append(before * 2 if math.prod(factors) > 1 else before)
        return tuple(widths)

    @property
    def strides(self) -> tuple[Window, ...]:
        """Input cells per token, every stage."""
        stride, rows = self.stem.size, []
        for factors in self.merges:
            stride = tuple(s * f for s, f in zip(stride, factors, strict=True))
            rows.append(stride)
        return tuple(rows)


_CHOICES = {
    "version": get_args(Version),
    "mixing": get_args(Mixing),
    "features": get_args(Features),
    "small_map": get_args(SmallMap),
    "pad_tokens": get_args(PadTokens),
}


def _check_rows(config: SwinConfig, stages: int) -> None:
    """Windows and factors: one row a stage, one size an axis."""
    rank = len(config.window[0]) if config.window else 0
    if not 1 <= rank <= 3:
        raise ValueError(f"window {config.window} has rank {rank}: rank 1, 2 and 3 exist")
    if len(config.stem.size) != rank:
        raise ValueError(f"stem {config.stem} has {len(config.stem.size)} axes, window {config.window} has {rank}")
    for name in ("window", "bias_window", "merge"):
        rows: tuple[Window, ...] | None = getattr(config, name)
        if rows is None:
            continue
        if len(rows) not in ((stages,) if name == "merge" else (1, stages)):
            raise ValueError(f"{name} {rows} has {len(rows)} rows for {stages} stages: give one a stage")
        if any(len(row) != rank or any(w < 1 for w in row) for row in rows):
            raise ValueError(f"{name} {rows}: every row needs {rank} sizes of at least 1, one per axis")
