"""Every size that has a name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from swinkit.backbone.config import Convolutions, Patches, SwinConfig
from swinkit.types import Window


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


def _small(rank: int, *, depths: tuple[int, ...], windows: tuple[int, ...], channels: int) -> SwinConfig:
    """Ours, for small data and processors: an overlapping stem, windows that fit small maps, positions by convolution,
    an early start."""
    heads = tuple(2 * 2**i for i in range(len(depths)))
    stem = Convolutions(size=(4,) * rank, channels=channels)
    window = tuple((w,) * rank for w in windows)
    return SwinConfig(
        stem=stem, width=64, depths=depths, heads=heads, window=window, conditional_position=True, init_std=None
    )


def _unetr(width: int) -> SwinConfig:
    """The encoder of Swin UNETR (Hatamizadeh et al. 2022): its last stage is a merging alone."""
    stem = Patches(size=(2, 2, 2), channels=1, norm=False)
    return SwinConfig(
        stem=stem,
        width=width,
        depths=(2, 2, 2, 2, 0),
        heads=(3, 6, 12, 24, 24),
        window=((7, 7, 7),),
        features="merging",
    )


def _timm(name: str, window: int | str, input: int | str, *tags: str) -> tuple[str, ...]:
    """timm's names with and without a tag, and the hub's."""
    plain = f"{name}_window{window}_{input}"
    hub = plain if "_patch4" in plain else plain.replace("_window", "_patch4_window")
    return (plain, *(f"{plain}.{tag}" for tag in tags), f"microsoft/{hub.replace('_', '-')}")


SIZES: dict[str, Size] = {
    "swin_nano": Size(config=_small(2, depths=(2, 2, 2), windows=(8, 8, 4), channels=3), input=(64, 64)),
    "swin_micro": Size(config=_small(2, depths=(2, 2, 4, 2), windows=(8,), channels=3), input=(224, 224)),
    "swin_nano_1d": Size(config=_small(1, depths=(2, 2, 2), windows=(32, 32, 16), channels=1), input=(256,)),
    "swin_micro_1d": Size(config=_small(1, depths=(2, 2, 4, 2), windows=(32,), channels=1), input=(1024,)),
    "swin_nano_3d": Size(config=_small(3, depths=(2, 2, 2), windows=(4, 4, 2), channels=1), input=(32, 32, 32)),
    "swin_micro_3d": Size(config=_small(3, depths=(2, 2, 4, 2), windows=(4,), channels=1), input=(96, 96, 96)),
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
    "swin_unetr_f12": Size(config=_unetr(12), input=(96, 96, 96), classes=14),
    "swin_unetr_f24": Size(config=_unetr(24), input=(96, 96, 96), classes=14),
    "swin_unetr": Size(config=_unetr(48), input=(96, 96, 96), classes=14, aliases=("swin_unetr_f48",)),
}  # fmt: skip

ALIASES: dict[str, str] = {alias: name for name, size in SIZES.items() for alias in size.aliases}
