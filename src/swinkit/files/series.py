"""Numeric series in CSV tables: points over time, as `swinkit predict --track` writes them, or any other columns.

A line a point (`frame,track,point,x,y,score`, or `file` and `thing` instead of the first two), a line a frame
(`frame,track,nose_x,nose_y,nose_score,...`), or, where no column is a point's, a line a frame and a column a channel.
`track` and `score` may be missing; an empty cell and `nan` are values that are missing. A series of a table that holds
several is named by its track: `clip.csv#2`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swinkit.files.errors import DataError, did_you_mean

LARGEST = 256 << 20
"""Bytes of a table."""
LONGEST = 200_000
"""Frames of a series."""
FRAME, TRACK, TIME = ("frame", "file"), ("track", "thing"), ("time", "timestamp", "second")
PARTS = ("x", "y", "score")
_TRACK = re.compile(r"[\w.-]*")
_PART = re.compile(r"(.+)_(x|y|score|confidence|likelihood)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The lines of a file, each as long as its header."""

    path: Path
    header: tuple[str, ...]
    lines: tuple[tuple[int, list[str]], ...]
    """Number of the line in the file, and its cells."""

    def one_of(self, names: Sequence[str]) -> str | None:
        """The first of these columns that there is."""
        return next((name for name in names if name in self.header), None)

    def cells(self, name: str) -> list[str]:
        """A column as text."""
        place = self.header.index(name)
        return [row[place].strip() for _, row in self.lines]

    def numbers(self, name: str) -> np.ndarray:
        """[lines] float64 a column, NaN where it is empty. DataError: what is no number."""
        cells = [cell or "nan" for cell in self.cells(name)]
        try:
            found = np.array(cells, np.float64)
        except ValueError:
            wrong = next(place for place, cell in enumerate(cells) if not _is_number(cell))
            raise self.error(wrong, f"{cells[wrong]!r} is no number", name) from None
        for place in np.flatnonzero(np.isinf(found))[:1].tolist():
            raise self.error(place, f"{cells[place]!r} is no number that can be used", name)
        return found

    def error(self, place: int, message: str, field: str) -> DataError:
        """What is wrong in one of the lines."""
        return DataError(self.path, f"line {self.lines[place][0]}: {message}", field=field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series."""

    names: tuple[str, ...]
    """Of the points, or of the columns."""
    points: bool
    values: np.ndarray
    """[rows frames] float32, NaN where one is missing: x, y and score of every point, or a row a column."""

    def rows(self, names: Sequence[str], path: Path) -> np.ndarray:
        """Those of these points or columns, in that order. DataError: there is no such one."""
        for name in names:
            if name not in self.names:
                what = "point" if self.points else "column"
                raise DataError(path, f"{name!r} is no {what} of it: {did_you_mean(name, self.names)}", field=what)
        width = len(PARTS) if self.points else 1
        order = [width * self.names.index(name) + part for name in names for part in range(width)]
        return self.values[order]


def address(path: Path) -> tuple[Path, str | None]:
    """The file, and the track that is named behind it."""
    if path.is_file() or "#" not in path.name:
        return path, None
    name, _, track = path.name.rpartition("#")
    return path.with_name(name), track


def addresses(path: Path) -> list[Path]:
    """Of every series in a table; the table itself where it holds one. DataError: it cannot be read."""
    table = read_table(path)
    column = table.one_of(TRACK)
    tracks = list(dict.fromkeys(table.cells(column))) if column else []
    if odd := next((track for track in tracks if not _TRACK.fullmatch(track)), None):
        raise DataError(path, f"{odd!r} names no track: wanted letters, digits, dots and dashes", field=column)
    return [path.with_name(f"{path.name}#{track}") for track in tracks] if len(tracks) > 1 else [path]


def read_series(path: Path) -> Series:
    """The series of a table, or of one of its tracks.

    Raises:
        DataError: file, line and column of what cannot be used; it holds several tracks and none is named.
    """
    file, wanted = address(path)
    table = read_table(file)
    column = table.one_of(TRACK)
    tracks = table.cells(column) if column else [""] * len(table.lines)
    known = list(dict.fromkeys(tracks))
    if wanted is None and len(known) > 1:
        raise DataError(file, f"holds {len(known)} tracks: name one of them, {file.name}#{known[0]}", field=column)
    if wanted is not None and wanted not in known:
        raise DataError(file, f"there is no {wanted!r}: {did_you_mean(wanted, known)}", field=column)
    mine = [line for line, track in zip(table.lines, tracks, strict=True) if wanted in (None, track)]
    frames = _frames(table)[[wanted in (None, track) for track in tracks]]
    own = Table(path=file, header=table.header, lines=tuple(mine))
    series = _long(own, frames) if "point" in table.header else _wide(own, frames)
    places = series.values.reshape(-1, 3, series.values.shape[1])[:, :2] if series.points else series.values
    if not np.isfinite(places).any():
        raise DataError(path, "holds no value: all of them are missing")
    return series


def read_table(path: Path) -> Table:
    """The lines of a CSV file. DataError: it is none, or a line is longer or shorter than the header."""
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(path, f"has more than {LARGEST >> 20} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(path, "is not UTF-8 text") from error
    reader, lines = csv.reader(text.splitlines(), strict=True), list[tuple[int, list[str]]]()
    try:
        header = tuple(name.strip() for name in next(reader, []))
        for row in reader:
            if row and len(row) != len(header):
                raise DataError(path, f"line {reader.line_num}: has {len(row)} cells, the header has {len(header)}")
            if row:
                lines.append((reader.line_num, row))
    except csv.Error as error:
        raise DataError(path, f"line {reader.line_num}: is no CSV: {error}") from error
    if not lines:
        raise DataError(path, "is empty" if not header else "holds no line below its header")
    if twice := [name for name in header if header.count(name) > 1]:
        raise DataError(path, "is a column twice", field=twice[0] or "header")
    return Table(path=path, header=header, lines=tuple(lines))


def write_points(path: Path, names: Sequence[str], tracks: Sequence[np.ndarray]) -> None:
    """Tracks [points 3 frames] as a table with a line a point; what is NaN is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["frame", "track", "point", *PARTS])
        for number, track in enumerate(tracks, start=1):
            for frame in range(track.shape[2]):
                for name, place in zip(names, track[..., frame].tolist(), strict=True):
                    cells = ["" if value != value else f"{value:.3f}" for value in place]
                    rows.writerow([frame, number, name, *cells])


