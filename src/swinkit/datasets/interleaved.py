"""Data sets of different kinds learnt from together, each by its own task."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar

from swinkit.datasets.splits import SPLITS
from swinkit.files import ConfigError, DataError
from swinkit.types import Dataset, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Interleaved:
    """A folder with a folder a task, named like it, each in a layout of that task: `data/segment`, `data/detect` ...

    A sample has the target of its own task alone.
    """

    path: str
    layouts: dict[str, Any] = field(default_factory=dict[str, Any])
    """Task -> layout; the recipe fills in what lies in the folder."""

    looks_for: ClassVar[str] = "folders named segment, detect, classify ..., each in a layout of that task"
    serves: ClassVar[tuple[str, ...]] = ("several",)
    parts: ClassVar[dict[str, str]] = {"layouts": "data"}

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether there are folders that are named like tasks."""
        return bool(tasks_in(Path(path)))

    def splits(self) -> tuple[str, ...]:
        """Those that every part has."""
        each = [layout.splits() for layout in self._layouts().values()]
        return tuple(split for split in SPLITS if all(split in splits for splits in each))

    def resolved(self, *, strict: bool = True) -> Interleaved:
        """The same with every part's own values filled in."""
        found = {task: layout.resolved(strict=strict) for task, layout in self._layouts().items()}
        return replace(self, layouts=found)

    def of(self, task: str) -> Any:
        """The layout of one task."""
        return self._layouts()[task]

    def open(self, split: str = "train", *, strict: bool = True) -> InterleavedSplit:
        """That split of every part, one after the other; the engine shuffles them."""
        return InterleavedSplit({task: layout.open(split, strict=strict) for task, layout in self._layouts().items()})

    def _layouts(self) -> dict[str, Any]:
        if not self.layouts:
            raise DataError(self.path, f"no part was named; looked for {self.looks_for}", field="layouts")
        return self.layouts


class InterleavedSplit:
    """One split; a record's target is {task: target}."""

    classes: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()

    def __init__(self, each: dict[str, Dataset]) -> None:
        self._each = each
        self._ends = list(accumulate(len(data) for data in each.values()))
        self.notes = tuple(note for data in each.values() for note in getattr(data, "notes", ()))
        self.problems = tuple(problem for data in each.values() for problem in getattr(data, "problems", ()))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> Record:
        first = 0
        for (task, data), end in zip(self._each.items(), self._ends, strict=True):
            if first <= index < end:
                record = data[index - first]
                return replace(record, id=f"{task}/{record.id}", target={task: record.target})
            first = end
        raise IndexError(index)


def tasks_in(path: Path) -> list[str]:
    """The folders of `path` that are named like tasks."""
    names = ("segment", "classify", "detect", "pose")
    return [name for name in names if (path / name).is_dir()]


def part(path: Path | str, task: str) -> Path:
    """Where the data of one task lies; ConfigError where it does not."""
    folder = Path(path) / task
    if not folder.is_dir():
        raise ConfigError(
            f"task.tasks.{task}: {path} has no folder of that name, only {', '.join(tasks_in(Path(path)))}"
        )
    return folder
