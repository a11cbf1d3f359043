"""From a foreign layout to our names and our configuration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from swinkit.backbone.config import SwinConfig
from swinkit.files import CheckpointError
from swinkit.types import Window
from swinkit.weights import buffers
from swinkit.weights.infer import Hints, infer, merges_of, rank_of, version_of, windows_from
from swinkit.weights.layout import Layout
from swinkit.weights.layouts import ordered
from swinkit.weights.origin import Origin, Weights
from swinkit.weights.parts import gather
from swinkit.weights.recognise import Match, choose, unwrap
from swinkit.weights.writing import rebuilt, spaces_of, strides_of


def recognise(tree: Mapping[str, Any], *, part: str | None = None, order: str | None = None) -> Layout:
    """The layout of a checkpoint, from its keys. CheckpointError where none fits, with the nearest and what differs."""
    return choose(unwrap(tree, part)[0], ordered(order)).layout


def read(
    tree: Mapping[str, Any],
    *,
    window: Any = None,
    bias_window: Any = None,
    size: int | Window | None = None,
    part: str | None = None,
    order: str | None = None,
) -> Weights:
    """Turn a checkpoint of any known layout into ours; the configuration is found from the tensors.

    Args:
        tree: what `read_tensors` or `torch.load` gave: tensors by name, with or without wrappers such as `model`.
        window: only where the file cannot say: Swin V2 without buffers, or V1 windows with unequal sides. One number,
            one size an axis, or a sequence with one of these for every stage.
        bias_window: likewise, for every stage, the windows that Swin V2 was first trained with, where they were others.
        size: input cells along each axis (or one number); cuts `window` to the maps of the later stages, as sources do.
        part: the entry to take of a checkpoint that holds several, say `ema`.
        order: of merged neighbours, only where names cannot say and it is not the source's present one:
            `monai_mergingv2` for volumes of MONAI's SwinUNETR with merging='mergingv2'.

    Raises:
        CheckpointError: no layout fits, tensors are missing or contradict each other, or a window must be given.
    """
    state, prefix = unwrap(tree, part)
    found = choose(state, ordered(order))
    ours, kept = gather(state, found.moves)
    rank = rank_of(ours)
    hints = _told_by_buffers(state, found, ours, (size,) * rank if isinstance(size, int) else size)
    _told_by_caller(hints, ours, window, bias_window)
    config = infer(ours, found.layout, hints)
    kinds, odd = _check_buffers(state, found, config, hints.size)
    return Weights(
        config=config,
        state=ours,
        leftovers={name: state[name] for name in found.leftovers} | kept | odd,
        origin=Origin(layout=found.layout.name, size=hints.size, buffers=kinds, prefix=prefix, place=found.prefix),
    )


def _told_by_buffers(
    state: Mapping[str, Tensor], found: Match, ours: Mapping[str, Tensor], size: Window | None
) -> Hints:
    """Windows, as any kind of buffer tells them, and the input size of the shift masks."""
    hints, patch = Hints(size=size), tuple(ours["stem.projection.weight"].shape[2:])
    masks: dict[int, Tensor] = {}
    for name, place in found.buffers.items():
        kind, stage = place.split(".")[0], int(place.split(".")[1])
        if kind == "coordinates":
            hints.windows[stage], hints.bias_windows[stage] = buffers.windows_of_coordinates(state[name])
        elif kind in ("index", "flat_index") and stage not in hints.windows:
            told = buffers.window_of_index(_square(state[name]), len(patch))
            hints.windows |= {} if told is None else {stage: told}
        elif kind == "mask":
            masks.setdefault(stage, state[name])
    merges = merges_of(ours)
    _told_by_masks(hints, masks, strides_of(patch, merges), found.layout.small_map)
    if masks and hints.size is not None:  # a stage without mask or other buffer has one window, cut to its map
        for stage, space in enumerate(spaces_of(hints.size, patch, merges)):
            before = hints.windows.get(stage - 1)
            if stage not in hints.windows and before is not None:
                hints.windows[stage] = _cut(before, space)
    return hints


def _told_by_masks(hints: Hints, masks: Mapping[int, Tensor], strides: Sequence[Window], small_map: str) -> None:
    for stage, value in sorted(masks.items()):
        window = hints.windows.get(stage) or buffers.window_of_mask(value, len(strides[stage]), small_map)
        if window is None:
            continue
        hints.windows[stage] = window
        space = buffers.space_of_mask(value, window, small_map)
        if hints.size is None and space is not None:
            hints.size = tuple(s * stride for s, stride in zip(space, strides[stage], strict=True))


def _told_by_caller(hints: Hints, ours: Mapping[str, Tensor], window: Any, bias_window: Any) -> None:
    """What the caller says wins; `infer` finds out whether the tensors agree."""
    patch = tuple(ours["stem.projection.weight"].shape[2:])
    merges = merges_of(ours)
    stages = len(merges)
    given, one = windows_from(window, stages, len(patch), "window")
    if one and hints.size is not None:
        # a table tells; without one, maps are rounded down, as transformers' and timm's classes of V2 cut windows
        down = [
            tuple(max(n // k, 1) for n, k in zip(hints.size, row, strict=True)) for row in strides_of(patch, merges)
        ]
        up = spaces_of(hints.size, patch, merges)
        for stage, row in given.items():
            candidates = (row, _cut(row, up[stage]), _cut(row, down[stage]))
            given[stage] = next((c for c in candidates if _has_table(ours, stage, c)), candidates[-1])
    elif one and stages > 1 and version_of(ours) == "v2":
        given = {}  # one window would do for the last stages only if their maps are as large: `infer` asks for more
    trained, one = windows_from(bias_window, stages, len(patch), "bias_window")
    if one and stages > 1:
        raise CheckpointError(f"bias_window={bias_window!r}: give {stages}, one a stage, say (12, 12, 12, 6)")
    hints.windows |= given
    hints.bias_windows |= trained


def _cut(window: Window, space: Window) -> Window:
    return tuple(min(w, s) for w, s in zip(window, space, strict=True))


def _has_table(ours: Mapping[str, Tensor], stage: int, window: Window) -> bool:
    """Whether the stage has a bias table, and for this window."""
    table = ours.get(f"backbone.stages.{stage}.blocks.0.attention.bias.table")
    return table is not None and len(table) == math.prod(2 * w - 1 for w in window)


def _check_buffers(
    state: Mapping[str, Tensor], found: Match, config: SwinConfig, size: Window | None
) -> tuple[tuple[tuple[str, str], ...], dict[str, Tensor]]:
    """The kinds of buffer to build again, and those that must be kept because building gives other bits.

    CheckpointError where a buffer means something else than the configuration does: the weights were trained with other
    offsets or other windows, and outputs would change silently.
    """
    groups: dict[str, dict[str, Tensor]] = {}
    for name, place in found.buffers.items():
        groups.setdefault(place.partition(".")[0], {})[name] = state[name]
    kinds: list[tuple[str, str]] = []
    odd: dict[str, Tensor] = {}
    for kind, group in groups.items():
        number = str(next(iter(group.values())).dtype).removeprefix("torch.")
        built = _rebuilt(found, config, {kind: number}, size)
        if set(built) == set(group) and all(_same_bits(built[name], value) for name, value in group.items()):
            kinds.append((kind, number))
            continue
        for name, value in group.items():
            if name not in built or not _close(built[name], value):
                raise CheckpointError(
                    f"{name} is not what the other tensors imply: the weights were made with other offsets or windows; "
                    "give window= as it was in training, or remove this tensor from the file if it does not matter"
                )
        odd |= group
    return tuple(kinds), odd


def _rebuilt(found: Match, config: SwinConfig, kinds: Mapping[str, str], size: Window | None) -> dict[str, Tensor]:
    return {} if "mask" in kinds and size is None else rebuilt(found.layout, config, kinds, size, found.prefix)


def _square(value: Tensor) -> Tensor:
    """An index in one line as the square that it is, where it is one."""
    side = math.isqrt(value.numel())
    return value.reshape(side, side) if value.ndim == 1 and side**2 == value.numel() else value


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(one, other) or bool(((one == other) | (one.isnan() & other.isnan())).all())


def _close(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    return torch.allclose(one.double(), other.double(), rtol=1e-2, atol=1e-3, equal_nan=True)
