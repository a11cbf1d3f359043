"""Interleaved timing and intervals that assume nothing about how times are distributed."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

WARM_UP = 3
"""Calls before anything is measured."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A median and its 95 % interval."""

    median: float
    low: float
    high: float


def interleaved(
    calls: Mapping[str, Callable[[], object]],
    *,
    blocks: int = 20,
    block_seconds: float = 0.25,
    rest: float = 0.25,
    told: Callable[[int], None] = lambda block: None,
) -> dict[str, list[float]]:
    """Seconds that one call of each contender takes, in every block.

    Contenders take turns, and the order turns round from block to block (A B B A), so that a machine that slows down
    or warms up meets all of them. A block repeats its call until `block_seconds` have passed, at least once. Before it,
    `rest` seconds pass and an untimed call is made: threads of the one before it go on turning for that long (OpenMP).
    `told(block)` hears of every block that is done.
    """
    repeats: dict[str, int] = {}
    for name, call in calls.items():
        for _ in range(WARM_UP):
            call()
        repeats[name] = max(1, round(block_seconds / max(_seconds(call, 1), 1e-9)))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for block in range(blocks):
        for name in list(calls)[:: -1 if block % 2 else 1]:
            time.sleep(rest)
            calls[name]()
            found[name].append(_seconds(calls[name], repeats[name]))
        told(block)
    return found


def _seconds(call: Callable[[], object], times: int) -> float:
    _wait()
    begun = time.perf_counter()
    for _ in range(times):
        call()
    _wait()
    return (time.perf_counter() - begun) / times


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def figure(values: Sequence[float]) -> Figure:
    """The median of the values, and the two of them that enclose the true one in 95 of 100 cases (order statistics:
    Conover 1999, section 3.2). Fewer than six values have no such interval; then it is all of them."""
    ordered, count = sorted(values), len(values)
    outside, rank = 0.5**count, 0
    while outside <= 0.025:
        rank += 1
        outside += math.comb(count, rank) * 0.5**count
    rank = max(rank, 1)
    return Figure(statistics.median(ordered), ordered[rank - 1], ordered[count - rank])


def ratio(slower: Sequence[float], faster: Sequence[float]) -> Figure:
    """How many times as fast `faster` is, block by block: what slowed a whole block down cancels out."""
    return figure([a / b for a, b in zip(slower, faster, strict=True)])
