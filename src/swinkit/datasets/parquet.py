"""Pictures and labels in parquet tables, as the Hugging Face hub keeps them: `train.parquet` with picture bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from swinkit.datasets.class_split import ClassSplit, Entry, Found, class_names, find_files, open_classes
from swinkit.datasets.splits import named
from swinkit.files import ConfigError, DataError, MissingExtra
from swinkit.files.pictures import read_picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Parquet:
    """A folder with `<split>.parquet`; a picture is the bytes of a file, or {"bytes": ...} as `datasets` writes it."""

    path: str
    classes: tuple[str, ...] = ()
    """Name of every label, from 0, where labels are numbers; empty: the labels that train holds."""
    image: str = "image"
    """The column of pictures."""
    label: str = "label"
    """The column of labels: numbers or names."""
    holdout: float = 0.1
    """The share of train to validate on where there is no validation split."""

    looks_for: ClassVar[str] = "train.parquet with the columns image and label"
    serves: ClassVar[tuple[str, ...]] = ("classify",)
    modality: ClassVar[str] = "image"

    def __post_init__(self) -> None:
        if not 0 < self.holdout < 1:
            raise ConfigError(f"holdout {self.holdout}: give a share between 0 and 1")

    @classmethod
    def recognises(cls, path: Path | str) -> bool:
        """Whether such files lie there."""
        return bool(_tables(Path(path)))

    def splits(self) -> tuple[str, ...]:
        """Of train, val and test, those that can be opened."""
        return named(_tables(Path(self.path)))

    def resolved(self, *, strict: bool = True) -> Parquet:
        """The same with its classes filled in."""
        if self.classes:
            return self
        tables = self._tables()
        found = _find(tables.get("train") or next(iter(tables.values())), self.image, self.label, ())
        return replace(self, classes=class_names(found.entries))

    def open(self, split: str = "train", *, strict: bool = True) -> ClassSplit:
        """One split, its files' bytes held in memory. Raises DataError naming file and column."""
        layout = self.resolved(strict=strict)
        find: dict[str, Callable[[], Found]] = {
            name: partial(_find, file, self.image, self.label, layout.classes) for name, file in self._tables().items()
        }
        return open_classes(self.path, split, find, layout.classes, self.holdout, strict)

    def _tables(self) -> dict[str, Path]:
        if found := _tables(Path(self.path)):
            return found
        raise DataError(self.path, f"holds no such table; looked for {self.looks_for}")


def _tables(root: Path) -> dict[str, Path]:
    return find_files(root, lambda alias: [f"{alias}.parquet"])


def _find(path: Path, image: str, label: str, classes: tuple[str, ...]) -> Found:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("pyarrow", "parquet") from error
    try:
        names = parquet.read_schema(path).names
        for column in (image, label):
            if column not in names:
                raise DataError(path, f"has no such column, only {', '.join(names)}", field=column)
        table: Any = parquet.read_table(path, columns=[image, label])
    except (arrow.ArrowException, OSError) as error:
        raise DataError(path, "is damaged or no parquet file: copy it again") from error
    labels, cells = table.column(label).to_pylist(), table.column(image)
    entries: list[Entry] = []
    problems: list[DataError] = []
    for index, value in enumerate(labels):
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            problems.append(DataError(path, f"row {index}: {value!r} is neither a number nor a name", field=label))
            continue
        known = isinstance(value, int) and 0 <= value < len(classes)
        entries.append(Entry(f"{path.stem}-{index:06d}", index, classes[value] if known else str(value)))
    return Found(entries, problems, partial(_picture, path, image, cells))


def _picture(path: Path, column: str, cells: Any, index: int) -> np.ndarray:
    value = cells[index].as_py()
    content = value.get("bytes") if isinstance(value, dict) else value
    place = path / f"row {index}"
    if not isinstance(content, bytes) or not content:
        raise DataError(place, "holds no bytes of a picture", field=column)
    return read_picture(place, content=content)
