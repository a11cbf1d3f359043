"""Pictures with index masks in folders: CamVid style, ADE20K style, or one pair of folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from swinkit.datasets.mask_classes import Names, names_found, names_in, read_colour_table
from swinkit.datasets.mask_pairs import (
    LOOKS_FOR,
    Folders,
    Pair,
    find_pairs,
    find_splits,
    held_out,
)
from swinkit.datasets.splits import SPLITS, canonical
from swinkit.files import ConfigError, DataError
from swinkit.files.masks import IGNORE, MAX_CLASSES, Colour, IdTable, MaskFile
from swinkit.types import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFolder:
    """A folder of pictures and masks of the same stems.

    Class i is file id `ids[i]` with the name `classes[i]`; masks are read as class indices, with 255 for what is
    ignored. Without `classes`, the names come from classes.txt (line i names id i), classes.json (a list, or {"id":
    "name"}) or ADE20K's objectInfo150.txt, and without those the ids are found in the training masks and named `class
    0`, `class 1` ...
    """

    path: str
    classes: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    """The id in the files of each class; empty: 0, 1, 2 ... without the ignored ones."""
    ignore: tuple[int, ...] = ()
    """Ids that count nowhere (void); 255 always is one, unless `ids` names it."""
    colours: str | None = None
    """A colour table for RGB masks, in the folder or a path: lines `R G B name`, or JSON {"name": [R, G, B]}; row i
    is id i.
    """
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    serves: ClassVar[tuple[str, ...]] = ("segment",)
    looks_for: ClassVar[str] = LOOKS_FOR

    def __post_init__(self) -> None:
        if self.classes and self.ids and len(self.classes) != len(self.ids):
            raise ConfigError(
                f"{len(self.classes)} classes but {len(self.ids)} ids: give one id a class, in the same order"
            )
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether folders of pictures and masks lie where one of the layouts has them."""
        return any(folders.masks for folders in find_splits(Path(path)).values())

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        found = {name for name, folders in find_splits(Path(self.path)).items() if folders.masks}
        return tuple(name for name in SPLITS if name in found or (name == "val" and "train" in found))

    def resolved(self, *, strict: bool = True) -> MaskFolder:
        """The same folder with classes and ids filled in: what a recipe keeps, so that a run never looks for them
        again.
        """
        if self.classes and self.ids:
            return self
        names, ignore = self._names(strict)
        if self.ids:
            names = {value: names.get(value, f"class {value}") for value in self.ids}
        skipped = {IGNORE, *ignore} - set(self.ids)
        kept = {value: name for value, name in names.items() if value not in skipped}
        if not 1 <= len(kept) <= MAX_CLASSES:
            raise DataError(self.path, f"{len(kept)} classes: 1 to {MAX_CLASSES} can be told apart", field="classes")
        return replace(self, classes=tuple(kept.values()), ids=tuple(kept), ignore=ignore)

    def open(self, split: str = "train", *, strict: bool = True) -> MaskFolderSplit:
        """One split. Raises DataError; with `strict=False`, entries that cannot be used are left out and listed
        instead.
        """
        name = canonical(split)
        layout = self.resolved(strict=strict)
        pairs, problems, notes = self._pairs(name)
        if problems and strict:
            first, others = problems[0], len(problems) - 1
            more = f" (and {others} more in {name}: `swinkit check` lists them)" if others else ""
            raise DataError(first.path, first.what + more, field=first.field)
        table = IdTable(ids=layout.ids, ignore=layout.ignore, colours=layout._colours())
        return MaskFolderSplit(pairs, layout.classes, table, tuple(notes), tuple(problems))

    def _pairs(self, split: str) -> tuple[list[Pair], list[DataError], list[str]]:
        found = self._folders()
        source = "train" if split == "val" and split not in found else split
        if source not in found:
            raise DataError(self.path, f"has no {split} split, only {', '.join(found)}; looked for {LOOKS_FOR}")
        pairs, problems, notes = find_pairs(found[source])
        if source == "test" or "val" in found:
            return pairs, problems, notes
        if len(pairs) < 2:
            raise DataError(
                self.path, f"{len(pairs)} usable training pictures cannot be split into train and val: add some"
            )
        out = held_out(pairs, self.holdout)
        notes = [
            *notes,
            f"{self.path} has no val split: {len(out)} of {len(pairs)} training pictures, chosen by the hash of their "
            "names, are kept for validation (near-duplicate pictures may then be on both sides)",
        ]
        return [pair for pair in pairs if (pair.id in out) == (split == "val")], problems, notes

    def _folders(self) -> dict[str, Folders]:
        path = Path(self.path)
        if found := find_splits(path):
            return found
        came = "holds no folder of pictures" if path.is_dir() else "is no folder" if path.exists() else "does not exist"
        raise DataError(path, f"{came}; looked for {LOOKS_FOR}")

    def _names(self, strict: bool) -> tuple[Names, tuple[int, ...]]:
        root = Path(self.path)
        if self.colours is not None:
            rows, _ = read_colour_table(self._colour_file())
            if self.classes and len(self.classes) != len(rows):
                raise ConfigError(f"{len(self.classes)} classes but {len(rows)} colours in {self.colours}")
            return dict(enumerate(self.classes or rows)), self.ignore
        if self.classes:
            return dict(enumerate(self.classes)), self.ignore
        named = names_in(root)
        if named is not None:
            return named[0], tuple(sorted({*self.ignore, *named[1]} - set(self.ids)))
        if self.ids:
            return {}, self.ignore
        found = self._folders()
        pairs, _, _ = find_pairs(found.get("train") or next(iter(found.values())))
        return names_found((pair.mask for pair in pairs), strict=strict), self.ignore

    def _colours(self) -> tuple[Colour, ...]:
        return () if self.colours is None else read_colour_table(self._colour_file())[1]

    def _colour_file(self) -> Path:
        inside = Path(self.path, str(self.colours))
        return inside if inside.is_file() else Path(str(self.colours))


class MaskFolderSplit:
    """One split of a mask folder; a record's target is a `MaskFile`."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        classes: tuple[str, ...],
        table: IdTable,
        notes: tuple[str, ...] = (),
        problems: tuple[DataError, ...] = (),
    ) -> None:
        self.classes, self.ids, self.notes, self.problems = classes, table.ids, notes, problems
        self._pairs, self._table = tuple(pairs), table

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Record:
        pair = self._pairs[index]
        return Record(id=pair.id, source=pair.picture, target=MaskFile(path=pair.mask, table=self._table))
