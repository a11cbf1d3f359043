"""The configuration of a Swin Transformer, found from its tensors under our names."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from swinkit.backbone.config import Patches, SwinConfig, Version
from swinkit.files import CheckpointError
from swinkit.types import Window
from swinkit.weights.layout import Layout

State = Mapping[str, Tensor]
Named = Mapping[str, Any]
"""Anything by our names."""


@dataclass(slots=True)
class Hints:
    """What weights alone do not say, by stage: from buffers, or from the caller."""

    windows: dict[int, Window] = field(default_factory=dict)
    bias_windows: dict[int, Window] = field(default_factory=dict)
    size: Window | None = None
    """Input cells along each axis."""


def depths_of(state: Named) -> tuple[int, ...]:
    """Blocks of every stage; CheckpointError where a number is missing."""
    found: dict[int, set[int]] = {}
    for name in state:
        if (place := re.match(r"backbone\.stages\.(\d+)\.blocks\.(\d+)\.", name)) is not None:
            found.setdefault(int(place[1]), set()).add(int(place[2]))
    for stage in range(max(found, default=-1) + 1):
        blocks = found.get(stage, set())
        if blocks != set(range(len(blocks))) or not blocks:
            raise CheckpointError(f"stage {stage} has only the blocks {sorted(blocks)}: get the whole file")
    return tuple(len(found[stage]) for stage in sorted(found))


def version_of(state: Named) -> Version:
    """V2 has a scale for every head."""
    return "v2" if any(name.endswith(".attention.log_scale") for name in state) else "v1"


def rank_of(state: State) -> int:
    """Axes of the grid, by the stem's filters; CheckpointError where they are no projection of patches."""
    shape = tuple(state["stem.projection.weight"].shape)
    if not 3 <= len(shape) <= 5:
        raise CheckpointError(f"stem.projection.weight of shape {shape} is no projection of patches")
    return len(shape) - 2


def names_of(state: Named) -> set[str]:
    """Every name that a backbone of these stages and blocks has, except its merging and its norms of outputs."""
    attention = {
        "v1": ("qkv.weight", "qkv.bias", "bias.table"),
        "v2": ("qkv.weight", "query_bias", "value_bias", "log_scale", "bias.mlp.0.weight", "bias.mlp.0.bias",
               "bias.mlp.2.weight"),
    }[version_of(state)]  # fmt: skip
    parts = [f"attention.{name}" for name in (*attention, "projection.weight", "projection.bias")]
    parts += [f"{part}.{p}" for part in ("norm1", "norm2", "mlp.fc1", "mlp.fc2") for p in ("weight", "bias")]
    stem = {f"stem.{part}.{p}" for part in ("projection", *_stem_norm(state)) for p in ("weight", "bias")}
    depths = depths_of(state)
    blocks = [f"backbone.stages.{s}.blocks.{b}." for s, depth in enumerate(depths) for b in range(depth)]
    return stem | {block + part for block in blocks for part in parts}


def _stem_norm(state: Named) -> tuple[str, ...]:
    """Some sources leave the norm after the patches out (`patch_norm=False`); half of one is still an error."""
    return ("norm",) if any(name.startswith("stem.norm.") for name in state) else ()


def infer(state: State, layout: Layout, hints: Hints) -> SwinConfig:
    """The configuration. CheckpointError where tensors are missing or contradict each other, or no window is known."""
    depths = depths_of(state)
    missing = sorted(names_of(state) - set(state))
    if missing:
        raise CheckpointError(f"{missing[0]} and {len(missing) - 1} others are missing: the file is not whole")
    stem, rank, version = state["stem.projection.weight"], rank_of(state), version_of(state)
    heads = tuple(_heads(state, s, version) for s in range(len(depths)))
    merges = merges_of(state)
    windows = tuple(_window(state, s, version, rank, hints) for s in range(len(depths)))
    usual = ((1,) * rank, *[(2,) * rank] * (len(depths) - 1))
    bias = tuple(hints.bias_windows.get(s, window) for s, window in enumerate(windows))
    try:
        config = SwinConfig(
            stem=Patches(size=tuple(stem.shape[2:]), channels=stem.shape[1], norm=bool(_stem_norm(state))),
            version=version,
            width=stem.shape[0],
            depths=depths,
            heads=heads,
            window=one_row(windows),
            bias_window=None if version == "v1" or bias == windows else one_row(bias),
            merge=None if merges == usual else merges,
            mlp_ratio=_ratio(state, stem.shape[0]),
            small_map=layout.small_map,
            pad_tokens=layout.pad_tokens,
        )
    except ValueError as error:
        raise CheckpointError(f"the tensors do not make a Swin Transformer: {error}") from error
    _check_shapes(state, config)
    return config


