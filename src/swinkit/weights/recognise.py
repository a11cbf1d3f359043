"""Which layout a set of tensors is in, by its keys alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from swinkit.files import CheckpointError
from swinkit.weights.infer import names_of
from swinkit.weights.layout import Layout, stages_of

WRAPPERS = ("state_dict", "model", "model_state_dict", "module", "net", "ema", "model_ema", "state_dict_ema", "teacher")
"""Keys under which training scripts put the tensors, in the order of preference."""

PREFIXES = ("module.", "_orig_mod.", "model.")
"""What wrappers of modules (data parallel, compile) put before every name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How a layout's table fits a set of tensors."""

    layout: Layout
    names: Mapping[str, str]
    """Theirs -> ours."""
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
        return len(self.missing) + len(self.strange) + (0 if self.names else 1_000_000)

    def differences(self) -> str:
        """One clause for an error."""
        if not self.names:
            return "knows none of its names"
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
    """How `layout` fits names without wrappers."""
    table, rows = layout.table(stages_of(state, layout)), layout.buffer_table()
    names = {name: ours for name in state if (ours := table.ours(name)) is not None}
    buffers = {name: ours for name in state if name not in names and (ours := rows.ours(name)) is not None}
    roots = {theirs.partition(".")[0] for theirs, ours in layout.names if not ours.startswith("head.")}
    rest = [name for name in state if name not in names and name not in buffers]
    ours = {value: state[name] for name, value in names.items()}
    try:
        wanted = names_of(ours)
    except CheckpointError:  # blocks are missing
        wanted = {"backbone.stages.*.blocks.*"}
    stages = {int(found[1]) for name in ours if (found := re.match(r"backbone\.stages\.(\d+)\.blocks\.", name))}
    merging = {int(found[1]): name for name in ours if (found := re.match(r"backbone\.stages\.(\d+)\.merging\.", name))}
    misplaced = [name for stage, name in merging.items() if stage == 0 or stage not in stages]
    back = {value: name for name, value in names.items()}
    unknown = [name for name in rest if name.partition(".")[0] in roots]
    return Match(
        layout=layout,
        names=names,
        buffers=buffers,
        leftovers=tuple(name for name in rest if name.partition(".")[0] not in roots),
        missing=tuple(sorted(wanted - set(ours))),
        strange=(*unknown, *(back[name] for name in misplaced)),
    )


def choose(state: Mapping[str, Tensor], layouts: Iterable[Layout]) -> Match:
    """The layout that fits. CheckpointError where none does: the three nearest and what differs."""
    layouts = tuple(layouts)
    for pattern, meaning in {pattern: meaning for layout in layouts for pattern, meaning in layout.refused}.items():
        if (name := next((name for name in state if re.match(pattern, name)), None)) is not None:
            raise CheckpointError(f"{name}: this is {meaning}, which does not exist here; use its own project's code")
    matches = sorted((match(state, layout) for layout in layouts), key=lambda found: found.distance)
    fitting = [found for found in matches if found.distance == 0]
    if not fitting:
        near = "; ".join(f"{found.layout.name} {found.differences()}" for found in matches[:3])
        raise CheckpointError(f"these {len(state)} tensors fit no known layout: {near}")
    # where names alone do not decide, the layout does that saves just the buffers which are there
    kinds = {ours.partition(".")[0] for ours in fitting[0].buffers.values()}
    version = "v2" if any(ours.endswith(".log_scale") for ours in fitting[0].names.values()) else "v1"
    return min(fitting, key=lambda found: len(kinds ^ set(found.layout.written[version])))


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
