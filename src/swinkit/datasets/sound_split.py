"""Labelled or transcribed sounds dealt to splits, by speaker where speakers are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np

from swinkit.datasets.splits import SPLITS, canonical, held_out, named, refuse, smallest_hashes
from swinkit.files import ConfigError, DataError, did_you_mean
from swinkit.files.sound_tables import Row
from swinkit.types import Record

Target = Literal["label", "text"]
_SHOWN = 12  # characters or classes that an error lists


@dataclass(frozen=True, slots=True)
class Said:
    """One usable line of a table."""

    id: str
    source: Path | int
    """The sound, or its number among given features."""
    words: str
    """Its label or its text."""
    speaker: str
    split: str
    """Train, val or test; empty where the table does not say."""
    table: Path
    line: int


class SoundSplit:
    """One split; a record's target is the index of its class, or those of the units of its text."""

    def __init__(
        self,
        rows: Sequence[Said],
        target: Target,
        classes: tuple[str, ...],
        sound: Callable[[int], np.ndarray] | None,
        notes: Sequence[str] = (),
        problems: Sequence[DataError] = (),
    ) -> None:
        self.classes, self.ids = classes, tuple(range(len(classes)))
        self.notes, self.problems = tuple(notes), tuple(problems)
        self._rows, self._target, self._sound = rows, target, sound
        self._index = {name: index for index, name in enumerate(classes)}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Record:
        row = self._rows[index]
        source = row.source
        if not isinstance(source, Path):
            assert self._sound is not None, "numbered sounds come with a reader"
            source = self._sound(source)
        if self._target == "label":
            return Record(id=row.id, source=source, target=self._index[row.words])
        return Record(id=row.id, source=source, target=np.array([self._index[unit] for unit in row.words], np.int64))

    def texts(self) -> list[str]:
        """The labels or transcripts, in the order of the records."""
        return [row.words for row in self._rows]

    def speakers(self) -> list[str]:
        """Who speaks, in the order of the records; empty where it is not known."""
        return [row.speaker for row in self._rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundLayout:
    """What every table of sounds says: which column means what, and who is kept for validation and test."""

    path: str
    target: Target = "label"
    """What is learnt: one class a sound, or its transcript."""
    classes: tuple[str, ...] = ()
    """The classes, or the characters that texts are spelled with, in the order of the model's answers; empty: those of
    train, sorted."""
    label: str = "label"
    """The column of classes."""
    text: str = "text"
    """The column of transcripts."""
    split: str = "split"
    """The column of splits, of one table for all; a table without it is all train."""
    speaker: str = "speaker"
    """The column of speakers, if there is one."""
    test_speakers: tuple[str, ...] = ()
    """The sounds of these speakers are the test split, whatever the table says; the others are the rest."""
    val_speakers: tuple[str, ...] = ()
    """Likewise for validation."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""
    hold_out: Literal["speakers", "files"] = "speakers"
    """What is held out for that: whole speakers, where the table names them, or single files."""

    serves: ClassVar[tuple[str, ...]] = ("classify", "transcribe")
    modality: ClassVar[str] = "audio"

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")
        if self.hold_out not in ("speakers", "files"):
            raise ConfigError(f"hold_out {self.hold_out!r}: there are speakers and files")
        if both := set(self.test_speakers) & set(self.val_speakers):
            raise ConfigError(f"test_speakers, val_speakers: {sorted(both)[0]!r} is among both")

    def of_task(self, task: str) -> Self:
        """The same with what the task learns."""
        return replace(self, target="text" if task == "transcribe" else "label")

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(self._dealt()[0])

    def resolved(self, *, strict: bool = True) -> Self:
        """The same with its classes filled in."""
        if self.classes:
            return self
        dealt = self._dealt()[0]
        rows = dealt.get("train") or next(iter(dealt.values()), [])
        return replace(self, classes=_names(rows, self.target))

    def open(self, split: str = "train", *, strict: bool = True) -> SoundSplit:
        """One split. Raises DataError; with `strict=False`, lines that cannot be used are left out and listed."""
        name = canonical(split)
        dealt, problems, sound = self._dealt()
        source = "train" if name == "val" and "val" not in dealt else name
        if source not in dealt:
            refuse(problems, name)  # nothing can be used: say why
            raise DataError(self.path, f"has no {name} split, only {', '.join(dealt)}", field="split")
        classes = self.classes or _names(dealt.get("train") or dealt[source], self.target)
        column = self.label if self.target == "label" else self.text
        strange = {
            id(row): problem for row in dealt[source] if (problem := _strange(row, classes, self.target, column))
        }
        problems = [*problems, *strange.values()]
        if strict:
            refuse(problems, name)
        rows = [row for row in dealt[source] if id(row) not in strange]
        if not rows:
            raise DataError(self.path, f"{source} holds no sound", field="split")
        notes: list[str] = []
        if "val" not in dealt and name != "test":
            out, note = self._kept(rows)
            rows = [row for row in rows if (row.id in out) == (name == "val")]
            notes.append(note)
        return SoundSplit(rows, self.target, classes, sound, notes, problems)

    def found(self) -> tuple[list[Said], list[DataError], Callable[[int], np.ndarray] | None]:
        """Every usable line, what is wrong with the others, and what gives the features of numbered ones."""
        raise NotImplementedError("every layout says how it finds its lines")

    def said(self, table: Path, row: Row, name: str, source: Path | int) -> Said | DataError:
        """One line of a table as a sound; `name` becomes its id."""
        line, cells = row
        column = self.label if self.target == "label" else self.text
        words = cells.get(column, "")
        words = words if self.target == "label" else " ".join(words.split())
        if not words:
            return DataError(table, f"line {line}: is empty", field=column)
        split = cells.get(self.split, "")
        if split and not any(split in aliases for aliases in SPLITS.values()):
            return DataError(table, f"line {line}: {split!r} is none of {', '.join(SPLITS)}", field=self.split)
        speaker = cells.get(self.speaker, "")
        return Said(name, source, words, speaker, canonical(split) if split else "", table, line)

    def check_columns(self, table: Path, names: Sequence[str]) -> None:
        """DataError where a table lacks what is learnt."""
        column, field = (self.label, "label") if self.target == "label" else (self.text, "text")
        if column not in names:
            hint = f"{did_you_mean(column, names)}; say which with data.{field}=NAME"
            raise DataError(table, f"is no column: {hint}", field=column)

    def _dealt(self) -> tuple[dict[str, list[Said]], list[DataError], Callable[[int], np.ndarray] | None]:
        rows, problems, sound = self.found()
        dealt: dict[str, list[Said]] = {}
        seen: dict[str, Said] = {}
        known = {row.speaker for row in rows}
        for name in (*self.test_speakers, *self.val_speakers):
            if name not in known:
                raise ConfigError(f"{self.path}: no speaker {name!r}: {did_you_mean(name, sorted(known - {''}))}")
        for row in rows:
            if row.id in seen:
                text = f"line {row.line}: {row.id} is there already in line {seen[row.id].line}"
                problems.append(DataError(row.table, text, field="file"))
                continue
            seen[row.id] = row
            dealt.setdefault(self._where(row), []).append(row)
        return {name: dealt[name] for name in SPLITS if name in dealt}, problems, sound

    def _where(self, row: Said) -> str:
        if self.test_speakers:
            return "test" if row.speaker in self.test_speakers else self._rest(row)
        return "val" if row.speaker in self.val_speakers else row.split or "train"

    def _rest(self, row: Said) -> str:
        return "val" if row.speaker in self.val_speakers else "train"

    def _kept(self, rows: Sequence[Said]) -> tuple[set[str], str]:
        speakers = Counter(row.speaker for row in rows)
        if self.hold_out == "files" or "" in speakers or len(speakers) < 3:
            return held_out(self.path, [row.id for row in rows], self.holdout)
        out = smallest_hashes(list(speakers), self.holdout)
        ids = {row.id for row in rows if row.speaker in out}
        note = (
            f"{self.path} has no val split: {len(out)} of {len(speakers)} speakers, chosen by the hash of their names, "
            f"are kept for validation ({len(ids)} of {len(rows)} training sounds)"
        )
        return ids, note


def _names(rows: Sequence[Said], target: Target) -> tuple[str, ...]:
    found = {row.words for row in rows} if target == "label" else {unit for row in rows for unit in row.words}
    numbers = target == "label" and all(map(str.isdecimal, found))
    return tuple(sorted(found, key=int) if numbers else sorted(found))


def _strange(row: Said, classes: tuple[str, ...], target: Target, column: str) -> DataError | None:
    """What is wrong with a line whose label or characters the model does not know."""
    known = set(classes)
    wrong = [row.words] if target == "label" else list(row.words)
    wrong = [each for each in wrong if each not in known]
    if not wrong:
        return None
    kind = "classes" if target == "label" else "characters"
    shown = (", " if target == "label" else "").join(classes[:_SHOWN])
    more = " ..." if len(classes) > _SHOWN else ""
    text = f"line {row.line}: {wrong[0]!r} is none of the {len(classes)} {kind} ({shown}{more})"
    return DataError(row.table, text, field=column)
