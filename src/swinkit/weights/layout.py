"""What a foreign layout is: a table of names, read in both directions, and the few facts that names do not say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from swinkit.backbone.config import PadTokens, SmallMap, Version
from swinkit.weights.names import Names, Row

Kind = Literal["index", "flat_index", "coordinates", "mask"]
"""Buffers that some sources save though they follow from the configuration: rows of the bias table (a square, or in one
line), V2's log offsets, and the mask of a shifted block at the input size that the model was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one project names and arranges the tensors of a Swin Transformer."""

    name: str
    source: str
    """Whose files these are, for people."""
    names: tuple[Row, ...]
    """Rows (theirs, ours) or (theirs, ours, how).

    `{s}` is a stage and `{b}` a block, also as `{s+1}` or `{2s+1}`; `{p}` is weight or bias; `{last}` is the last
    stage; `{*}` is anything. A side may end in `[i/n]`: the i-th of n equal parts along the first axis. `ours` is None
    for what belongs to the backbone but has no place here: it is kept, and a part of it is zero where it must be made.
    `how` is a key of `reorder.REORDERS`."""
    only: Mapping[Version, tuple[Row, ...]] = field(default_factory=dict[Version, tuple[Row, ...]])
    """Rows that only one version has; they come before the others."""
    prefixes: tuple[str, ...] = ("",)
    """What may stand before the names of the backbone (not of heads), by where it is built in. `{v}` is empty for V1
    and `v2` for V2. The first is written where the weights came from another layout."""
    buffers: tuple[tuple[str, Kind], ...] = ()
    """Rows (theirs, kind) of what is dropped on reading and built again on writing."""
    written: Mapping[Version, tuple[Kind, ...]]
    """The kinds of buffer that a file of each version has."""
    refused: tuple[tuple[str, str], ...] = ()
    """Rows (regular expression, what it stands for) of names, without prefix, whose models this layout cannot hold.
    They are told where no other layout fits."""
    wrapper: str | None = None
    """The key under which a `.pth` of this layout holds its tensors."""
    ranks: tuple[int, ...] = (1, 2, 3)
    """How many axes the source's grids have; a file of another rank is of another layout with the same names."""
    orders: tuple[str | None, ...] = (None,)
    """The values of `order=` that this layout stands for, where several have the same names; None: it need not be
    told."""
    small_map: SmallMap
    """Design S3, as the source computes."""
    pad_tokens: PadTokens
    """Design S2, as the source computes."""

    def table(self, stages: int, version: Version = "v1", prefix: str = "") -> Names:
        """The rules of `names` for a model of `stages` stages, behind one of `places`."""
        return Names((*self.only.get(version, ()), *self.names), stages, prefix)

    def buffer_table(self, prefix: str = "") -> Names:
        """The rules of `buffers`; ours are called KIND.STAGE.BLOCK."""
        return Names(tuple((theirs, f"{kind}.{{s}}.{{b}}") for theirs, kind in self.buffers), 0, prefix)

    def places(self) -> tuple[str, ...]:
        """Every prefix, spelled out."""
        spelled = [prefix.replace("{v}", v) for prefix in self.prefixes for v in ("", "v2")]
        return tuple(dict.fromkeys(spelled))

    def place(self, version: Version) -> str:
        """The prefix to write where the weights came from another layout."""
        return self.prefixes[0].replace("{v}", "v2" if version == "v2" else "")

    def roots(self) -> set[str]:
        """The first parts of the backbone's names."""
        rows = (*self.names, *(row for rows in self.only.values() for row in rows))
        return {row[0].partition(".")[0].partition("[")[0] for row in rows if not (row[1] or "").startswith("head.")}


def shape_of_names(names: Iterable[str], layout: Layout, prefix: str = "") -> tuple[int, Version]:
    """Number of stages that names tell of, by the stages that have blocks (0 where none has), and the version."""
    table, stages, version = layout.table(1, prefix=prefix), 0, "v1"
    for name in names:
        ours = table.ours(name) or ""
        if (found := re.match(r"backbone\.stages\.(\d+)\.blocks\.", ours)) is not None:
            stages = max(stages, int(found[1]) + 1)
            version = "v2" if ours.endswith(".log_scale") else version
    return stages, version


def heads_among(leftovers: Iterable[str], layout: Layout, version: Version, prefix: str) -> list[str]:
    """Kept tensors that somebody may miss: all but buffers and what the source itself does not use."""
    table, buffers = layout.table(1, version, prefix), layout.buffer_table(prefix)
    unused = {move.kept for name in leftovers for move in table.moves(name.partition("[")[0]) if move.ours is None}
    return [name for name in leftovers if name not in unused and buffers.ours(name) is None]
