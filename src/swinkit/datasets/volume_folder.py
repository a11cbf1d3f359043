"""Volumes with label files of the same names: `images` beside `labels`, or the Medical Segmentation Decathlon's."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import UInt8

from swinkit.datasets.splits import canonical, held_out, named, refuse
from swinkit.files import ConfigError, DataError
from swinkit.files.json_text import read_json
from swinkit.files.masks import IGNORE, MAX_CLASSES, IdTable
from swinkit.files.volumes import NIFTI, is_volume, read_labels, stem
from swinkit.types import Record

FORMS = (("images", "labels"), ("imagesTr", "labelsTr"))
TESTED = ("imagesTs", "labelsTs")
SPLIT, DECATHLON = "split.csv", "dataset.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFile:
    """Labels on disk with the table that reads them: the target of a record."""

    path: Path
    table: IdTable

    def read(self) -> UInt8[np.ndarray, "x y z"]:
        """[x y z] uint8 class indices, 255 ignored. Raises DataError."""
        ids, _ = read_labels(self.path)
        if ids.max(initial=0) > 65535:
            raise DataError(self.path, f"holds id {ids.max()}, only 0..65535 are read", field="labels")
        return self.table.indices(ids.astype(np.uint16), self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFolder:
    """NIfTI files (or folders with a DICOM series each) and NIfTI labels of the same names.

    Splits come from split.csv (`file,split` or `file,fold`), of the Decathlon's form also from its test folders;
    without a test split all is train. Class i is file id `ids[i]` with the name `classes[i]`; without `classes` the
    names come from dataset.json, and without that the ids are found in the training labels.
    """

    path: str
    classes: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    """The id in the files of each class; empty: 0, 1, 2 ..."""
    ignore: tuple[int, ...] = ()
    """Ids that count nowhere."""
    fold: int = 0
    """The fold of split.csv that is the test split."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    serves: ClassVar[tuple[str, ...]] = ("segment",)
    modality: ClassVar[str] = "volume"
    looks_for: ClassVar[str] = (
        "NIfTI files in images (or imagesTr) and labels (labelsTr), with split.csv or dataset.json"
    )

    def __post_init__(self) -> None:
        if self.classes and self.ids and len(self.classes) != len(self.ids):
            raise ConfigError(f"{len(self.classes)} classes but {len(self.ids)} ids: give one id a class")
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether a pair of folders is there and the first holds a volume."""
        for pictures, labels in FORMS:
            folder = Path(path, pictures)
            if folder.is_dir() and Path(path, labels).is_dir():
                return any(is_volume(file) for file in sorted(folder.iterdir())[:3])
        return False

    def splits(self) -> tuple[str, ...]:
        """Those that there are."""
        return named(self._cases()[0])

    def resolved(self, *, strict: bool = True) -> VolumeFolder:
        """The same with classes and ids filled in."""
        if self.classes and self.ids:
            return self
        names = self._names(strict)
        if not 2 <= len(names) <= MAX_CLASSES:
            raise DataError(self.path, f"{len(names)} classes: 2 to {MAX_CLASSES} can be told apart", field="classes")
        return replace(self, classes=tuple(names.values()), ids=tuple(names))

    def open(self, split: str = "train", *, strict: bool = True) -> VolumeSplit:
        """One split. Raises DataError; with `strict=False`, entries that cannot be used are left out and listed."""
        name, layout = canonical(split), self.resolved(strict=strict)
        cases, problems = self._cases()
        source = "train" if name == "val" and "val" not in cases else name
        if source not in cases:
            raise DataError(self.path, f"has no {name} split, only {', '.join(cases)}", field="split")
        if strict:
            refuse(problems, name)
        chosen, notes = cases[source], []
        if "val" not in cases and name != "test":
            out, note = held_out(self.path, [case for case, _, _ in chosen], self.holdout)
            chosen = [case for case in chosen if (case[0] in out) == (name == "val")]
            notes.append(note)
        return VolumeSplit(chosen, layout.classes, IdTable(ids=layout.ids, ignore=layout.ignore), notes, problems)

    def _cases(self) -> tuple[dict[str, list[Case]], list[DataError]]:
        """Split -> (id, volume, labels), and what cannot be used."""
        root = Path(self.path)
        form = next((pair for pair in FORMS if (root / pair[0]).is_dir()), None)
        if form is None:
            raise DataError(root, f"holds no volumes; looked for {self.looks_for}")
        cases, problems = _pairs(root, *form)
        if not cases and not problems:
            raise DataError(root / form[0], f"holds no volume ({' '.join(NIFTI)}, or folders of .dcm)")
        if (root / SPLIT).is_file():
            return self._listed(root / SPLIT, cases, {stem(problem.path) for problem in problems}), problems
        found = {"train": cases}
        if (root / TESTED[1]).is_dir():
            found["test"], more = _pairs(root, *TESTED)
            problems += more
        return found, problems

    def _listed(self, path: Path, cases: list[Case], left_out: set[str]) -> dict[str, list[Case]]:
        known = {case[0]: case for case in cases}
        found: dict[str, list[Case]] = {}
        try:
            rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(path, f"cannot be read as CSV ({error})") from error
        if not rows or "file" not in rows[0] or not {"split", "fold"} & set(rows[0]):
            raise DataError(path, "columns file and split (or fold) are wanted", field="header")
        for number, row in enumerate(rows, start=2):
            name = stem(Path(row["file"] or "-"))
            if name in left_out:
                continue
            case = known.get(name)
            if case is None:
                raise DataError(path, f"{row['file']!r} has no volume with labels", field=f"line {number}")
            if row.get("split"):
                split = canonical(row["split"])
            elif (row.get("fold") or "").strip().isdecimal():
                split = "test" if int(row["fold"]) == self.fold else "train"
            else:
                raise DataError(path, f"has neither a split nor a fold: {row}", field=f"line {number}")
            found.setdefault(split, []).append(case)
        if "train" not in found:
            raise DataError(path, f"leaves nothing to train on (fold {self.fold} is the test split)")
        return found

    def _names(self, strict: bool) -> dict[int, str]:
        if self.classes:
            return dict(enumerate(self.classes))
        file = Path(self.path, DECATHLON)
        if file.is_file():
            return _decathlon(file)
        seen: set[int] = set()
        for _, _, labels in self._cases()[0]["train"]:
            try:
                seen.update(np.unique(read_labels(labels)[0]).tolist())
            except DataError:
                if strict:
                    raise
        kept = sorted(seen - {IGNORE, *self.ignore})
        return {value: f"class {value}" for value in kept}


Case = tuple[str, Path, Path]


class VolumeSplit:
    """One split; a record's target is a `LabelFile`."""

    def __init__(
        self,
        cases: Sequence[Case],
        classes: tuple[str, ...],
        table: IdTable,
        notes: Sequence[str] = (),
        problems: Sequence[DataError] = (),
    ) -> None:
        self.classes, self.ids, self.notes, self.problems = classes, table.ids, tuple(notes), tuple(problems)
        self._cases, self._table = tuple(cases), table

    def __len__(self) -> int:
        return len(self._cases)

    def __getitem__(self, index: int) -> Record:
        case, volume, labels = self._cases[index]
        return Record(id=case, source=volume, target=LabelFile(path=labels, table=self._table))


def _pairs(root: Path, volumes: str, labels: str) -> tuple[list[Case], list[DataError]]:
    cases: list[Case] = []
    problems: list[DataError] = []
    for file in sorted((root / volumes).iterdir()):
        if file.name.startswith(".") or not is_volume(file):
            continue
        name = stem(file)
        label = next((found for end in NIFTI if (found := root / labels / (name + end)).is_file()), None)
        if label is None:
            problems.append(DataError(file, f"no {labels}/{name}{NIFTI[1]} for this volume", field="labels"))
        else:
            cases.append((name, file, label))
    return cases, problems


def _decathlon(file: Path) -> dict[int, str]:
    document: Any = read_json(file)
    labels = document.get("labels") if isinstance(document, dict) else None
    if not isinstance(labels, dict) or not labels:
        raise DataError(file, 'has no {"id": "name"} of the classes', field="labels")
    try:  # {"0": "background"}, or nnU-Net's {"background": 0}
        rows = {int(key): str(value) for key, value in labels.items()}
    except ValueError:
        try:
            rows = {int(value): str(key) for key, value in labels.items()}
        except (TypeError, ValueError) as error:
            raise DataError(file, f"{labels!r} names no ids", field="labels") from error
    return dict(sorted(rows.items()))
