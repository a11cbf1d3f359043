"""Reads every sample of every split, changes nothing, and tells everything that is wrong or worth knowing."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from swinkit.audit.findings import Audit, Level, Problem, SplitSummary
from swinkit.files import DataError
from swinkit.files.masks import IGNORE
from swinkit.files.pictures import PICTURE_SUFFIXES, kind
from swinkit.types import Dataset, Modality, Objects, Record, Sample

THREADS = 4  # decoding leaves Python's lock
DARK = 32
_NONE = {"labelled cells": "no pixel", "samples": "no sample", "things": "no box", "words": "no word"}


_Found = tuple[Level, str | None, str, str]
"""Level, field, message, file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What one sample showed."""

    file: str
    found: tuple[_Found, ...] = ()
    space: tuple[int, ...] = ()
    digest: bytes = b""
    counts: np.ndarray | None = None
    """How many cells, samples or things each class index has; None: unlabelled or unreadable."""
    ignored: int = 0
    unit: str = ""


def check(
    splits: Mapping[str, Dataset], modality: Modality, progress: Callable[[int, int], None] | None = None
) -> Audit:
    """Look at every sample of every split (opened with `strict=False`, so that all problems are seen, not the first).

    Errors: what cannot be read or used, and samples without any labelled cell. Warnings: equal inputs in two splits
    or twice in one, classes that train never shows, frames that are passed over, pictures that are nearly black.
    `progress` is called with (done, total). Files are only read.
    """
    total = sum(map(len, splits.values()))
    looks: dict[str, list[_Look]] = {}
    done = 0
    for name, dataset in splits.items():
        looks[name] = []
        for look in _looks(dataset, modality):
            looks[name].append(look)
            done += 1
            if progress is not None:
                progress(done, total)
    problems: list[Problem] = []
    summaries: dict[str, SplitSummary] = {}
    for name, dataset in splits.items():
        problems += _unusable(name, dataset) + [_problem(name, *found) for look in looks[name] for found in look.found]
        summaries[name], beyond = _summary(looks[name], dataset.classes)
        problems += [_problem(name, "error", "class", message, file) for file, message in beyond]
    problems += _equal_inputs(looks) + _rare_classes(summaries)
    notes = [note for dataset in splits.values() for note in getattr(dataset, "notes", ())]
    unique = {
        str(problem): problem for problem in reversed(problems)
    }  # train and a val cut from it share the left-out entries
    return Audit(problems=tuple(reversed(unique.values())), notes=tuple(dict.fromkeys(notes)), splits=summaries)


def _looks(dataset: Dataset, modality: Modality) -> Iterator[_Look]:
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        yield from pool.map(lambda index: _look(dataset, index, modality), range(len(dataset)))


def _unusable(split: str, dataset: Dataset) -> list[Problem]:
    errors: Sequence[DataError] = getattr(dataset, "problems", ())
    return [_problem(split, "error", error.field, error.what, str(error.path)) for error in errors]


def _problem(split: str, level: Level, field: str | None, message: str, file: str) -> Problem:
    return Problem(level=level, split=split, file=file, field=field, message=message)


def _look(dataset: Dataset, index: int, modality: Modality) -> _Look:
    try:
        record = dataset[index]
    except DataError as error:
        return _Look(file=str(error.path), found=(("error", error.field, error.what, str(error.path)),))
    file = str(record.source) if isinstance(record.source, Path) else record.id
    try:
        sample = modality.read(record)
        problems = _remarks(record, sample, file) if modality.rank == 2 else []
    except DataError as error:
        return _Look(file=file, found=(("error", error.field, error.what, str(error.path)),))
    counts, ignored, unit = _counted(sample.target)
    if unit == "labelled cells" and not counts.any():
        mask = str(getattr(record.target, "path", file))
        problems.append(("error", "mask", "every pixel is ignored: nothing can be learned from it", mask))
    return _Look(
        file=file,
        found=tuple(problems),
        space=tuple(sample.size),
        digest=_digest(sample),
        counts=counts if unit else None,
        ignored=ignored,
        unit=unit,
    )


def _counted(target: Any) -> tuple[np.ndarray, int, str]:
    """How often each class index is there, how much is ignored, and what was counted (nothing: no target)."""
    if isinstance(target, Objects):
        return np.bincount(target.labels[~target.crowd].numpy()), int(target.crowd.sum()), "things"
    if not isinstance(target, Tensor):
        return np.zeros(0, np.int64), 0, ""
    if target.ndim == 0:
        return np.bincount(target.numpy().ravel()), 0, "samples"
    if target.ndim == 1:
        return np.bincount(target.numpy()[target.numpy() >= 0]), 0, "words"
    counts = np.bincount(target.numpy().ravel(), minlength=IGNORE + 1)
    ignored, counts[IGNORE] = int(counts[IGNORE]), 0
    return counts, ignored, "labelled cells"


def _remarks(record: Record, sample: Sample, file: str) -> list[_Found]:
    path = record.source
    if not isinstance(path, Path) or sample.text or path.suffix.lower() not in PICTURE_SUFFIXES:
        return []
    mode, several = kind(record.source)
    remarks: list[_Found] = []
    if several:
        remarks.append(("warning", None, "has several frames, only the first is read", file))
    if mode.startswith("I") and int(sample.grid.max()) < DARK:
        text = "its 16-bit values use less than an eighth of the range, so it is nearly black: stretch them to 0..65535"
        remarks.append(("warning", None, text, file))
    return remarks


def _digest(sample: Sample) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for name, each in {"": sample, **sample.parts}.items():
        grid = each.grid.contiguous().numpy()
        digest.update(f"{name}{grid.shape}".encode() + grid.tobytes())
    return digest.digest()


def _summary(looks: list[_Look], classes: tuple[str, ...]) -> tuple[SplitSummary, list[tuple[str, str]]]:
    """The split's figures, and samples with an index that no class has."""
    count = len(classes)
    counts, present, ignored, unit = np.zeros(count, np.int64), np.zeros(count, np.int64), 0, "labelled cells"
    wrong: list[tuple[str, str]] = []
    for look in looks:
        if look.counts is None:
            continue
        known = look.counts[:count]
        counts[: len(known)] += known
        present[: len(known)] += known > 0
        ignored, unit = ignored + look.ignored, look.unit
        if beyond := np.flatnonzero(look.counts[count:]).tolist():
            wrong.append((look.file, f"class index {beyond[0] + count}, but there are {count} classes"))
    summary = SplitSummary(
        samples=sum(bool(look.space) for look in looks),
        sizes=dict(Counter(look.space for look in looks if look.space)),
        classes=classes,
        counts=tuple(counts.tolist()),
        present=tuple(present.tolist()),
        ignored=ignored,
        unit=unit,
    )
    return summary, wrong


