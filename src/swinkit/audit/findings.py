"""What an audit found, as values, as JSON and as lines to print."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend: an error cannot be trained on, a warning can."""

    level: Level
    split: str
    file: str
    field: str | None
    message: str

    def __str__(self) -> str:
        return f"{self.level}: {self.file}: {f'{self.field}: ' if self.field else ''}{self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSummary:
    """What one split holds."""

    samples: int
    """Usable ones."""
    sizes: dict[tuple[int, ...], int]
    """Space of the inputs -> how many have it."""
    classes: tuple[str, ...]
    counts: tuple[int, ...]
    """Of each class: labelled cells (pixels), samples or things, see `unit`."""
    present: tuple[int, ...]
    """Samples in which each class occurs."""
    ignored: int
    """Cells (or things) that count nowhere."""
    unit: str = "labelled cells"
    """What is counted."""

    def to_json(self) -> dict[str, Any]:
        """Plain values; shares are of the labelled cells."""
        total = max(sum(self.counts), 1)
        spaces = sorted(self.sizes)
        return {
            "samples": self.samples,
            "sizes": [{"size": list(space), "samples": self.sizes[space]} for space in spaces[:20]],
            "different_sizes": len(spaces),
            "unit": self.unit,
            "ignored": self.ignored / max(self.ignored + sum(self.counts), 1),
            "classes": {
                name: {"share": count / total, "count": count, "samples": present}
                for name, count, present in zip(self.classes, self.counts, self.present, strict=True)
            },
        }

    def _spread(self, samples: int) -> str:
        return "" if self.unit == "samples" else f", in {samples} samples"

    def lines(self, name: str) -> list[str]:
        """A heading, then one line a class."""
        spaces = sorted(self.sizes)
        sizes = " to ".join("x".join(map(str, space)) for space in dict.fromkeys(spaces[:1] + spaces[-1:]))
        content = self.to_json()
        head = f"{name}: {self.samples} samples, {sizes or 'no size'}, {len(self.classes)} classes"
        rows = [
            f"  {label:<20.20} {row['share']:7.2%} of the {self.unit}{self._spread(row['samples'])}"
            for label, row in content["classes"].items()
        ]
        return [head + (f", {content['ignored']:.1%} ignored" if self.ignored else ""), *rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Everything an audit found."""

    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    splits: dict[str, SplitSummary]

    @property
    def ok(self) -> bool:
        """Whether the data can be trained on: no errors, warnings allowed."""
        return not any(problem.level == "error" for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """One JSON document with every problem."""
        return {
            "ok": self.ok,
            "problems": [asdict(problem) for problem in self.problems],
            "notes": list(self.notes),
            "splits": {name: summary.to_json() for name, summary in self.splits.items()},
        }

    def lines(self, most: int = 50) -> list[str]:
        """For people: splits, notes, then problems, errors first, `most` of each level."""
        text = [line for name, summary in self.splits.items() for line in summary.lines(name)]
        text += [f"note: {note}" for note in self.notes]
        counts = Counter(problem.level for problem in self.problems)
        for level in ("error", "warning"):
            chosen = [str(problem) for problem in self.problems if problem.level == level]
            text += chosen[:most] + ([f"... and {len(chosen) - most} more {level}s"] if len(chosen) > most else [])
        return [*text, f"{counts['error']} errors, {counts['warning']} warnings"]
