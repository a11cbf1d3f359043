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
        filled = [(theirs.replace("{last}", last), ours.replace("{last}", last)) for theirs, ours in rows]
        self._forward = [(_pattern(theirs), ours) for theirs, ours in filled]
        self._backward = [(_pattern(ours), theirs) for theirs, ours in filled]

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


_Pattern = tuple[re.Pattern[str], tuple[tuple[int, str, int], ...]]


def _pattern(template: str) -> _Pattern:
    """A regular expression for a template, and what its groups are: (factor, variable, offset)."""
    text, groups = "", list[tuple[int, str, int]]()
    for i, part in enumerate(re.split(r"\{([^}]*)\}", template)):
        if i % 2 == 0:
            text += re.escape(part)
        elif part == "p":
            text += "(weight|bias)"
            groups.append((0, "p", 0))
        else:
            factor, variable, offset = _linear(part)
            text += r"(\d+)"
            groups.append((factor, variable, offset))
    return re.compile(text), tuple(groups)


def _linear(text: str) -> tuple[int, str, int]:
    found = re.fullmatch(r"(\d*)([a-z])([+-]\d+)?", text)
    assert found is not None, f"a layout's table holds {{{text}}}, which is no stage, block or sum of one"
    return int(found[1] or 1), found[2], int(found[3] or 0)


def _translate(name: str, rows: list[tuple[_Pattern, str]]) -> str | None:
    for (pattern, groups), template in rows:
        found = pattern.fullmatch(name)
        if found is None:
            continue
        values: dict[str, str] = {}
        for text, (factor, variable, offset) in zip(found.groups(), groups, strict=True):
            if variable == "p":
                values["p"] = text
                continue
            number, rest = divmod(int(text) - offset, factor)
            if rest or number < 0:
                break
            values[variable] = str(number)
        else:
            return _fill(template, values)
    return None


def _fill(template: str, values: dict[str, str]) -> str:
    def one(part: re.Match[str]) -> str:
        if part[1] == "p":
            return values["p"]
        factor, variable, offset = _linear(part[1])
        return str(factor * int(values[variable]) + offset)

    return re.sub(r"\{([^}]*)\}", one, template)
