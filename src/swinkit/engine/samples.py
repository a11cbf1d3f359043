"""A decoded sample taken apart into tensors and plain JSON values, and put together again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from torch import Tensor

from swinkit.types import Objects, Sample


def taken_apart(sample: Sample) -> tuple[dict[str, Any], list[Tensor]] | None:
    """What a sample is beside its tensors, and these; None for one that cannot be put together from them: its target is
    nothing that is known here, its grid is a view already, or it has several inputs.
    """
    if type(sample) is not Sample or sample.matrix is not None or sample.places is not None or sample.parts:
        return None
    tensors = [sample.grid]
    try:
        target = _apart(sample.target, tensors)
    except TypeError:
        return None
    region = None if sample.region is None else [float(edge) for edge in sample.region]
    about = {"id": sample.id, "size": [int(side) for side in sample.size], "region": region, "target": target}
    return {**about, "spacing": list(map(float, sample.spacing)), "text": sample.text}, tensors


def put_together(about: Mapping[str, Any], tensors: Sequence[Tensor]) -> Sample:
    """The inverse of `taken_apart`."""
    rest = iter(tensors)
    grid = next(rest)
    left, top, right, bottom = about["region"] or (None,) * 4
    return Sample(
        id=about["id"],
        grid=grid,
        target=_together(about["target"], rest),
        size=tuple(about["size"]),
        region=None if left is None else (left, top, right, bottom),
        spacing=tuple(about["spacing"]),
        text=about["text"],
    )


def _apart(target: Any, tensors: list[Tensor]) -> Any:
    """A description of the target, whose tensors are added in the order of the description."""
    if target is None:
        return None
    if isinstance(target, Tensor):
        tensors.append(target)
        return "tensor"
    if isinstance(target, Mapping):
        return {"each": {str(task): _apart(value, tensors) for task, value in target.items()}}
    if type(target) is Objects:
        values = {field.name: getattr(target, field.name) for field in fields(target) if field.name != "pairs"}
        return {"objects": {name: _apart(value, tensors) for name, value in values.items()}, "pairs": target.pairs}
    raise TypeError(f"{type(target).__name__} is no target of tensors")


def _together(about: Any, tensors: Iterator[Tensor]) -> Any:
    if about is None:
        return None
    if about == "tensor":
        return next(tensors)
    if "each" in about:
        return {task: _together(value, tensors) for task, value in about["each"].items()}
    values = {name: _together(value, tensors) for name, value in about["objects"].items()}
    return Objects(**values, pairs=tuple((one, other) for one, other in about["pairs"]))
