"""Pictures with masks in a few archives instead of many small files: what `pack` makes of a folder.

Large data is copied, listed and read over a network as a few files. A sample is read at its place, so order, resume
and evaluation are those of loose files, and pixels and ids are the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from swinkit.datasets.splits import SPLITS, canonical
from swinkit.files import ConfigError, DataError
from swinkit.files.masks import IGNORE, IdTable, MaskFile
from swinkit.files.packed import INDEX, Pack, is_packed, open_pack
from swinkit.files.packing import ARCHIVE_BYTES, Files, write_pack
from swinkit.types import Dataset, Layout, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A folder that `swinkit pack` wrote. Classes, ids and what is ignored are those of the data when it was packed,
    unless they are given here.
    """

    path: str
    classes: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    """The id in the masks of each class; empty: all that were packed but the ignored ones."""
    ignore: tuple[int, ...] = ()
    """Ids that count nowhere, beside those that were ignored when the data was packed."""

    serves: ClassVar[tuple[str, ...]] = ("segment",)
    looks_for: ClassVar[str] = f"{INDEX} beside archives (`swinkit pack` writes them)"

    def __post_init__(self) -> None:
        if self.classes and self.ids and len(self.classes) != len(self.ids):
            raise ConfigError(
                f"{len(self.classes)} classes but {len(self.ids)} ids: give one id a class, in the same order"
            )

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether the index of a packed folder lies there."""
        return is_packed(path)

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that were packed."""
        packed = open_pack(self.path).splits
        return tuple(name for name in SPLITS if name in packed)

    def resolved(self, *, strict: bool = True) -> Packed:
        """The same with classes and ids filled in."""
        if self.classes and self.ids:
            return self
        pack = open_pack(self.path)
        names = dict(zip(_about(pack, "ids"), _about(pack, "classes"), strict=True))
        ids = self.ids or tuple(value for value in names if value not in self.ignore)
        classes = self.classes or tuple(names.get(value, f"class {value}") for value in ids)
        if len(classes) != len(ids):
            raise ConfigError(f"{len(classes)} classes but the data has the ids {ids}: give one name an id")
        ignore = {*self.ignore, *_about(pack, "ignore")} - set(ids)
        return replace(self, classes=classes, ids=ids, ignore=tuple(sorted(ignore)))

    def open(self, split: str = "train", *, strict: bool = True) -> PackedSplit:
        """One split. Raises DataError; that a picture in it is damaged shows when it is read."""
        try:
            name = canonical(split)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        layout, pack = self.resolved(), open_pack(self.path)
        if name not in pack.splits:
            raise DataError(self.path, f"has no {name} split, only {', '.join(layout.splits())}")
        colours = tuple((int(red), int(green), int(blue)) for red, green, blue in _about(pack, "colours"))
        return PackedSplit(pack, name, layout.classes, IdTable(ids=layout.ids, ignore=layout.ignore, colours=colours))


class PackedSplit:
    """One split of a packed folder; paths lead through the archives, and a record's target is a `MaskFile`."""

    problems: tuple[()] = ()

    def __init__(self, pack: Pack, split: str, classes: tuple[str, ...], table: IdTable) -> None:
        self.classes, self.ids = classes, table.ids
        self.notes = tuple(map(str, pack.about.get("notes", {}).get(split, ())))
        self._pack, self._split, self._table = pack, split, table
        self._shelf = pack.splits[split]

    def __len__(self) -> int:
        return len(self._shelf)

    def __getitem__(self, index: int) -> Record:
        row = range(len(self._shelf))[index]
        image, mask = (self._pack.path(self._split, row, part) for part in ("image", "mask"))
        return Record(id=self._shelf.id(row), source=image, target=MaskFile(path=mask, table=self._table))


def pack(
    layout: Layout,
    out: Path | str,
    *,
    archive_bytes: int = ARCHIVE_BYTES,
    progress: Callable[[int, int], None] | None = None,
) -> Packed:
    """Copy every split of a data set into archives at `out`, a new folder, which is then read like the data itself.

    Args:
        layout: of files: pictures with masks.
        archive_bytes: an archive is ended before it would grow beyond this.
        progress: is called with (samples done, of how many).

    Raises:
        ConfigError: something is at `out`, it lies in the data, or the data set is made of no files.
        DataError: a file cannot be used; names it.
    """
    source, folder = Path(layout.path), Path(out)
    if source.is_dir() and folder.resolve().is_relative_to(source.resolve()):
        raise ConfigError(f"{folder}: lies in the data folder, which is never written to: choose another --out")
    if isinstance(layout, Packed):
        raise ConfigError(f"{layout.path}: is packed already: copy the folder")
    splits = {name: layout.open(name) for name in layout.splits()}
    files = {name: [_files(layout, split[row]) for row in range(len(split))] for name, split in splits.items()}
    write_pack(folder, files, _meaning(splits), archive_bytes=archive_bytes, progress=progress)
    return Packed(path=str(folder))


def _files(layout: Layout, record: Record) -> Files:
    if not isinstance(record.source, Path) or not isinstance(record.target, MaskFile):
        raise ConfigError(f"{layout.path}: has no files: what can be packed is a folder of pictures and masks")
    return Files(record.id, record.source, record.target.path)


def _meaning(splits: dict[str, Dataset]) -> dict[str, Any]:
    """What the index says about the data: read by `Packed.resolved`."""
    split = next(iter(splits.values()))
    table: IdTable = split[0].target.table
    return {
        "classes": list(split.classes),
        "ids": list(table.ids),
        "ignore": sorted({*table.ignore, IGNORE} - set(table.ids)),
        "colours": [list(colour) for colour in table.colours],
        "notes": {name: list(getattr(each, "notes", ())) for name, each in splits.items()},
    }


def _about(pack: Pack, name: str) -> list[Any]:
    value = pack.about.get(name)
    if not isinstance(value, list):
        raise DataError(pack.folder / INDEX, f"has no list of {name}: pack the data anew", field=name)
    return value
