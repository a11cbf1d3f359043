"""Tensors joined, split and reordered as the rows of a layout's table say; to the bit, in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from swinkit.files import CheckpointError
from swinkit.weights.names import WHOLE, Move, Names, Part, spelled
from swinkit.weights.reorder import REORDERS


def gather(state: Mapping[str, Tensor], moves: Iterable[Move]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Our tensors, and what has no place here under the names that `Move.kept` gives.

    CheckpointError where a tensor cannot be cut into its parts, or parts of one tensor do not go together.
    """
    pieces: dict[str, dict[Part, Tensor]] = {}
    kept: dict[str, Tensor] = {}
    for move in moves:
        value = _cut(state[move.theirs], move.part, move.theirs)
        if move.ours is None:
            kept[move.kept] = value
            continue
        pieces.setdefault(move.ours, {})[move.place] = _reordered(value, move, 0)
    return {name: _join(name, found) for name, found in pieces.items()}, kept


def scatter(
    state: Mapping[str, Tensor], names: Names, kept: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str]]:
    """Their tensors, and those of ours that have no name there.

    A part that we do not have is taken from `kept`; it is zero where that lacks it.
    """
    pieces: dict[str, dict[Part, Tensor]] = {}
    homeless: list[str] = []
    for name, value in state.items():
        moves = names.sources(name)
        homeless += [] if moves else [name]
        for move in moves:
            part = _reordered(_cut(value, move.place, name), move, 1)
            pieces.setdefault(move.theirs, {})[move.part] = part
    for name, found in pieces.items():
        for move in names.moves(name):
            if move.ours is None:
                fresh = torch.zeros_like(next(iter(found.values())))
                found[move.part] = kept.get(move.kept, fresh)
    return {name: _join(name, found) for name, found in pieces.items()}, homeless


def _cut(value: Tensor, part: Part, name: str) -> Tensor:
    if part == WHOLE:
        return value
    number, count = part
    if value.ndim == 0 or value.shape[0] % count:
        raise CheckpointError(
            f"{name} has the shape {tuple(value.shape)}, which is not {count} equal parts: the file is of another "
            "architecture"
        )
    rows = value.shape[0] // count
    return value[number * rows : (number + 1) * rows].clone()


def _reordered(value: Tensor, move: Move, direction: int) -> Tensor:
    if move.how is None:
        return value
    try:
        return REORDERS[move.how][direction](value)
    except (IndexError, RuntimeError) as error:
        raise CheckpointError(
            f"{spelled(move.theirs, move.part)} has the shape {tuple(value.shape)}, whose last axis does not hold "
            "merged neighbours: the file is of another architecture"
        ) from error


def _join(name: str, found: Mapping[Part, Tensor]) -> Tensor:
    parts = sorted(found)
    values = [found[part] for part in parts]
    if parts == [WHOLE]:
        return values[0]
    if len(parts) != parts[0][1]:
        raise CheckpointError(f"{name} has only {len(parts)} of its {parts[0][1]} parts: get the whole file")
    if len({(value.dtype, tuple(value.shape)) for value in values}) > 1:
        told = ", ".join(f"{tuple(value.shape)} {value.dtype}" for value in values)
        raise CheckpointError(f"the parts of {name} do not go together: they are {told}; get the whole file")
    return torch.cat(values)
