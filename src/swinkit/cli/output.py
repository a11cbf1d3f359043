"""Where words go: documents to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import Any


def document(value: Any) -> None:
    """Print one JSON document on stdout."""
    print(json.dumps(value, indent=2, allow_nan=False))


def note(text: str) -> None:
    """Say something to the person at the terminal."""
    print(text, file=sys.stderr)


class Counting:
    """Shows on a terminal how far something is; elsewhere it is silent."""

    def __init__(self, what: str) -> None:
        self._what, self._next, self._shown = what, monotonic() + 0.5, False
        self._whole = ""

    def __enter__(self) -> Counting:
        return self

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` are done."""
        self._whole = f" {done}/{total}"
        self._show(self._whole)

    def within(self, done: int, total: int) -> None:
        """Show how far the next one is."""
        self._show(f"{self._whole} ({min(done, total) / max(total, 1):.0%} of the next)")

    def _show(self, text: str) -> None:
        if monotonic() < self._next or not sys.stderr.isatty():
            return
        self._next, self._shown = monotonic() + 0.25, True
        print(f"\r{self._what}{text}\x1b[K", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of aligned columns; those whose cells are all numbers (or empty) stand at the right."""
    cells = [list(header), *[list(row) for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    right = [all(not row[i] or row[i][0].isdigit() for row in cells[1:]) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    )