def _equal_inputs(looks: Mapping[str, list[_Look]]) -> list[Problem]:
    seen: dict[bytes, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for split, several in looks.items():
        for look in several:
            if look.digest:
                seen[look.digest][split].append(look.file)
    found: list[Problem] = []
    for places in seen.values():
        (first, files), *others = places.items()
        for split, copies in others:
            text = f"is the same as {files[0]} in {first}: results on {split} are too good to be true"
            found.append(_problem(split, "warning", None, text, copies[0]))
        for split, copies in places.items():
            if len(copies) > 1:
                text = f"is there {len(copies)} times in {split}, again as {copies[1]}"
                found.append(_problem(split, "warning", None, text, copies[0]))
    return found


def _rare_classes(summaries: Mapping[str, SplitSummary]) -> list[Problem]:
    train = summaries.get("train")
    if train is None or not train.samples or not sum(train.counts):
        return []
    found: list[Problem] = []
    for index, name in enumerate(train.classes):
        if train.counts[index] == 0:
            others = [
                split for split, summary in summaries.items() if index < len(summary.counts) and summary.counts[index]
            ]
            though = f", though {others[0]} has some" if others else ""
            text = f"{_NONE[train.unit]} of train has it{though}: it cannot be learned"
            found.append(_problem("train", "warning", name, text, "classes"))
    if np.count_nonzero(train.counts) == 1 and train.unit != "things":
        text = "train shows a single class: every answer is right"
        found.append(_problem("train", "warning", None, text, "classes"))
    return found
