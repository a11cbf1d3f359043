"""Connectionist temporal classification (Graves et al. 2006): what a path says, and the text most probable over paths.

A path has one symbol a frame; 0 is the blank, unit u is u + 1. Equal neighbours are merged, then blanks removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, inf, log
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from swinkit.ops.ngram import Ngram

BLANK = 0
SURE = log(0.999)
"""A frame whose blank is more probable than this is not searched."""
RARE = 8.0
"""Units whose logarithm is so much lower than the best of their frame are not searched."""


class Heard(NamedTuple):
    """A unit and the frames in which the path has it."""

    unit: int
    first: int
    last: int


def frames_needed(units: Sequence[int]) -> int:
    """The fewest frames that can carry these units: one each, and a blank between equal neighbours."""
    return len(units) + sum(one == other for one, other in zip(units, units[1:], strict=False))


def greedy(scores: Float[np.ndarray, "frames symbols"]) -> list[Heard]:
    """The units of the best path, with their frames."""
    heard: list[Heard] = []
    before = BLANK
    for frame, symbol in enumerate(scores.argmax(1).tolist()):
        if symbol != BLANK:
            if symbol == before:
                heard[-1] = heard[-1]._replace(last=frame)
            else:
                heard.append(Heard(symbol - 1, frame, frame))
        before = symbol
    return heard


def aligned(scores: Float[np.ndarray, "frames symbols"], units: Sequence[int]) -> list[Heard]:
    """The units with their frames on the most probable path that says them (Viterbi).

    Args:
        scores: log-probabilities.

    Raises:
        ValueError: there are fewer frames than `frames_needed`.
    """
    if len(scores) < frames_needed(units):
        raise ValueError(f"{len(units)} units need {frames_needed(units)} frames, there are {len(scores)}")
    states = np.full(2 * len(units) + 1, BLANK)
    states[1::2] = np.asarray(units, np.int64) + 1
    skips = np.zeros(len(states), bool)  # from the unit before, over the blank between
    skips[3::2] = states[3::2] != states[1:-2:2]
    best = np.full(len(states), -inf)
    best[:2] = scores[0, states[:2]]
    came = np.zeros((len(scores), len(states)), np.int8)
    for frame in range(1, len(scores)):
        ways = np.full((3, len(states)), -inf)
        ways[0], ways[1, 1:] = best, best[:-1]
        ways[2, 2:] = np.where(skips[2:], best[:-2], -inf)
        came[frame] = ways.argmax(0)
        best = ways.max(0) + scores[frame, states]
    state = len(states) - 1 if len(states) == 1 or best[-1] >= best[-2] else len(states) - 2
    path = [state]
    for frame in range(len(scores) - 1, 0, -1):
        path.append(path[-1] - int(came[frame, path[-1]]))
    places: list[list[int]] = [[] for _ in units]
    for frame, state in enumerate(reversed(path)):
        if state % 2:
            places[state // 2].append(frame)
    return [Heard(int(unit), frames[0], frames[-1]) for unit, frames in zip(units, places, strict=True)]


class _Beam(NamedTuple):
    """What is known of one beginning of the text."""

    blank: float
    """Log-probability of its paths that end in a blank, and of those that end in its last unit."""
    unit: float

    @property
    def both(self) -> float:
        return _sum(self.blank, self.unit)


def beam_search(
    scores: Float[np.ndarray, "frames symbols"],
    width: int,
    *,
    units: Sequence[str] = (),
    model: Ngram | None = None,
    weight: float = 0.5,
    bonus: float = 0.0,
) -> list[int]:
    """The units of the most probable text, summed over its paths: prefix beam search (Hannun et al. 2014, algorithm 1).

    Args:
        scores: log-probabilities.
        width: beginnings that are kept after every frame.
        units: how the units are written; a space ends a word.
        model: of words; its logarithm, times `weight`, and `bonus` count for every word.
    """
    told = _Language(units, model, weight, bonus)
    beams: dict[tuple[int, ...], _Beam] = {(): _Beam(0.0, -inf)}
    for row in scores.tolist():
        if row[BLANK] > SURE:
            beams = {prefix: _Beam(beam.both + row[BLANK], -inf) for prefix, beam in beams.items()}
            continue
        least = max(row) - RARE
        likely = [symbol - 1 for symbol in range(1, len(row)) if row[symbol] > least]
        grown: dict[tuple[int, ...], list[float]] = {}
        for prefix, beam in beams.items():
            _extend(grown, prefix, beam, row, likely)
        ranked = sorted(grown, key=lambda prefix: -(_sum(*grown[prefix]) + told.score(prefix)))
        beams = {prefix: _Beam(*grown[prefix]) for prefix in ranked[:width]}
    return list(max(beams, key=lambda prefix: beams[prefix].both + told.score(prefix, ended=True)))


def _extend(
    grown: dict[tuple[int, ...], list[float]], prefix: tuple[int, ...], beam: _Beam, row: list[float], likely: list[int]
) -> None:
    """What becomes of a beginning in one more frame: it stays, or has one more unit."""
    same = grown.setdefault(prefix, [-inf, -inf])
    same[0] = _sum(same[0], beam.both + row[BLANK])
    for unit in likely:
        score = row[unit + 1]
        longer = grown.setdefault((*prefix, unit), [-inf, -inf])
        if prefix and unit == prefix[-1]:  # without a blank between it is the same unit
            same[1] = _sum(same[1], beam.unit + score)
            longer[1] = _sum(longer[1], beam.blank + score)
        else:
            longer[1] = _sum(longer[1], beam.both + score)


class _Language:
    """What the words of a beginning add to its score; worked out once for each."""

    def __init__(self, units: Sequence[str], model: Ngram | None, weight: float, bonus: float) -> None:
        self._units, self._model, self._weight, self._bonus = units, model, weight, bonus
        self._known: dict[tuple[int, ...], tuple[float, tuple[str, ...], str]] = {(): (0.0, (), "")}

    def score(self, prefix: tuple[int, ...], *, ended: bool = False) -> float:
        """Of the words that are whole; `ended`: the last one is too, and the sentence ends."""
        if self._model is None and not self._bonus:
            return 0.0
        total, words, part = self._state(prefix)
        if not ended:
            return total
        if part:
            total, words = total + self._word(words, part), (*words, part)
        return total + (0.0 if self._model is None else self._weight * self._model.end(words))

    def _state(self, prefix: tuple[int, ...]) -> tuple[float, tuple[str, ...], str]:
        """Score of the whole words, the words, and the beginning of the next."""
        if prefix not in self._known:
            total, words, part = self._state(prefix[:-1])
            unit = self._units[prefix[-1]]
            if unit != " ":
                state = (total, words, part + unit)
            elif part:
                state = (total + self._word(words, part), (*words, part), "")
            else:
                state = (total, words, "")
            self._known[prefix] = state
        return self._known[prefix]

    def _word(self, words: tuple[str, ...], word: str) -> float:
        return self._bonus + (0.0 if self._model is None else self._weight * self._model.word(words, word))


def _sum(one: float, other: float) -> float:
    """Logarithm of the sum of two probabilities."""
    high, low = (one, other) if one > other else (other, one)
    return high if low == -inf else high + log(1.0 + exp(low - high))
