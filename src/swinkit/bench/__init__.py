"""Speed, measured so that two contenders can be compared on a machine that is never quite the same."""

from __future__ import annotations

from swinkit.bench.ceilings import ceilings
from swinkit.bench.contenders import Contender, own, peak_memory
from swinkit.bench.table import draw, rows_of, table
from swinkit.bench.timing import Figure, figure, interleaved, ratio

__all__ = ["Contender", "Figure", "ceilings", "draw", "figure", "interleaved", "own", "peak_memory", "ratio", "rows_of",
           "table"]  # fmt: skip
