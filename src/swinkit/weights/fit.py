"""Weights for a model of another configuration: other classes, other input channels, other windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from swinkit.backbone.config import SwinConfig
from swinkit.files import CheckpointError
from swinkit.weights.inflate import inflate
from swinkit.weights.interpolate import resize_table
from swinkit.weights.keys import KeyReport, Reshaped, grouped
from swinkit.weights.layout import heads_among
from swinkit.weights.layouts import find
from swinkit.weights.origin import Weights


def fit(
    weights: Weights,
    config: SwinConfig,
    fresh: Mapping[str, Tensor],
    *,
    optional: Sequence[str] = (),
    spacing: str = "uniform",
) -> tuple[dict[str, Tensor], KeyReport]:
    """The state of a model with `config`, as far as `weights` have it, for `load_state_dict`.

    Four things are adapted, and reported: a head with another number of classes keeps its first values; the filters of
    the stem are spread over other input channels (`adapt_channels`); V1 bias tables are resampled for other windows
    (`resize_table`); weights of fewer axes get those of the model (`inflate`). V2 needs no change for other windows,
    but `config.bias_window` must be the weights' own.

    Args:
        weights: what `read` gave.
        config: of the model.
        fresh: the model's own state_dict: the names and shapes that are wanted, and first values for what is missing.
        optional: beginnings of names that may be missing on either side, say `head.` for a model with its own head.
        spacing: how bias tables are resampled, `uniform` or `geometric`.

    Raises:
        CheckpointError: the architectures differ, no tensor fits, or tensors that are not optional stay unmatched.
    """
    shapes = {name: tuple(value.shape) for name, value in weights.state.items()}
    weights, grown = inflate(weights, config)
    _check(weights.config, config)
    state, reshaped, loaded = dict(fresh), list[Reshaped](), list[str]()
    for name, first in fresh.items():
        if name not in weights.state:
            continue
        value = weights.state[name]
        fitted, how = _adapted(name, value, first, weights.config, config, spacing)
        if how := "; ".join(text for text in (grown.get(name), how) if text):
            after = tuple(first.shape)
            reshaped.append(Reshaped(name=name, how=how, fresh=fitted is None, before=shapes[name], after=after))
        if fitted is not None:
            state[name] = fitted.to(first.dtype)
            loaded.append(name)
    report = KeyReport(
        layout=weights.origin.layout,
        loaded=tuple(loaded),
        missing=tuple(name for name in fresh if name not in weights.state),
        unexpected=(*(name for name in weights.state if name not in fresh), *_heads(weights)),
        reshaped=tuple(reshaped),
    )
    _permitted(report, weights, tuple(optional))
    return state, report


def adapt_channels(filters: Float[Tensor, "c old *patch"], new: int) -> Float[Tensor, "c new *patch"]:
    """The stem's filters for `new` input channels, so that an input whose channels are all alike gives what it gave.

    More channels repeat the old filters in turn, each divided by the number of its copies (1 -> 3: thirds; 3 -> 4: r/2,
    g, b, r/2); fewer add the surplus filters onto the first ones (3 -> 1: the sum).
    """
    old = filters.shape[1]
    if new >= old:
        turn = torch.arange(new) % old
        copies = torch.bincount(turn, minlength=old)[turn].to(filters.dtype)
        return filters[:, turn] / copies.view(-1, *[1] * (filters.ndim - 2))
    adapted = torch.zeros(filters.shape[0], new, *filters.shape[2:], dtype=filters.dtype)
    return adapted.index_add_(1, torch.arange(old) % new, filters)


def _adapted(
    name: str, value: Tensor, first: Tensor, source: SwinConfig, config: SwinConfig, spacing: str
) -> tuple[Tensor | None, str]:
    """The tensor for the model, or None to keep its first values; and what was done, empty where nothing was."""
    if name.endswith(".attention.bias.table"):
        stage = int(name.split(".")[2])
        before, after = source.windows[stage], config.windows[stage]
        if before != after:
            return resize_table(value, before, after, spacing), f"window {before} -> {after}, {spacing} spacing"
    if value.shape == first.shape:
        return value, ""
    if name == "stem.projection.weight" and value.shape[2:] == first.shape[2:] and len(value) == len(first):
        return adapt_channels(value, first.shape[1]), f"{value.shape[1]} input channels -> {first.shape[1]}"
    if name.startswith("head.") and value.shape[1:] == first.shape[1:]:
        return None, f"{len(value)} classes -> {len(first)}, left as new"
    raise CheckpointError(f"{name} has the shape {tuple(value.shape)} in the file, {tuple(first.shape)} in the model")


def _check(source: SwinConfig, config: SwinConfig) -> None:
    """The first difference of configuration that weights cannot bridge."""
    differing: list[str] = []
    for name in ("version", "mixing", "rank", "width", "depths", "heads", "merges", "mlp_ratio"):
        found, wanted = getattr(source, name), getattr(config, name)
        if found != wanted:
            differing.append(f"{name} {found} in the file, {wanted} in the model")
    if source.stem.kind != config.stem.kind or source.stem.size != config.stem.size:
        differing.append(f"stem {source.stem} in the file, {config.stem} in the model")
    if not differing and source.version == "v2" and source.bias_windows != config.bias_windows:
        differing.append(
            f"bias windows {source.bias_windows} in the file, {config.bias_windows} in the model: outputs would change "
            f"silently; give the model bias_window={source.bias_windows}"
        )
    if differing:
        raise CheckpointError(f"the weights are of another architecture: {'; '.join(differing)}")


def _heads(weights: Weights) -> list[str]:
    """Leftovers that somebody may miss."""
    origin = weights.origin
    return heads_among(weights.leftovers, find(origin.layout), weights.config.version, origin.place)


def _permitted(report: KeyReport, weights: Weights, optional: tuple[str, ...]) -> None:
    if not report.loaded:
        raise CheckpointError(f"none of the {len(weights.state)} tensors in the file is one of the model")
    missing = [name for name in report.missing if not name.startswith(optional)]
    strange = _heads(weights)
    unexpected = [name for name in report.unexpected if not name.startswith(optional) and name not in strange]
    if "head." in optional:
        strange = []
    clauses = [
        f"{clause} {'; '.join(grouped(names)[:3])}"
        for clause, names in (
            ("the file lacks", missing),
            ("the model has no", unexpected),
            ("no head here takes", strange),
        )
        if names
    ]
    if clauses:
        raise CheckpointError(
            f"{' and '.join(clauses)}: name what may differ, say optional=('head.',), or build the file's own model"
        )