def _frames(table: Table) -> np.ndarray:
    """[lines] int64 the frame of every line, from 0."""
    column = table.one_of(FRAME)
    if column is None:
        if "point" in table.header:
            raise DataError(table.path, f"is no column: {did_you_mean('frame', table.header)}", field="frame")
        return np.arange(len(table.lines))
    if column == "file":  # pictures in a row
        places = {name: place for place, name in enumerate(dict.fromkeys(table.cells(column)))}
        return np.array([places[name] for name in table.cells(column)])
    frames = table.numbers(column)
    for place in np.flatnonzero(~((frames == np.round(frames)) & (np.abs(frames) < 1e9)))[:1]:
        raise table.error(int(place), f"{table.cells(column)[place]!r} is no number of a frame", column)
    return frames.astype(np.int64)


def _long(table: Table, frames: np.ndarray) -> Series:
    for name in PARTS[:2]:
        if name not in table.header:
            raise DataError(table.path, f"is no column: {did_you_mean(name, table.header)}", field=name)
    labels = table.cells("point")
    names = tuple(dict.fromkeys(labels))
    x, y = (table.numbers(name) for name in PARTS[:2])
    score = table.numbers("score") if "score" in table.header else np.ones(len(frames))
    places = {name: place for place, name in enumerate(names)}
    rows = np.array([places[label] for label in labels])
    values = _empty(table, 3 * len(names), frames)
    _refuse_twice(table, frames, rows, [f"point {name!r}" for name in names])
    for part, column in enumerate((x, y, score)):
        values[3 * rows + part, frames - frames.min()] = column
    return Series(names=names, points=True, values=values)


def _wide(table: Table, frames: np.ndarray) -> Series:
    columns = [name for name in table.header if name not in (*FRAME, *TRACK, *TIME)]
    if not columns:
        raise DataError(table.path, f"has no column of values beside {', '.join(table.header)}", field="header")
    values = _empty(table, len(columns), frames)
    _refuse_twice(table, frames, np.zeros_like(frames), ["a line"])
    for row, name in enumerate(columns):
        values[row, frames - frames.min()] = table.numbers(name)
    parts = [_PART.fullmatch(name) for name in columns]
    names = tuple(dict.fromkeys(part[1] for part in parts if part))
    if not all(parts) or not all({f"{name}_x", f"{name}_y"} <= set(columns) for name in names):
        return Series(names=tuple(columns), points=False, values=values)
    found = np.ones((len(names), 3, values.shape[1]), np.float32)
    for row, part in zip(values, parts, strict=True):
        if part is not None:
            found[names.index(part[1]), ("x", "y").index(part[2]) if part[2] in "xy" else 2] = row
    return Series(names=names, points=True, values=found.reshape(-1, values.shape[1]))


def _empty(table: Table, rows: int, frames: np.ndarray) -> np.ndarray:
    """[rows frames] of NaN."""
    length = int(frames.max() - frames.min()) + 1
    if length > LONGEST:
        raise DataError(table.path, f"reaches over {length} frames, more than {LONGEST}: cut it", field="frame")
    return np.full((rows, length), np.nan, np.float32)


def _refuse_twice(table: Table, frames: np.ndarray, rows: np.ndarray, what: Sequence[str]) -> None:
    """DataError: a frame has one of its `rows`, which are `what`, in two lines."""
    _, first = np.unique(np.stack([frames, rows]), axis=1, return_index=True)
    for place in np.setdiff1d(np.arange(len(frames)), first)[:1].tolist():
        raise table.error(place, f"frame {frames[place]} has {what[int(rows[place])]} a second time", "frame")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
