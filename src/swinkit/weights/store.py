"""Weight files on disk: any known layout in, any known layout out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from swinkit.backbone.config import Convolutions, Patches, SwinConfig, Tokens
from swinkit.files import CheckpointError, did_you_mean
from swinkit.files.tensors import read_tensors, write_pth, write_tensors
from swinkit.types import Window
from swinkit.weights.layout import Layout
from swinkit.weights.layouts import find
from swinkit.weights.native import NATIVE
from swinkit.weights.origin import Origin, Weights
from swinkit.weights.reading import read
from swinkit.weights.writing import write

CONFIG, ORIGIN, LEFTOVER = "swinkit.config", "swinkit.origin", "leftover/"
STEMS = {"patches": Patches, "convolutions": Convolutions, "tokens": Tokens}


def read_file(
    path: Path | str,
    *,
    window: Any = None,
    bias_window: Any = None,
    size: int | Window | None = None,
    part: str | None = None,
    order: str | None = None,
) -> Weights:
    """Read a weight file of any known layout, ours included; see `read` for the arguments.

    Raises:
        CheckpointError: the file is damaged or unsafe, or fits no layout; the message starts with its path.
    """
    file = read_tensors(path)
    try:
        if CONFIG in file.metadata:
            tensors = {name: value for name, value in file.tensors.items() if isinstance(value, Tensor)}
            return _ours(tensors, file.metadata)
        return read(file.tensors, window=window, bias_window=bias_window, size=size, part=part, order=order)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error


def write_file(
    path: Path | str, weights: Weights, layout: Layout | str = NATIVE, *, size: int | Window | None = None
) -> None:
    """Write weights in a layout; whole or not at all.

    A name that ends in `.safetensors` is a safetensors file; any other is written as that layout's `.pth` are. Our own
    layout is always safetensors, and keeps what is needed to go back to the layout that the weights came from.
    """
    layout, path = find(layout), Path(path)
    if layout.name == NATIVE.name:
        metadata = {CONFIG: json.dumps(asdict(weights.config)), ORIGIN: json.dumps(asdict(weights.origin))}
        kept = {LEFTOVER + name: value for name, value in weights.leftovers.items()}
        write_tensors(path, weights.state | kept, metadata)
        return
    tensors = write(
        weights.state, weights.config, layout, origin=weights.origin, leftovers=weights.leftovers, size=size
    )
    if path.suffix == ".safetensors":
        write_tensors(path, tensors, {"format": "pt"})
    else:
        whole = {
            name: value.detach().clone() for name, value in tensors.items()
        }  # of a view, all storage would be saved
        write_pth(path, whole if layout.wrapper is None else {layout.wrapper: whole})


def _ours(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Weights:
    config, origin = _json(metadata[CONFIG], CONFIG), _json(metadata.get(ORIGIN, '{"layout": "swinkit"}'), ORIGIN)
    return Weights(
        config=config_from(config),
        state={name: value for name, value in tensors.items() if not name.startswith(LEFTOVER)},
        leftovers={name.removeprefix(LEFTOVER): value for name, value in tensors.items() if name.startswith(LEFTOVER)},
        origin=_build(Origin, origin, ORIGIN),
    )


def config_from(values: Mapping[str, Any]) -> SwinConfig:
    """A configuration from its JSON's plain values. CheckpointError for an unknown field or an impossible value."""
    stem = dict(values.get("stem") or {})
    kind = stem.pop("kind", "patches")
    if kind not in STEMS:
        raise CheckpointError(f"{CONFIG}: stem.kind {kind!r} does not exist; {did_you_mean(str(kind), STEMS)}")
    return _build(SwinConfig, {**values, "stem": _build(STEMS[kind], stem, f"{CONFIG}: stem")}, CONFIG)


def _json(text: str, where: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{where} in the file's header is no JSON ({error})") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{where} in the file's header is a {type(values).__name__}, not a table")
    return values


def _build(kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            raise CheckpointError(f"{where}: {name!r} is no field of it; {did_you_mean(name, known)}")
    try:
        return kind(**{name: _tuples(value) for name, value in values.items()})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{where}: {error}") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
