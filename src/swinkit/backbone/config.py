"""What a Swin Transformer is made of, as plain values, and every size that has a name."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from swinkit.ops.windows import PadTokens, SmallMap
from swinkit.types import Window

Version = Literal["v1", "v2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """Stem: a linear projection of every patch, as published."""

    size: Window = (4, 4)
    channels: int = 3
    kind: Literal["patches"] = "patches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolutions:
    """Stem: three overlapping convolutions of total stride `size` (a power of two up to 8 an axis); learns faster on small data."""

    size: Window = (4, 4)
    channels: int = 3
    kind: Literal["convolutions"] = "convolutions"

    def __post_init__(self) -> None:
        if any(s not in (1, 2, 4, 8) for s in self.size):
            raise ValueError(f"convolutions of stride {self.size}: give 1, 2, 4 or 8 per axis")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Stem: a table of token vectors, for grids of token ids."""

    vocabulary: int
    kind: Literal["tokens"] = "tokens"

    @property
    def size(self) -> Window:
        """One token a cell."""
        return (1,)

    @property
    def channels(self) -> int:
        """Token ids come as one channel."""
        return 1


Stem = Patches | Convolutions | Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class SwinConfig:
    """A Swin Transformer of any rank; the rank is the length of the window."""

    stem: Stem = Patches()
    version: Version = "v1"
    """Row of `backbone.rules.RULES`."""
    width: int = 96
    """Channels of the first stage; a stage that merges has twice the channels of the one before."""
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    window: tuple[Window, ...] = ((7, 7),)
    """One window for all stages, or one a stage."""
    bias_window: tuple[Window, ...] | None = None
    """V2: the windows that log offsets are normalised by, where the weights were trained with others."""
    merge: tuple[Window, ...] | None = None
    """Merging before each stage, a factor an axis (1 = keep); by default none before the first and 2 on every axis after."""
    mlp_ratio: float = 4.0
    drop_path: float = 0.0
    """Stochastic depth of the last block; earlier blocks grow linearly from 0."""
    small_map: SmallMap = "shrink"
    """An axis that fits in one window: `shrink` does not shift it and masks its padding; `shrink_block` then shifts no axis
    (classification code of Microsoft and transformers); `pad` shifts all the same (dense code)."""
    pad_tokens: PadTokens = "mask"
    """Padding is no key (`mask`), or is one as in published dense code (`attend`)."""

    def __post_init__(self) -> None:
        stages, rank = len(self.depths), len(self.window[0]) if self.window else 0
        if stages == 0 or len(self.heads) != stages:
            raise ValueError(f"depths {self.depths} and heads {self.heads} differ in length: give one of each per stage")
        for name in ("window", "bias_window", "merge"):
            rows: tuple[Window, ...] | None = getattr(self, name)
            if rows is None:
                continue
            if len(rows) not in ((stages,) if name == "merge" else (1, stages)):
                raise ValueError(f"{name} {rows} has {len(rows)} rows for {stages} stages: give one a stage")
            if any(len(row) != rank or any(w < 1 for w in row) for row in rows):
                raise ValueError(f"{name} {rows}: every row needs {rank} sizes of at least 1, one per axis")
        if not 1 <= rank <= 3:
            raise ValueError(f"window {self.window} has rank {rank}: rank 1, 2 and 3 exist")
        if len(self.stem.size) != rank:
            raise ValueError(f"stem {self.stem} has {len(self.stem.size)} axes, window {self.window} has {rank}")
        if any(c % h for c, h in zip(self.channels, self.heads, strict=True)):
            raise ValueError(f"channels {self.channels} cannot be split among heads {self.heads}: change width or heads")
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path {self.drop_path} is not in [0, 1)")
        for name, known in (("version", ("v1", "v2")), ("small_map", ("shrink", "shrink_block", "pad")),
                            ("pad_tokens", ("mask", "attend"))):  # fmt: skip
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A named size: the backbone, the input that its published figures are for, and its published number of classes."""

    config: SwinConfig
    input: Window
    classes: int = 1000
    aliases: tuple[str, ...] = ()


def _square(*windows: int) -> tuple[Window, ...]:
    return tuple((w, w) for w in windows)


_T = SwinConfig(drop_path=0.2)
_S = replace(_T, depths=(2, 2, 18, 2), drop_path=0.3)
_B = replace(_S, width=128, heads=(4, 8, 16, 32), drop_path=0.5)
_L = replace(_B, width=192, heads=(6, 12, 24, 48), drop_path=0.2)


def _v2(config: SwinConfig, *windows: int, trained: tuple[int, ...] | None = None) -> SwinConfig:
    bias = None if trained is None else _square(*trained)
    return replace(config, version="v2", window=_square(*windows), bias_window=bias)


def _video(config: SwinConfig, window: Window = (8, 7, 7)) -> SwinConfig:
    merge = ((1, 1, 1), *[(1, 2, 2)] * 3)
    return replace(config, stem=Patches(size=(2, 4, 4)), window=(window,), merge=merge, drop_path=config.drop_path / 2)


def _small(rank: int, *, width: int, depths: tuple[int, ...], stride: int, channels: int) -> SwinConfig:
    """Ours, for small data and processors: an overlapping stem, and windows that fit small maps."""
    window = {1: (16,), 2: (8, 8), 3: (4, 4, 4)}[rank]
    heads = tuple(max(1, width * 2**i // 24) for i in range(len(depths)))
    stem = Convolutions(size=(stride,) * rank, channels=channels)
    return SwinConfig(stem=stem, width=width, depths=depths, heads=heads, window=(window,), drop_path=0.05)


def _timm(name: str, window: int | str, input: int | str, *tags: str) -> tuple[str, ...]:
    """timm's names with and without a tag, and the hub's."""
    plain = f"{name}_window{window}_{input}"
    hub = plain if "_patch4" in plain else plain.replace("_window", "_patch4_window")
    return (plain, *(f"{plain}.{tag}" for tag in tags), f"microsoft/{hub.replace('_', '-')}")


SIZES: dict[str, Size] = {
    "swin_nano": Size(config=_small(2, width=48, depths=(2, 2, 4), stride=2, channels=3), input=(64, 64)),
    "swin_micro": Size(config=_small(2, width=48, depths=(2, 2, 6, 2), stride=4, channels=3), input=(224, 224)),
    "swin_nano_1d": Size(config=_small(1, width=48, depths=(2, 2, 4), stride=2, channels=1), input=(256,)),
    "swin_micro_1d": Size(config=_small(1, width=48, depths=(2, 2, 6, 2), stride=4, channels=1), input=(1024,)),
    "swin_nano_3d": Size(config=_small(3, width=48, depths=(2, 2, 4), stride=2, channels=1), input=(32, 32, 32)),
    "swin_micro_3d": Size(config=_small(3, width=48, depths=(2, 2, 6, 2), stride=4, channels=1), input=(96, 96, 96)),
    "swin_t": Size(config=_T, input=(224, 224), aliases=_timm("swin_tiny_patch4", 7, 224, "ms_in1k", "ms_in22k")),
    "swin_s": Size(config=_S, input=(224, 224), aliases=_timm("swin_small_patch4", 7, 224, "ms_in1k", "ms_in22k")),
    "swin_b": Size(config=_B, input=(224, 224), aliases=_timm("swin_base_patch4", 7, 224, "ms_in1k", "ms_in22k")),
    "swin_b_384": Size(config=replace(_B, window=_square(12)), input=(384, 384),
                       aliases=_timm("swin_base_patch4", 12, 384, "ms_in1k", "ms_in22k")),
    "swin_l": Size(config=_L, input=(224, 224), aliases=_timm("swin_large_patch4", 7, 224, "ms_in22k")),
    "swin_l_384": Size(config=replace(_L, window=_square(12)), input=(384, 384),
                       aliases=_timm("swin_large_patch4", 12, 384, "ms_in22k")),
    "swin_v2_t": Size(config=_v2(_T, 8), input=(256, 256), aliases=_timm("swinv2_tiny", 8, 256, "ms_in1k")),
    "swin_v2_t_w16": Size(config=_v2(_T, 16, 16, 16, 8), input=(256, 256),
                          aliases=_timm("swinv2_tiny", 16, 256, "ms_in1k")),
    "swin_v2_s": Size(config=_v2(_S, 8), input=(256, 256), aliases=_timm("swinv2_small", 8, 256, "ms_in1k")),
    "swin_v2_s_w16": Size(config=_v2(_S, 16, 16, 16, 8), input=(256, 256),
                          aliases=_timm("swinv2_small", 16, 256, "ms_in1k")),
    "swin_v2_b": Size(config=_v2(_B, 8), input=(256, 256), aliases=_timm("swinv2_base", 8, 256, "ms_in1k")),
    "swin_v2_b_w16": Size(config=_v2(_B, 16, 16, 16, 8), input=(256, 256),
                          aliases=_timm("swinv2_base", 16, 256, "ms_in1k")),
    "swin_v2_b_w12_192": Size(config=_v2(_B, 12, 12, 12, 6), input=(192, 192),
                              aliases=_timm("swinv2_base", 12, 192, "ms_in22k")),
    "swin_v2_b_w24_384": Size(config=_v2(_B, 24, 24, 24, 12, trained=(12, 12, 12, 6)), input=(384, 384),
                              aliases=_timm("swinv2_base", "12to24", "192to384")),
    "swin_v2_l_w12_192": Size(config=_v2(_L, 12, 12, 12, 6), input=(192, 192),
                              aliases=_timm("swinv2_large", 12, 192, "ms_in22k")),
    "swin_v2_l_w16": Size(config=_v2(_L, 16, 16, 16, 8, trained=(12, 12, 12, 6)), input=(256, 256),
                          aliases=_timm("swinv2_large", "12to16", "192to256")),
    "swin_v2_l_w24_384": Size(config=_v2(_L, 24, 24, 24, 12, trained=(12, 12, 12, 6)), input=(384, 384),
                              aliases=_timm("swinv2_large", "12to24", "192to384")),
    "video_swin_t": Size(config=_video(_T), input=(32, 224, 224), classes=400, aliases=("swin3d_t",)),
    "video_swin_s": Size(config=_video(_S), input=(32, 224, 224), classes=400, aliases=("swin3d_s",)),
    "video_swin_b": Size(config=_video(_B), input=(32, 224, 224), classes=400, aliases=("swin3d_b",)),
    "video_swin_l": Size(config=_video(_L), input=(32, 224, 224), classes=400),
    "video_swin_l_384": Size(config=_video(_L, (8, 12, 12)), input=(32, 384, 384), classes=400),
}  # fmt: skip

ALIASES: dict[str, str] = {alias: name for name, size in SIZES.items() for alias in size.aliases}
