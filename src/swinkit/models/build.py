"""Fresh models by name."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, cast

import torch

from swinkit.backbone import ALIASES, SIZES, Size, SwinConfig
from swinkit.files import ConfigError, did_you_mean
from swinkit.heads.features import Features
from swinkit.heads.linear import PooledLinear
from swinkit.models.mixed import Joined
from swinkit.models.model import HeadFactory, Model


def find_size(name: str) -> Size:
    """The named size, by our name or one that timm or the hub use. ConfigError with the nearest name when there is
    none."""
    name = ALIASES.get(name, name)
    if name not in SIZES:
        raise ConfigError(f"no model {name!r}: {did_you_mean(name, [*SIZES, *ALIASES])}")
    return SIZES[name]


def build(name: str, head: HeadFactory | None = None, *, outputs: Sequence[int] | None = None, **changes: Any) -> Model:
    """Fresh weights for a named size.

    Args:
        head: makes the head; by default a linear classifier with the published number of classes, or `classes=`.
        outputs: the stages whose features the head sees, counted from 0; without `head` the model returns them.
        changes: fields of `SwinConfig` to replace; `channels=` changes the stem's input channels.

    Raises:
        ConfigError: no such size, field or stage.
    """
    size = find_size(name)
    classes = changes.pop("classes", None)
    config = change(size, **changes).config
    if head is not None:
        return assemble(config, head, outputs)
    if outputs is None:
        return classifier(config, size.classes if classes is None else classes)
    one_answer(outputs, classes)
    return assemble(config, Features, outputs)


def assemble(config: SwinConfig, head: HeadFactory, outputs: Sequence[int] | None = None) -> Model:
    """A model with that head on those stages; ConfigError where there are no such stages."""
    try:
        return Model(config, head, None if outputs is None else tuple(outputs))
    except ValueError as error:
        raise ConfigError(f"model: {error}") from error


def classifier(config: SwinConfig, classes: int) -> Model:
    """A model with a linear classifier on the coarsest map."""
    return Model(config, lambda levels: PooledLinear(levels.channels[-1], classes), outputs=(len(config.depths) - 1,))


def one_answer(outputs: Sequence[int] | None, classes: int | None) -> None:
    """ConfigError where both features and classes are asked for."""
    if outputs is not None and classes is not None:
        raise ConfigError(f"outputs={outputs} gives features and classes={classes} a classifier: ask for one of them")


def change(size: Size, **changes: Any) -> Size:
    """The size with fields of its configuration replaced, checked."""
    return replace(size, config=changed(size.config, **changes))


def changed(config: SwinConfig, **changes: Any) -> SwinConfig:
    """The configuration with fields replaced, checked.

    `channels` are the stem's. `window` and `bias_window` may also be a number, a size an axis, or one of these a stage.
    """
    known = [f.name for f in fields(config)] + ["channels"]
    for key in changes:
        if key not in known:
            raise ConfigError(f"model: unknown field {key!r}: {did_you_mean(key, known)}")
    if "channels" in changes:
        channels = changes.pop("channels")
        if not hasattr(type(config.stem), "__dataclass_fields__") or "channels" not in config.stem.__dataclass_fields__:
            raise ConfigError(f"model: stem {config.stem.kind!r} has no input channels to change")
        changes["stem"] = replace(config.stem, channels=channels)  # pyright: ignore[reportCallIssue]
    try:
        for key in {"window", "bias_window"} & set(changes):
            changes[key] = _rows(changes[key], config.rank)
        return replace(config, **changes)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"model: {error}") from error


def _rows(value: Any, rank: int) -> Any:
    """Windows as the configuration has them: rows of one size an axis."""
    if value is None:
        return None
    if isinstance(value, int) or (len(value) == rank and all(isinstance(size, int) for size in value)):
        value = [value]
    return tuple((row,) * rank if isinstance(row, int) else tuple(row) for row in value)


def count(model: torch.nn.Module) -> int:
    """Parameters of a model."""
    return sum(p.numel() for p in model.parameters())


def macs(model: Model | Joined, input: Any) -> int:
    """Multiply-adds of one forward pass of one sample on the meta device, matrix products and convolutions only.

    Args:
        input: the space of the grid; of several inputs {name: space}.
    """
    from torch.utils.flop_counter import FlopCounterMode

    if isinstance(model, Joined):
        return model.macs + sum(macs(cast("Model", model.parts[name]), space) for name, space in input.items())
    meta = copy.deepcopy(model).to("meta").eval()
    depths = [len(stage.blocks) for stage in meta.backbone.stages]
    for stage in meta.backbone.stages:
        stage.blocks = stage.blocks[:1]  # all blocks of a stage cost the same: one is counted
    dtype = torch.int64 if meta.config.stem.kind == "tokens" else torch.float32
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        meta(torch.zeros(1, meta.config.stem.channels, *input, device="meta", dtype=dtype))
    parts = counter.get_flop_counts()
    costs = {stage: parts[f"Model.backbone.stages.{stage}.blocks.0"] for stage, depth in enumerate(depths) if depth}
    more = sum((depths[stage] - 1) * sum(cost.values()) for stage, cost in costs.items())
    return (counter.get_total_flops() + more) // 2
