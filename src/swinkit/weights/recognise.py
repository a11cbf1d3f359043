"""Which layout a set of tensors is in, by its keys alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from swinkit.backbone.config import Version
from swinkit.files import CheckpointError
from swinkit.weights.infer import names_of
from swinkit.weights.layout import Layout, shape_of_names
from swinkit.weights.names import Move

WRAPPERS = ("state_dict", "model", "model_state_dict", "module", "net", "ema", "model_ema", "state_dict_ema", "teacher")
"""Keys under which training scripts put the tensors, in the order of preference."""

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What wrappers of modules (data parallel, compile) put before every name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How a layout's table fits a set of tensors."""

    layout: Layout
    prefix: str
    """What stands before the names of the backbone: one of the layout's."""
    version: Version
    moves: tuple[Move, ...]
    buffers: Mapping[str, str]
    """Theirs -> KIND.STAGE.BLOCK."""
    leftovers: tuple[str, ...]
    """Names outside the backbone that have no row: heads that do not exist here."""
    missing: tuple[str, ...]
    strange: tuple[str, ...]
    """Names inside the backbone that have no row, or stand where none may."""

    @property
    def distance(self) -> int:
        """0 where the layout fits."""
        unfit = (self.version not in self.layout.written) + (0 if _blocks(self.moves) else 1_000_000)
        return len(self.missing) + len(self.strange) + unfit

    def differences(self) -> str:
        """One clause for an error."""
        if not self.moves:
            return "knows none of its names"
        if self.version not in self.layout.written:
            return f"has no files of {self.version}"
        clauses = [_some("lacks", self.missing), _some("does not know", self.strange)]
        return " and ".join(clause for clause in clauses if clause)


def unwrap(tree: Mapping[str, Any], part: str | None = None) -> tuple[dict[str, Tensor], str]:
    """The tensors of a checkpoint without its wrappers, and the prefix that every name had.

    `part` names the entry to take (`ema`, say); by default the first of WRAPPERS that holds tensors.
    """
    if part is not None and not isinstance(tree.get(part), Mapping):
        raise CheckpointError(f"part {part!r} is not in the file: it holds {', '.join(map(str, tree)) or 'nothing'}")
    if part is not None:
        tree = tree[part]
    while (inner := next((key for key in WRAPPERS if isinstance(tree.get(key), Mapping)), None)) is not None:
        tree = tree[inner]
    state, prefix = _flat(tree, ""), ""
    while state and (more := next((p for p in PREFIXES if all(name.startswith(p) for name in state)), None)):
        state, prefix = {name.removeprefix(more): value for name, value in state.items()}, prefix + more
    return state, prefix


def match(state: Mapping[str, Tensor], layout: Layout) -> Match:
    """How `layout` fits names without wrappers, behind the prefix that suits it best."""
    prefixes = [prefix for prefix in layout.places() if any(name.startswith(prefix) for name in state)]
    matches = [_behind(prefix, state, layout) for prefix in prefixes or [layout.places()[0]]]
    return min(matches, key=lambda found: (found.distance, -len(found.moves)))


def choose(state: Mapping[str, Tensor], layouts: Iterable[Layout]) -> Match:
    """The layout that fits. CheckpointError where none does: the three nearest and what differs."""
    matches = sorted((match(state, layout) for layout in layouts), key=lambda found: found.distance)
    refusals = {found.layout.name: refusal for found in matches if (refusal := _refusal(state, found)) is not None}
    fitting = [found for found in matches if found.distance == 0 and found.layout.name not in refusals]
    if not fitting and refusals:
        name, meaning = next(iter(refusals.values()))
        raise CheckpointError(f"{name}: this is {meaning}, which does not exist here; use its own project's code")
    if not fitting:
        near = "; ".join(f"{found.layout.name} {found.differences()}" for found in matches[:3])
        raise CheckpointError(f"these {len(state)} tensors fit no known layout: {near}")
    # the layout that knows most of the names; where these do not decide, that which saves just the buffers there are
    return min(fitting, key=lambda found: (len(found.leftovers), _other_buffers(found)))


def _other_buffers(found: Match) -> int:
    kinds = {ours.partition(".")[0] for ours in found.buffers.values()}
    return len(kinds ^ set(found.layout.written[found.version]))


def _behind(prefix: str, state: Mapping[str, Tensor], layout: Layout) -> Match:
    stages, version = shape_of_names(state, layout, prefix)
    table, rows, roots = layout.table(stages, version, prefix), layout.buffer_table(prefix), layout.roots()
    moves = {name: found for name in state if (found := table.moves(name))}
    buffers = {name: ours for name in state if name not in moves and (ours := rows.ours(name)) is not None}
    rest = [name for name in state if name not in moves and name not in buffers]
    inside = [name for name in rest if name.startswith(prefix) and name[len(prefix) :].partition(".")[0] in roots]
    places: dict[str, list[Move]] = {}
    for move in (move for found in moves.values() for move in found if move.ours is not None):
        places.setdefault(move.ours or "", []).append(move)
    try:
        wanted = names_of(places)
    except CheckpointError:  # blocks are missing
        wanted = {"backbone.stages.*.blocks.*"}
    parts = [name for name, found in places.items() if len({move.place for move in found}) < found[0].place[1]]
    return Match(
        layout=layout,
        prefix=prefix,
        version=version,
        moves=tuple(move for found in moves.values() for move in found),
        buffers=buffers,
        leftovers=tuple(name for name in rest if name not in inside),
        missing=(*sorted(wanted - set(places)), *(f"parts of {name}" for name in parts)),
        strange=(*inside, *_misplaced(places), *_of_other_rank(places, state, layout)),
    )


def _misplaced(places: Mapping[str, list[Move]]) -> list[str]:
    """Names of merging before the first stage or after the last, and names beside another of the same tensor."""
    stages = {int(found[1]) for name in places if (found := re.match(r"backbone\.stages\.(\d+)\.blocks\.", name))}
    strange: list[str] = []
    for name, moves in places.items():
        merging = re.match(r"backbone\.stages\.(\d+)\.merging\.", name)
        if merging is not None and (int(merging[1]) == 0 or int(merging[1]) not in stages):
            strange.append(moves[0].theirs)
        seen = {moves[0].place}
        for move in moves[1:]:
            strange += [move.theirs] if move.place in seen else []
            seen.add(move.place)
    return strange


def _of_other_rank(places: Mapping[str, list[Move]], state: Mapping[str, Tensor], layout: Layout) -> list[str]:
    """The filters of the stem, where their grid has not as many axes as grids of this layout."""
    filters = {move.theirs: state[move.theirs].ndim - 2 for move in places.get("stem.projection.weight", ())}
    others = {1, 2, 3}.difference(layout.ranks)
    return [f"{name} of {axes} axes" for name, axes in filters.items() if axes in others]


def _refusal(state: Mapping[str, Tensor], found: Match) -> tuple[str, str] | None:
    for pattern, meaning in found.layout.refused:
        for name in state:
            if re.match(pattern, name.removeprefix(found.prefix)) is not None:
                return name, meaning
    return None


def _blocks(moves: tuple[Move, ...]) -> bool:
    return any((move.ours or "").startswith("backbone.stages.") for move in moves)


def _flat(tree: Mapping[str, Any], prefix: str) -> dict[str, Tensor]:
    flat: dict[str, Tensor] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, Tensor):
            flat[f"{prefix}{name}"] = value
    return flat


def _some(verb: str, names: tuple[str, ...]) -> str:
    first, others = next(iter(names), None), len(names) - 1
    if first is None:
        return ""
    return f"{verb} {first} and {others} others" if others else f"{verb} {first}"
