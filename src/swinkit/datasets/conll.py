"""Sentences with a class a word, as CoNLL's shared tasks have them: a line a word, an empty line after a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from swinkit.datasets.class_split import find_files
from swinkit.datasets.splits import canonical, held_out, named, refuse
from swinkit.files import ConfigError, DataError
from swinkit.files.tables import LARGEST
from swinkit.files.texts import raw_text, read_plain
from swinkit.types import Record

ENDINGS = (".conll", ".conllu", ".bio", ".iob", ".iob2", ".txt")
OUTSIDE = "O"
"""The class of words that are in no chunk: it comes first."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and the number of its first line."""

    line: int
    words: tuple[str, ...]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conll:
    """`train.conll`, `dev.conll`, `test.conll` in a folder (or .conllu, .bio, .iob, .iob2, .txt), or one such file that
    is all train. Columns stand between tabs or spaces; lines of # are comments.
    """

    path: str
    """The folder, or one file."""
    classes: tuple[str, ...] = ()
    """In the order of the model's answers; empty: those of train, O first, then in alphabetical order."""
    word: int = 0
    """The column of words, counted from 0."""
    label: int = -1
    """The column of classes; -1: the last one."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    modality: ClassVar[str] = "text"
    looks_for: ClassVar[str] = "train.conll (or .conllu, .bio, .iob, .txt) in a folder, or one such file"
    serves: ClassVar[tuple[str, ...]] = ("tag",)

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether it is such a file or holds some."""
        return bool(_files(Path(path)))

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(self._found())

    def resolved(self, *, strict: bool = True) -> Conll:
        """The same with its classes filled in."""
        if self.classes:
            return self
        files = self._found()
        sentences, _ = self.sentences(files.get("train") or next(iter(files.values())))
        found = {label for sentence in sentences for label in sentence.labels}
        return replace(self, classes=tuple(sorted(found, key=lambda name: (name != OUTSIDE, name))))

    def open(self, split: str = "train", *, strict: bool = True) -> TaggedSplit:
        """One split. Raises DataError; with `strict=False`, sentences that cannot be used are left out and listed."""
        layout, files, name = self.resolved(strict=strict), self._found(), canonical(split)
        source = "train" if name == "val" and "val" not in files else name
        if source not in files:
            raise DataError(self.path, f"has no {name} split, only {', '.join(files)}", field="split")
        sentences, problems = self.sentences(files[source])
        known, kept = set(layout.classes), list[Sentence]()
        for sentence in sentences:
            strange = next((at for at, label in enumerate(sentence.labels) if label not in known), None)
            if strange is None:
                kept.append(sentence)
                continue
            text = f"line {sentence.line + strange}: {sentence.labels[strange]!r} is none of the {len(known)} classes"
            problems.append(DataError(files[source], text, field="label"))
        if strict:
            refuse(problems, name)
        if not kept:
            raise problems[0] if problems else DataError(files[source], "holds no sentence", field="split")
        notes: list[str] = []
        ids = [f"{files[source].name}:{sentence.line}" for sentence in kept]
        if "val" not in files and name != "test":
            out, note = held_out(self.path, ids, self.holdout)
            chosen = [at for at, each in enumerate(ids) if (each in out) == (name == "val")]
            kept, ids = [kept[at] for at in chosen], [ids[at] for at in chosen]
            notes.append(note)
        return TaggedSplit(kept, ids, layout.classes, notes, problems)

    def sentences(self, file: Path) -> tuple[list[Sentence], list[DataError]]:
        """The sentences of a file, and why lines cannot be used."""
        found: list[Sentence] = []
        problems: list[DataError] = []
        columns = 0
        for first, lines in _blocks(read_plain(file, largest=LARGEST)):
            rows = [line.split("\t") if "\t" in line else line.split() for line in lines]
            if rows[0][0] == "-DOCSTART-":
                continue
            columns = columns or len(rows[0])
            odd = next((at for at, row in enumerate(rows) if self._why(row, columns)), None)
            if odd is None:
                words = tuple(row[self.word].replace(" ", "_") for row in rows)
                found.append(Sentence(first, words, tuple(row[self.label] for row in rows)))
            else:
                problems.append(DataError(file, f"line {first + odd}: {self._why(rows[odd], columns)}", field="label"))
        return found, problems

    def _why(self, row: Sequence[str], columns: int) -> str:
        """Why a line cannot be used, empty where it can."""
        if columns < 2:
            return "has one column: wanted a word and its class, with a tab or a space between"
        if len(row) != columns:
            return f"has {len(row)} columns, the lines before {columns}"
        if not -columns <= min(self.word, self.label) or max(self.word, self.label) >= columns:
            return f"has {columns} columns: data.word and data.label count from 0"
        return "" if row[self.word].strip() and row[self.label].strip() else "has an empty word or class"

    def _found(self) -> dict[str, Path]:
        if not (files := _files(Path(self.path))):
            came = "holds no such file" if Path(self.path).exists() else "does not exist"
            raise DataError(self.path, f"{came}; looked for {self.looks_for}")
        return files


class TaggedSplit:
    """One split; a record's target holds the index of every word's class."""

    def __init__(
        self,
        sentences: Sequence[Sentence],
        ids: Sequence[str],
        classes: tuple[str, ...],
        notes: Sequence[str],
        problems: Sequence[DataError],
    ) -> None:
        self.classes, self.notes, self.problems = classes, tuple(notes), tuple(problems)
        self._sentences, self._ids = sentences, ids
        self._index = {name: index for index, name in enumerate(classes)}

    def __len__(self) -> int:
        return len(self._sentences)

    def __getitem__(self, index: int) -> Record:
        sentence = self._sentences[index]
        target = np.array([self._index[label] for label in sentence.labels])
        return Record(id=self._ids[index], source=raw_text(" ".join(sentence.words)), target=target)


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines between empty ones, with the number of the first."""
    block: list[str] = []
    first = 1
    for number, line in enumerate([*text.split("\n"), ""], start=1):
        line = line.rstrip("\r")
        if line.strip() and not line.startswith("# "):
            first = first if block else number
            block.append(line)
        elif block and not line.strip():
            yield first, block
            block = []


def _files(path: Path) -> dict[str, Path]:
    """Split -> file; one file alone is all train."""
    if path.is_file():
        return {"train": path} if path.suffix.lower() in ENDINGS else {}
    return find_files(path, lambda alias: [alias + ending for ending in ENDINGS])
