"""Fresh models by name."""

from __future__ import annotations

import copy
from dataclasses import fields, replace
from typing import Any

import torch

from swinkit.backbone import ALIASES, SIZES, Size
from swinkit.files import ConfigError, did_you_mean
from swinkit.heads.linear import PooledLinear
from swinkit.models.model import HeadFactory, Model


def find_size(name: str) -> Size:
    """The named size, by our name or one that timm or the hub use. ConfigError with the nearest name when there is
    none."""
    name = ALIASES.get(name, name)
    if name not in SIZES:
        raise ConfigError(f"no model {name!r}: {did_you_mean(name, [*SIZES, *ALIASES])}")
    return SIZES[name]


def build(name: str, head: HeadFactory | None = None, **changes: Any) -> Model:
    """Fresh weights for a named size.

    `head` makes the head (default: a linear classifier with the published number of classes, or `classes=`).
    `changes` replace
    fields of `SwinConfig`; `channels=` changes the stem's input channels. ConfigError names an unknown size or field.
    """
    size = find_size(name)
    classes = changes.pop("classes", size.classes)
    config = change(size, **changes).config
    if head is None:
        last = len(config.depths) - 1
        return Model(config, lambda levels: PooledLinear(levels.channels[-1], classes), outputs=(last,))
    return Model(config, head)


def change(size: Size, **changes: Any) -> Size:
    """The size with fields of its configuration replaced, checked."""
    config = size.config
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
        return replace(size, config=replace(config, **changes))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"model: {error}") from error


def count(model: torch.nn.Module) -> int:
    """Parameters of a model."""
    return sum(p.numel() for p in model.parameters())


def macs(model: Model, input: tuple[int, ...]) -> int:
    """Multiply-adds of one forward pass of one sample on the meta device, matrix products and convolutions only."""
    from torch.utils.flop_counter import FlopCounterMode

    meta = copy.deepcopy(model).to("meta").eval()
    depths = [len(stage.blocks) for stage in meta.backbone.stages]
    for stage in meta.backbone.stages:
        stage.blocks = stage.blocks[:1]  # all blocks of a stage cost the same: one is counted
    dtype = torch.int64 if meta.config.stem.kind == "tokens" else torch.float32
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        meta(torch.zeros(1, meta.config.stem.channels, *input, device="meta", dtype=dtype))
    parts = counter.get_flop_counts()
    blocks = [sum(parts[f"Model.backbone.stages.{stage}.blocks.0"].values()) for stage in range(len(depths))]
    more = sum((depth - 1) * cost for depth, cost in zip(depths, blocks, strict=True))
    return (counter.get_total_flops() + more) // 2
