"""Weights of fewer axes for a model of more: pictures for video and volumes, signals for pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from swinkit.backbone.config import Patches, SwinConfig
from swinkit.files import CheckpointError
from swinkit.types import Window
from swinkit.weights.origin import Origin, Weights


def inflate(weights: Weights, config: SwinConfig) -> tuple[Weights, dict[str, str]]:
    """The weights with the leading axes that `config` has and they lack, and what was done to each changed tensor.

    A grid that is constant along the new axes then gives what it gave without them, wherever no padding along them may
    be attended to. As Video-Swin inflates (Liu et al. 2021, section 3.3): filters of the stem are repeated and divided
    by their number, a bias table has the same rows for every new offset, merging that joins no cells along the new axes
    is left alone. Two rules of the same kind are added: merging that does join them repeats its norm and divides its
    reduction, and V2's network does not look at new offsets.

    Weights with as many axes as the model come back as they are; other differences are for `fit` to judge.

    Raises:
        CheckpointError: the stem is no projection of patches.
    """
    source = weights.config
    lead = config.rank - source.rank
    if lead <= 0:
        return weights, {}
    if not isinstance(source.stem, Patches):
        raise CheckpointError(
            f"weights of rank {source.rank} with a stem of {source.stem.kind} cannot serve rank {config.rank}: only "
            "projections of patches can be inflated; build a model of the same rank"
        )
    grown = _config(source, config, lead)
    state, done = dict(weights.state), dict[str, str]()
    for name, value in weights.state.items():
        fitted = _grown(name, value, grown, lead)
        if fitted.shape != value.shape:
            state[name], done[name] = fitted, f"rank {source.rank} -> {config.rank}"
    origin = Origin(
        layout=weights.origin.layout, place=weights.origin.place
    )  # buffers and input size were those of the file's own rank
    return Weights(config=grown, state=state, leftovers=weights.leftovers, origin=origin), done


def _config(source: SwinConfig, config: SwinConfig, lead: int) -> SwinConfig:
    """The source's configuration with the new axes as `config` has them."""
    assert isinstance(source.stem, Patches)

    def rows(new: tuple[Window, ...], old: tuple[Window, ...]) -> tuple[Window, ...]:
        """Stages that only one of the two has are left for `fit` to tell."""
        return tuple((*(new[i] if i < len(new) else new[-1])[:lead], *row) for i, row in enumerate(old))

    none = (1,) * config.rank
    merges = rows(config.merges, source.merges)
    return replace(
        source,
        stem=replace(source.stem, size=(*config.stem.size[:lead], *source.stem.size)),
        window=rows(config.windows, source.windows),
        bias_window=rows(config.bias_windows, source.bias_windows) if source.version == "v2" else None,
        merge=tuple(row if any(f > 1 for f in old) else none for row, old in zip(merges, source.merges, strict=True)),
        small_map=config.small_map,
        pad_tokens=config.pad_tokens,
    )


def _grown(name: str, value: Tensor, grown: SwinConfig, lead: int) -> Tensor:
    """One tensor with `lead` more axes; the same tensor where it does not depend on them."""
    if name == "stem.projection.weight":
        patch = grown.stem.size[:lead]
        shape = (*value.shape[:2], *patch, *value.shape[2:])
        return (
            (value / math.prod(patch)).reshape(*value.shape[:2], *(1,) * lead, *value.shape[2:]).expand(shape).clone()
        )
    if not name.startswith("backbone.stages."):
        return value
    stage = int(name.split(".")[2])
    if name.endswith(".attention.bias.table"):
        offsets = math.prod(2 * w - 1 for w in grown.windows[stage][:lead])
        return value.repeat(offsets, 1)
    if name.endswith(".attention.bias.mlp.0.weight"):
        return torch.cat([value.new_zeros(len(value), lead), value], 1)
    if ".merging." in name:
        return _merging(name, value, grown, stage, lead)
    return value


def _merging(name: str, value: Tensor, grown: SwinConfig, stage: int, lead: int) -> Tensor:
    """The joined channels are ordered neighbour by neighbour, new axes fastest (design S8)."""
    factors = grown.merges[stage]
    new, old = math.prod(factors[:lead]), math.prod(factors[lead:])
    if value.ndim == 1 and grown.version == "v2":  # the norm follows the reduction
        return value
    repeated = value.unflatten(-1, (old, -1)).repeat_interleave(new, -2).flatten(-2)
    return repeated / new if value.ndim == 2 else repeated
