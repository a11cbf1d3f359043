"""How well things are followed through films: IDF1, MOTA, and how often a thing changes its number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from swinkit.ops import boxes

NEAR = 0.5
"""A found box is a true one's from this overlap (IoU) on, as in the MOT challenges."""


class Seen(NamedTuple):
    """The things of one frame."""

    numbers: Int[np.ndarray, " n"]
    """Of each thing, the same in all frames of a film and never twice in one."""
    boxes: Float[np.ndarray, "n 4"]
    """Left, top, right, bottom edges."""


class TrackScores:
    """Figures over films, whatever the classes of the things.

    IDF1 (Ristani et al. 2016): every true thing is given the one track that shares most frames with it, so that the sum
    over all is greatest; the harmonic mean of the shares of true and of found boxes that agree then. MOTA (Bernardin
    and Stiefelhagen 2008): a thing stays with the track that it had last as long as they overlap, the others are
    matched frame by frame; one less the share of misses, false boxes and switches, of the true boxes.
    """

    main: ClassVar[str] = "idf1"

    def __init__(self, *, near: float = NEAR) -> None:
        self.near = near
        self.counts: Counter[str] = Counter()
        """`truth` and `found` boxes, those that `agree` for IDF1, `misses`, `false` boxes and `switches` for MOTA."""

    def update(self, truth: Sequence[Seen], found: Sequence[Seen]) -> None:
        """Count one film, frame by frame.

        Raises:
            ValueError: the numbers of frames differ, or a number is there twice in one.
        """
        if len(truth) != len(found):
            raise ValueError(f"{len(found)} frames were found for {len(truth)} true ones: pass one for each")
        for time, (one, other) in enumerate(zip(truth, found, strict=True)):
            if any(len(np.unique(each.numbers)) < len(each.numbers) for each in (one, other)):
                raise ValueError(f"frame {time}: a number is there twice")
        overlaps = [_overlaps(one, other) for one, other in zip(truth, found, strict=True)]
        self.counts["truth"] += sum(len(each.numbers) for each in truth)
        self.counts["found"] += sum(len(each.numbers) for each in found)
        self.counts["agree"] += self._agreeing(truth, found, overlaps)
        self._follow(truth, found, overlaps)

    def merge(self, other: TrackScores) -> None:
        """Add what another process counted."""
        self.counts.update(other.counts)

    def result(self) -> dict[str, float]:
        """`idf1`, `id_precision`, `id_recall` and `mota` as fractions (MOTA may be below 0), and the numbers of
        `switches`, `misses` and `false` boxes; {} where there is no true box."""
        count = self.counts
        if not count["truth"]:
            return {}
        found: dict[str, float] = {
            "idf1": 2 * count["agree"] / (count["truth"] + count["found"]),
            "id_recall": count["agree"] / count["truth"],
            "mota": 1 - (count["misses"] + count["false"] + count["switches"]) / count["truth"],
        }
        if count["found"]:
            found["id_precision"] = count["agree"] / count["found"]
        return found | {name: count[name] for name in ("switches", "misses", "false")}

    def _agreeing(self, truth: Sequence[Seen], found: Sequence[Seen], overlaps: Sequence[np.ndarray]) -> int:
        """The most boxes that agree when every true thing has at most one track, and every track one thing."""
        things, tracks = (
            {number: place for place, number in enumerate(sorted({int(n) for each in frames for n in each.numbers}))}
            for frames in (truth, found)
        )
        shared = np.zeros((len(things), len(tracks)), np.int64)
        for one, other, overlap in zip(truth, found, overlaps, strict=True):
            for row, column in zip(*np.nonzero(overlap >= self.near), strict=True):
                shared[things[int(one.numbers[row])], tracks[int(other.numbers[column])]] += 1
        return int(shared[linear_sum_assignment(shared, maximize=True)].sum())

    def _follow(self, truth: Sequence[Seen], found: Sequence[Seen], overlaps: Sequence[np.ndarray]) -> None:
        last: dict[int, int] = {}
        for one, other, overlap in zip(truth, found, overlaps, strict=True):
            pairs = self._kept(one, other, overlap, last)
            left = [np.setdiff1d(np.arange(n), side) for n, side in zip(overlap.shape, _sides(pairs), strict=True)]
            pairs += [(int(left[0][row]), int(left[1][column])) for row, column in self._new(overlap[np.ix_(*left)])]
            for row, column in pairs:
                thing, track = int(one.numbers[row]), int(other.numbers[column])
                self.counts["switches"] += last.get(thing, track) != track
                last[thing] = track
            self.counts["misses"] += len(one.numbers) - len(pairs)
            self.counts["false"] += len(other.numbers) - len(pairs)

    def _kept(self, one: Seen, other: Seen, overlap: np.ndarray, last: dict[int, int]) -> list[tuple[int, int]]:
        """Things that overlap with the track that they had last."""
        places = {int(number): column for column, number in enumerate(other.numbers)}
        pairs: list[tuple[int, int]] = []
        for row, number in enumerate(one.numbers):
            column = places.get(last.get(int(number), -1))
            if column is not None and overlap[row, column] >= self.near and column not in _sides(pairs)[1]:
                pairs.append((row, column))
        return pairs

    def _new(self, overlap: np.ndarray) -> list[tuple[int, int]]:
        """As many pairs as there can be, then those of the greatest overlap."""
        weight = np.where(overlap >= self.near, overlap + min(overlap.shape) + 1, 0)
        rows, columns = linear_sum_assignment(weight, maximize=True)
        return [
            (row, column) for row, column in zip(rows.tolist(), columns.tolist(), strict=True) if weight[row, column]
        ]


def _overlaps(one: Seen, other: Seen) -> np.ndarray:
    """[n m] IoU."""
    first, second = (torch.from_numpy(np.asarray(each.boxes, np.float64)) for each in (one, other))
    return boxes.pairwise(boxes.iou, first, second).numpy()


def _sides(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [row for row, _ in pairs], [column for _, column in pairs]