def one_row(rows: tuple[Window, ...]) -> tuple[Window, ...]:
    """The shortest way to write rows of a configuration: one where all are alike."""
    return rows[:1] if len(set(rows)) == 1 else rows


def merges_of(state: State) -> tuple[Window, ...]:
    """The factors of merging before every stage, by how many neighbours its reduction joins."""
    return tuple(_merge(state, stage, rank_of(state)) for stage in range(len(depths_of(state))))


def _heads(state: State, stage: int, version: Version) -> int:
    attention = f"backbone.stages.{stage}.blocks.0.attention."
    return state[f"{attention}bias.table"].shape[1] if version == "v1" else state[f"{attention}log_scale"].shape[0]


def _merge(state: State, stage: int, rank: int) -> Window:
    name = f"backbone.stages.{stage}.merging.reduction.weight"
    if name not in state:
        return (1,) * rank
    before = state[f"backbone.stages.{stage - 1}.blocks.0.norm1.weight" if stage else "stem.projection.weight"].shape[0]
    joined = state[name].shape[1] // before
    if joined == 2**rank:
        return (2,) * rank
    if rank == 3 and joined == 4:
        return (1, 2, 2)
    raise CheckpointError(f"{name} joins {joined} neighbours of a grid with {rank} axes: no known merging does")


def _window(state: State, stage: int, version: Version, rank: int, hints: Hints) -> Window:
    if stage in hints.windows:
        return hints.windows[stage]
    if version == "v2":
        raise CheckpointError(
            "a Swin V2 file without buffers does not say which windows it was trained with: give window= for every "
            "stage, or one window= and the input size=, since small maps cut it (say window=16, size=256)"
        )
    rows = state[f"backbone.stages.{stage}.blocks.0.attention.bias.table"].shape[0]
    side = round(rows ** (1 / rank))
    if side**rank != rows or side % 2 == 0:
        raise CheckpointError(
            f"the bias table of stage {stage} has {rows} rows, as no window with equal sides: give window="
        )
    return ((side + 1) // 2,) * rank


def _ratio(state: State, width: int) -> float:
    ratio = state["backbone.stages.0.blocks.0.mlp.fc1.weight"].shape[0] / width
    return float(round(ratio)) if abs(ratio - round(ratio)) < 1e-6 else ratio


def _check_shapes(state: State, config: SwinConfig) -> None:
    """The shapes that a table of the configuration would have; the first that differs is the error."""
    for stage, (channels, heads) in enumerate(zip(config.channels, config.heads, strict=True)):
        hidden = int(channels * config.mlp_ratio)
        rows = math.prod(2 * w - 1 for w in config.windows[stage])
        shapes: dict[str, tuple[int, ...]] = {
            "norm1.weight": (channels,), "norm2.weight": (channels,), "mlp.fc1.weight": (hidden, channels),
            "mlp.fc2.weight": (channels, hidden), "attention.qkv.weight": (3 * channels, channels),
            "attention.projection.weight": (channels, channels), "attention.bias.table": (rows, heads),
            "attention.log_scale": (heads, 1, 1), "attention.bias.mlp.0.weight": (512, config.rank),
            "attention.bias.mlp.2.weight": (heads, 512),
        }  # fmt: skip
        for block in range(config.depths[stage]):
            for part, wanted in shapes.items():
                name = f"backbone.stages.{stage}.blocks.{block}.{part}"
                if name in state and tuple(state[name].shape) != wanted:
                    raise CheckpointError(
                        f"{name} has the shape {tuple(state[name].shape)} where the other tensors call for {wanted}: "
                        "the file is of another architecture, or window= is wrong"
                    )


def windows_from(window: Any, stages: int, rank: int, what: str) -> tuple[dict[int, Window], bool]:
    """A caller's window for every stage, and whether one was given for all.

    It may be a number, a size an axis, or a sequence with one of these for every stage.
    """
    wanted = f"give a number, {rank} sizes, or a sequence with one of these for each of {stages} stages"

    def one(value: Any) -> Window:
        sizes = (value,) * rank if isinstance(value, int) else tuple(value)
        if len(sizes) != rank or not all(isinstance(w, int) and w > 0 for w in sizes):
            raise CheckpointError(f"{what}={window!r}: {wanted}")
        return sizes

    if window is None:
        return {}, False
    if isinstance(window, int) or (len(window) == rank and all(isinstance(w, int) for w in window)):
        return dict.fromkeys(range(stages), one(window)), True
    if len(window) != stages:
        raise CheckpointError(f"{what}={window!r}: {wanted}")
    return {stage: one(value) for stage, value in enumerate(window)}, False
