"""Tables of tensor names that work from both sides: whole tensors, equal parts of them, and their stage and block."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

Row = tuple[str, str | None] | tuple[str, str | None, str]
"""(theirs, ours) or (theirs, ours, how): see `Layout.names`."""

Part = tuple[int, int]
"""The i-th of n equal parts along the first axis."""

WHOLE: Part = (0, 1)
LAST, REST = "last", "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One row, for one tensor: which part of theirs is which part of ours."""

    theirs: str
    part: Part = WHOLE
    ours: str | None
    """None where this part has no place here."""
    place: Part = WHOLE
    """The part of ours."""
    how: str | None = None
    """Key of `reorder.REORDERS`."""

    @property
    def kept(self) -> str:
        """The name under which a part without a place here is kept."""
        return spelled(self.theirs, self.part)


def spelled(name: str, part: Part) -> str:
    """A name with its part, as tables write it."""
    return name if part == WHOLE else f"{name}[{part[0]}/{part[1]}]"


def is_part(name: str) -> bool:
    """Whether a name was `spelled` with a part."""
    return re.search(r"\[\d+/\d+\]$", name) is not None


class Names:
    """A table of rows for a model of `stages` stages, usable from either side.

    `prefix` stands before their names, but not before those of heads.
    """

    def __init__(self, rows: Iterable[Row], stages: int, prefix: str = "") -> None:
        self._last, self._prefix = stages - 1, prefix
        self._forward: dict[str, list[_Row]] = {}
        self._backward: dict[str, list[_Row]] = {}
        for number, row in enumerate(rows):
            made = _row(number, row)
            for keys, table in ((made.theirs.keys, self._forward), (made.ours and made.ours.keys, self._backward)):
                for key in keys or ():
                    table.setdefault(key, []).append(made)

    def moves(self, name: str) -> tuple[Move, ...]:
        """What becomes of their tensor: one move, one for every part, or none where no row fits."""
        found: list[Move] = []
        for row, inner in self._rows(name):
            values = row.theirs.values(inner, self._last)
            if values is not None:
                ours = None if row.ours is None else row.ours.text(values, self._last)
                place = WHOLE if row.ours is None else row.ours.part
                found.append(Move(theirs=name, part=row.theirs.part, ours=ours, place=place, how=row.how))
        return _one_or_parts(found, [move.part for move in found])

    def sources(self, name: str) -> tuple[Move, ...]:
        """Where our tensor comes from, and goes back to: likewise."""
        found: list[Move] = []
        for row in self._backward.get(_key(name), ()):
            values = row.ours.values(name, self._last) if row.ours is not None else None
            if values is not None and row.ours is not None:
                theirs = ("" if row.outside else self._prefix) + row.theirs.text(values, self._last)
                found.append(Move(theirs=theirs, part=row.theirs.part, ours=name, place=row.ours.part, how=row.how))
        return _one_or_parts(found, [move.place for move in found])

    def ours(self, name: str) -> str | None:
        """Our name of their tensor or of its first part, or None where no row fits."""
        return next((move.ours for move in self.moves(name)), None)

    def theirs(self, name: str) -> str | None:
        """Their name of our tensor or of its first part, or None where no row fits."""
        return next((move.theirs for move in self.sources(name)), None)

    def _rows(self, name: str) -> list[tuple[_Row, str]]:
        """Rows that may fit, in the order of the table, each with what its template has to match."""
        outside = [(row, name) for row in self._forward.get(_key(name), ()) if row.outside]
        if not name.startswith(self._prefix):
            return outside
        inner = name.removeprefix(self._prefix)
        inside = [*self._forward.get(_key(inner), ()), *self._forward.get(REST, ())]
        return sorted(outside + [(row, inner) for row in inside if not row.outside], key=lambda pair: pair[0].number)


@dataclass(frozen=True, slots=True)
class _Variable:
    """A variable of a template: factor * variable + offset."""

    name: str
    factor: int = 1
    offset: int = 0

    @property
    def pattern(self) -> str:
        return {"p": "(weight|bias)", REST: "(.+)"}.get(self.name, r"(\d+)")


@dataclass(frozen=True, slots=True)
class _Side:
    """A template, and which part of the tensor it speaks of."""

    pattern: re.Pattern[str]
    pieces: tuple[str | _Variable, ...]
    part: Part
    keys: tuple[str, ...]
    """Names without their numbers: every name that fits has one of these keys."""

    def values(self, name: str, last: int) -> dict[str, str] | None:
        """The variables behind a name; None where it does not fit, or a sum does not come out even."""
        if (found := self.pattern.fullmatch(name)) is None:
            return None
        values: dict[str, str] = {}
        variables = (piece for piece in self.pieces if isinstance(piece, _Variable))
        for variable, text in zip(variables, found.groups(), strict=True):
            if variable.name in ("p", REST):
                values[variable.name] = text
                continue
            number, rest = divmod(int(text) - variable.offset, variable.factor)
            if rest or number < 0 or (variable.name == LAST and number != last):
                return None
            values[variable.name] = str(number)
        return values

    def text(self, values: dict[str, str], last: int) -> str:
        """The name with these variables."""
        values = {**values, LAST: str(last)}
        return "".join(piece if isinstance(piece, str) else _text(piece, values) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    theirs: _Side
    ours: _Side | None
    how: str | None
    outside: bool
    """Whether it is of a head, before which no prefix stands."""


def _row(number: int, row: Row) -> _Row:
    ours = row[1]
    how = row[2] if len(row) == 3 else None
    outside = ours is not None and ours.startswith("head.")
    return _Row(number, _side(row[0]), None if ours is None else _side(ours), how, outside)


@functools.cache
def _side(text: str) -> _Side:
    found = re.fullmatch(r"(.*)\[(\d+)/(\d+)\]", text)
    text, part = (text, WHOLE) if found is None else (found[1], (int(found[2]), int(found[3])))
    pieces: list[str | _Variable] = []
    for i, piece in enumerate(re.split(r"\{([^}]*)\}", text)):
        found = re.fullmatch(r"(\d*)([a-z]|last|\*)([+-]\d+)?", piece)
        if i % 2 == 0:
            pieces.append(piece)
        else:
            assert found is not None, f"a layout's table holds {{{piece}}}, which is no stage, block or sum of one"
            pieces.append(_Variable(found[2], int(found[1] or 1), int(found[3] or 0)))
    pattern = "".join(re.escape(piece) if isinstance(piece, str) else piece.pattern for piece in pieces)
    return _Side(re.compile(pattern), tuple(pieces), part, _keys(pieces))


def _keys(pieces: list[str | _Variable]) -> tuple[str, ...]:
    if any(isinstance(piece, _Variable) and piece.name == REST for piece in pieces):
        return (REST,)
    choices = [
        (piece,) if isinstance(piece, str) else ("weight", "bias") if piece.name == "p" else ("0",) for piece in pieces
    ]
    return tuple(_key("".join(chosen)) for chosen in itertools.product(*choices))


@functools.lru_cache(maxsize=1 << 14)
def _key(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _text(variable: _Variable, values: dict[str, str]) -> str:
    value = values[variable.name]
    return value if variable.name in ("p", REST) else str(variable.factor * int(value) + variable.offset)


def _one_or_parts(moves: list[Move], parts: list[Part]) -> tuple[Move, ...]:
    """The first row that takes the whole tensor, else all rows that take parts of it."""
    if moves and parts[0] == WHOLE:
        return (moves[0],)
    return tuple(move for move, part in zip(moves, parts, strict=True) if part != WHOLE)
