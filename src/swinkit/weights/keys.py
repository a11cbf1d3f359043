"""What became of every tensor when weights were loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshaped:
    """A tensor whose shape in the file is not the model's."""

    name: str
    before: Shape
    after: Shape
    how: str
    """What was done, for people."""
    fresh: bool = False
    """The model's own first values were kept; nothing of the file is in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReport:
    """What became of every tensor; names are ours."""

    layout: str
    loaded: tuple[str, ...] = ()
    """Taken from the file, reshaped ones included."""
    missing: tuple[str, ...] = ()
    """In the model, not in the file: left at their first values."""
    unexpected: tuple[str, ...] = ()
    """In the file, not in the model: not used."""
    reshaped: tuple[Reshaped, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether file and model have the same tensors, and none was changed."""
        return not (self.missing or self.unexpected or self.reshaped)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "layout": self.layout,
            "loaded": list(self.loaded),
            "missing": list(self.missing),
            "unexpected": list(self.unexpected),
            "reshaped": [
                {"name": r.name, "before": list(r.before), "after": list(r.after), "how": r.how, "fresh": r.fresh}
                for r in self.reshaped
            ],
        }

    def __str__(self) -> str:
        lines = [f"{len(self.loaded)} tensors loaded from the {self.layout} layout"]
        if self.whole:
            return lines[0] + ": all of the model, all of the file"
        lines += [f"  not in the file, left as new: {text}" for text in grouped(self.missing)]
        lines += [f"  not in the model, not used: {text}" for text in grouped(self.unexpected)]
        seen: dict[tuple[str, Shape, Shape], list[str]] = {}
        for r in self.reshaped:
            seen.setdefault((r.how, r.before, r.after), []).append(r.name)
        for (how, before, after), names in seen.items():
            lines += [f"  {text}: {list(before)} -> {list(after)}, {how}" for text in grouped(names)]
        return "\n".join(lines)


def grouped(names: Iterable[str]) -> list[str]:
    """Names that differ only in the numbers of stage and block as one line, with their count."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(re.sub(r"\.\d+\.", ".*.", re.sub(r"\.\d+\.", ".*.", name)), []).append(name)
    return [members[0] if len(members) == 1 else f"{group} ({len(members)})" for group, members in groups.items()]
