"""How probable a word is after the words before it: back-off n-gram models."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
NEVER = -99 * log(10)
"""What ARPA files write for a word that cannot come."""


@dataclass(frozen=True, slots=True)
class Ngram:
    """Katz's form (1987): the probability of the longest n-gram that is known, times the back-off weights of the
    longer contexts."""

    order: int
    table: Mapping[tuple[str, ...], tuple[float, float]]
    """n-gram -> natural logarithms of its probability and of its back-off weight."""

    def word(self, before: Sequence[str], word: str) -> float:
        """Natural logarithm of the probability of a word in a sentence that begins with `before`."""
        context = (BEGIN, *before)[max(0, len(before) + 2 - self.order) :] if self.order > 1 else ()
        word = word if (word,) in self.table else UNKNOWN
        weight = 0.0
        for first in range(len(context) + 1):
            found = self.table.get((*context[first:], word))
            if found is not None:
                return weight + found[0]
            if first < len(context):
                weight += self.table.get(tuple(context[first:]), (0.0, 0.0))[1]
        return weight + NEVER

    def end(self, before: Sequence[str]) -> float:
        """Natural logarithm of the probability that the sentence ends there."""
        return self.word(before, END)


def counted(sentences: Iterable[str], order: int) -> Ngram:
    """A model of sentences (words between spaces), smoothed by Witten and Bell's method, interpolated (Chen and Goodman
    1999, section 2.6): p(w|h) = (c(hw) + t(h) p(w|h')) / (c(h) + t(h)), where t(h) is how many different words follow h
    and h' is h without its first word. Below single words stand equal shares of all words and the unknown one.
    """
    follow: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        words = [BEGIN, *sentence.split(), END]
        for place in range(1, len(words)):
            for length in range(min(order, place + 1)):
                follow[tuple(words[place - length : place])][words[place]] += 1
    words = {*follow[()], UNKNOWN}
    table: dict[tuple[str, ...], tuple[float, float]] = {}
    chances: dict[tuple[str, ...], float] = {}

    def chance(context: tuple[str, ...], word: str) -> float:
        if (*context, word) in chances:
            return chances[(*context, word)]
        lower = 1 / len(words) if not context else chance(context[1:], word)
        seen = follow.get(context, Counter())
        return (seen[word] + len(seen) * lower) / (seen.total() + len(seen)) if seen else lower

    def weight(context: tuple[str, ...]) -> float:
        seen = follow.get(context)
        return log(len(seen) / (seen.total() + len(seen))) if seen else 0.0

    for context in sorted(follow, key=len):
        for word in words if not context else follow[context]:
            chances[(*context, word)] = chance(context, word)
            table[(*context, word)] = (log(chances[(*context, word)]), weight((*context, word)))
    table.setdefault((BEGIN,), (NEVER, weight((BEGIN,))))
    return Ngram(order, table)
