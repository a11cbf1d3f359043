"""What a foreign layout is: a table of names, read in both directions, and the few facts that names do not say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["index", "coordinates", "mask"]
"""Buffers that some sources save though they follow from the configuration: rows of the bias table, V2's log offsets,
and the mask of a shifted block at the input size that the model was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one project names and arranges the tensors of a Swin Transformer."""

    name: str
    source: str
    """Whose files these are, for people."""
    names: tuple[tuple[str, str], ...]
    """Rows (theirs, ours). `{s}` is a stage and `{b}` a block, also as `{s+1}` or `{2s+1}`; `{p}` is weight or bias;
    `{last}` is the last stage."""
    buffers: tuple[tuple[str, Kind], ...] = ()
    """Rows (theirs, kind) of what is dropped on reading and built again on writing."""
    written: Mapping[str, tuple[Kind, ...]]
    """The kinds of buffer that a file of each version has."""
    refused: tuple[tuple[str, str], ...] = ()
    """Rows (regular expression, what it stands for) of tensors whose models do not exist here."""
    wrapper: str | None = None
    """The key under which a `.pth` of this layout holds its tensors."""
    small_map: Literal["shrink", "shrink_block", "pad"]
    """Design S3, as the source computes."""
    pad_tokens: Literal["mask", "attend"]
    """Design S2, as the source computes."""

    def table(self, stages: int) -> Names:
        """The rules of `names` for a model of `stages` stages."""
        return Names(self.names, stages)

    def buffer_table(self) -> Names:
        """The rules of `buffers`; ours are called KIND.STAGE.BLOCK."""
        return Names(tuple((theirs, f"{kind}.{{s}}.{{b}}") for theirs, kind in self.buffers), 0)


class Names:
    """A table of name templates, usable from either side."""

    def __init__(self, rows: tuple[tuple[str, str], ...], stages: int) -> None:
        last = str(stages - 1)
        compiled = [tuple(_compile(side.replace("{last}", last)) for side in row) for row in rows]
        self._forward = [(theirs, ours) for theirs, ours in compiled]
        self._backward = [(ours, theirs) for theirs, ours in compiled]

    def ours(self, name: str) -> str | None:
        """Our name of their tensor, or None where no row fits."""
        return _translate(name, self._forward)

    def theirs(self, name: str) -> str | None:
        """Their name of our tensor, or None where no row fits."""
        return _translate(name, self._backward)


def stages_of(names: Mapping[str, object], layout: Layout) -> int:
    """Number of stages that the names tell of, by the stages that have blocks; 0 where none has."""
    table, stages = layout.table(1), 0
    for name in names:
        if (found := re.match(r"backbone\.stages\.(\d+)\.blocks\.", table.ours(name) or "")) is not None:
            stages = max(stages, int(found[1]) + 1)
    return stages


@dataclass(frozen=True, slots=True)
class _Part:
    """A variable of a template: factor * variable + offset."""

    variable: str
    factor: int = 1
    offset: int = 0


@dataclass(frozen=True, slots=True)
class _Template:
    pattern: re.Pattern[str]
    pieces: tuple[str | _Part, ...]


def _compile(text: str) -> _Template:
    pieces: list[str | _Part] = []
    for i, piece in enumerate(re.split(r"\{([^}]*)\}", text)):
        found = re.fullmatch(r"(\d*)([a-z])([+-]\d+)?", piece)
        if i % 2 == 0:
            pieces.append(piece)
        else:
            assert found is not None, f"a layout's table holds {{{piece}}}, which is no stage, block or sum of one"
            pieces.append(_Part(found[2], int(found[1] or 1), int(found[3] or 0)))
    groups = [
        re.escape(p) if isinstance(p, str) else "(weight|bias)" if p.variable == "p" else r"(\d+)" for p in pieces
    ]
    return _Template(re.compile("".join(groups)), tuple(pieces))


def _translate(name: str, rows: list[tuple[_Template, _Template]]) -> str | None:
    for source, target in rows:
        found = source.pattern.fullmatch(name)
        values = None if found is None else _values(source, found.groups())
        if values is not None:
            return "".join(p if isinstance(p, str) else _text(p, values) for p in target.pieces)
    return None


def _values(template: _Template, groups: tuple[str, ...]) -> dict[str, str] | None:
    """The variables behind the matched groups, or None where a sum does not come out even."""
    values: dict[str, str] = {}
    for part, text in zip((p for p in template.pieces if isinstance(p, _Part)), groups, strict=True):
        if part.variable == "p":
            values["p"] = text
            continue
        number, rest = divmod(int(text) - part.offset, part.factor)
        if rest or number < 0:
            return None
        values[part.variable] = str(number)
    return values


def _text(part: _Part, values: dict[str, str]) -> str:
    value = values[part.variable]
    return value if part.variable == "p" else str(part.factor * int(value) + part.offset)
