"""From our names to a foreign layout, with the buffers that its files have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from swinkit.backbone.config import SwinConfig
from swinkit.files import CheckpointError
from swinkit.types import Window
from swinkit.weights import buffers
from swinkit.weights.layout import Layout
from swinkit.weights.layouts import find
from swinkit.weights.names import is_part
from swinkit.weights.origin import Origin
from swinkit.weights.parts import scatter


def write(
    state: Mapping[str, Tensor],
    config: SwinConfig,
    layout: Layout | str,
    *,
    origin: Origin | None = None,
    leftovers: Mapping[str, Tensor] | None = None,
    size: int | Window | None = None,
) -> dict[str, Tensor]:
    """Turn our tensors into a foreign layout.

    With the `origin` and `leftovers` that `read` gave, what is written in their own layout is the same to the bit.

    Args:
        state: a model's state_dict, or `Weights.state`.
        config: of that model.
        layout: one of LAYOUTS, or its name.
        origin: where the weights came from; used where that is the same layout.
        leftovers: tensors to write untouched; used likewise.
        size: input cells along each axis (or one number), for layouts that save shift masks.

    Raises:
        CheckpointError: the layout has no place for such a model or for a tensor, or a size is needed.
    """
    layout = find(layout)
    if config.rank not in layout.ranks or config.version not in layout.written:
        raise CheckpointError(
            f"the {layout.name} layout has no models of rank {config.rank} and version {config.version}: "
            "write the swinkit layout, or another one that has"
        )
    back = origin if origin is not None and origin.layout == layout.name else None
    place = layout.place(config.version) if back is None else back.place
    table, kept = layout.table(len(config.depths), config.version, place), leftovers or {} if back is not None else {}
    written, homeless = scatter(state, table, kept)
    if homeless:
        raise CheckpointError(
            f"the {layout.name} layout has no place for {min(homeless)} ({len(homeless)} such tensors): "
            "write the swinkit layout, or leave them out of the state"
        )
    if back is not None:
        kinds = dict(back.buffers)
    else:
        kinds = {kind: "int64" if "index" in kind else "float32" for kind in layout.written[config.version]}
    size = (size,) * config.rank if isinstance(size, int) else size or (back.size if back is not None else None)
    written |= rebuilt(layout, config, kinds, size, place)
    if back is not None:
        written |= {name: value for name, value in kept.items() if not is_part(name)}
        written = {back.prefix + name: value for name, value in written.items()}
    return written


def rebuilt(
    layout: Layout, config: SwinConfig, kinds: Mapping[str, str], size: Window | None, prefix: str = ""
) -> dict[str, Tensor]:
    """Buffers under the layout's names behind `prefix`; `kinds` maps kinds of buffer to kinds of number."""
    table, built = layout.buffer_table(prefix), dict[str, Tensor]()
    for stage, window in enumerate(config.windows):
        made: dict[str, Tensor | None] = {}
        if "index" in kinds:
            made["index"] = buffers.index(window)
        if "flat_index" in kinds:
            made["flat_index"] = buffers.index(window).flatten()
        if "coordinates" in kinds:
            made["coordinates"] = buffers.coordinates(window, config.bias_windows[stage])
        if "mask" in kinds:
            made["mask"] = _mask(layout, config, stage, size)
        for block in range(config.depths[stage]):
            for kind, value in made.items():
                name = table.theirs(f"{kind}.{stage}.{block}")
                if value is not None and name is not None and (kind != "mask" or block % 2):
                    built[name] = value.to(getattr(torch, kinds[kind])).clone()
    return built


def spaces_of(size: Window, patch: Window, merges: Sequence[Window]) -> list[Window]:
    """The map of every stage, by the factors of merging before it; maps that do not divide are rounded up."""
    spaces, before = list[Window](), tuple(-(-s // p) for s, p in zip(size, patch, strict=True))
    for factors in merges:
        before = tuple(-(-s // f) for s, f in zip(before, factors, strict=True))
        spaces.append(before)
    return spaces


def strides_of(patch: Window, merges: Sequence[Window]) -> list[Window]:
    """Input cells per token of every stage."""
    strides, before = list[Window](), patch
    for factors in merges:
        before = tuple(s * f for s, f in zip(before, factors, strict=True))
        strides.append(before)
    return strides


def _mask(layout: Layout, config: SwinConfig, stage: int, size: Window | None) -> Tensor | None:
    """The mask of a stage's shifted blocks; None where they do not shift, or none is shifted."""
    if config.depths[stage] < 2:
        return None
    if size is None:
        raise CheckpointError(
            f"files of the {layout.name} layout hold shift masks for one input size: give it, say size=224"
        )
    window, space = config.windows[stage], spaces_of(size, config.stem.size, config.merges)[stage]
    shift = buffers.effective_shift(space, window, layout.small_map)
    padded = tuple(-(-s // w) * w for s, w in zip(space, window, strict=True))
    return buffers.mask(padded, window, shift) if any(shift) else None
