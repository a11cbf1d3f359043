"""Numeric series of any length: points over time, or any columns; the target is a class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from swinkit.files import ConfigError, DataError
from swinkit.files.series import PARTS, read_series
from swinkit.modalities.series import drawing, values
from swinkit.ops.captions import captioned
from swinkit.types import Batch, ClassScores, Prediction, Record, Sample

Pairs = tuple[tuple[int, int], ...]
UNLABELLED = -1
"""The class of samples that have none, in a batch where others do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """How series become grids [channels length].

    The channels are the values (x and y of every point, or a column each), zero where one is missing, and then for
    every point or column whether it is there. Shorter series are padded at the end and `valid` says so. The raw form is
    [rows frames] float32 with NaN for what is missing: x, y and score of every point, or a row a column.
    """

    names: tuple[str, ...] = ()
    """Of the points or columns, in the order of the channels; a file may hold more. Empty: those of the file."""
    form: Literal["points", "columns"] = "points"
    normalise: Literal["figure", "column", "none"] = "figure"
    """`figure`: points are centred on the path of their mean and divided by the size of the figure. `column`: each row
    has mean 0 and deviation 1 over its series. `none`: as they are."""
    least: float = 0.1
    """Points of a lower score are missing."""
    skeleton: Pairs = ()
    """Points that a line joins in drawings, counted from 0."""
    pairs: Pairs = ()
    """Points that change places in a mirror, counted from 0."""
    mirror: float = 0.0
    """Training: probability of swapping left and right of the picture, and the points of `pairs`."""
    stretch: float = 0.0
    """Training: a figure is up to 1 + stretch wider or narrower, as if it were seen from another side."""
    speed: tuple[float, float] = (0.8, 1.25)
    """Training: slowest and fastest factor of the speed, logarithmically even."""
    kept: float = 0.7
    """Training: the shortest stretch of a series that is seen, as a share of it."""
    noise: float = 0.02
    """Training: deviation of what is added to every value, in units of the normalised series."""
    drop: float = 0.02
    """Training: probability of every single value (or point) to be hidden."""

    def __post_init__(self) -> None:
        count = len(self.names)
        if len(set(self.names)) < count:
            raise ConfigError(f"names: {self.names} are not all different")
        if self.form not in ("points", "columns") or self.normalise not in ("figure", "column", "none"):
            raise ConfigError(
                f"form {self.form!r}, normalise {self.normalise!r}: there are points and columns; figure, column, none"
            )
        for name in ("skeleton", "pairs"):
            if any(not 0 <= index < count for pair in getattr(self, name) for index in pair):
                raise ConfigError(f"{name}: {getattr(self, name)} are not pairs of 0 to {count - 1}")
        self._check_training()

    def _check_training(self) -> None:
        if self.form == "columns" and self.normalise == "figure":
            raise ConfigError("normalise: columns are no figure, which has a size: give column or none")
        if (self.mirror or self.stretch) and self.normalise != "figure":
            raise ConfigError(
                f"mirror {self.mirror}, stretch {self.stretch}: only what is normalised as a figure has left and right"
            )
        if not 0 < self.speed[0] <= self.speed[1] or not 0 < self.kept <= 1:
            raise ConfigError(f"speed {self.speed}, kept {self.kept}: give rising positive factors and a share")
        for name in ("least", "mirror", "drop"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}: {getattr(self, name)} is not within 0 to 1")
        for name in ("noise", "stretch"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name}: {getattr(self, name)} is not 0 or more")

    @property
    def rank(self) -> int:
        """Number of axes of the grid."""
        return 1

    @property
    def channels(self) -> int:
        """Rows of the grid."""
        return len(self.names) * (3 if self.form == "points" else 2)

    def read(self, record: Record) -> Sample:
        """The raw series. Raises DataError: file, line and column, where one cannot be used."""
        name = record.source if isinstance(record.source, Path) else record.id
        rows = self._file(record.source) if isinstance(record.source, Path) else record.source
        width = len(PARTS) if self.form == "points" else 1
        if rows.ndim != 2 or not rows.size or len(rows) != width * (len(self.names) or len(rows) // width):
            wanted = f"{width * len(self.names)} rows" if self.names else f"rows in groups of {width}"
            raise DataError(name, f"is an array {rows.shape}: wanted {wanted} of at least one frame")
        if not np.isfinite(self._places(rows)).any():
            least = f" with a score of at least {self.least:g}" if self.form == "points" else ""
            raise DataError(name, f"holds no value{least}: all of them are missing")
        target = None if record.target is None else torch.tensor(int(record.target))
        grid = torch.from_numpy(np.ascontiguousarray(rows, np.float32))
        return Sample(id=record.id, grid=grid, target=target, size=(rows.shape[1],))

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The training view: a stretch of the series, faster or slower, perhaps mirrored, with noise and gaps."""
        places = self._places(sample.grid.numpy())
        length = places.shape[-1]
        share, factor = rng.uniform(self.kept, 1), math.exp(rng.uniform(*np.log(self.speed)))
        count = max(1, round(length * share / factor))
        first = rng.uniform(0, length * (1 - share))
        places = values.resampled(places, np.minimum(first + factor * np.arange(count), length - 1))
        if self.stretch:
            places[:, 0] *= (1 + self.stretch) ** rng.uniform(-1, 1)
        if rng.random() < self.mirror:
            places[:, 0] *= -1
            for one, other in self.pairs:
                places[[one, other]] = places[[other, one]]
        hidden = rng.random((len(places), count)) < self.drop
        places = np.where(hidden if places.ndim == 2 else hidden[:, None], np.nan, places)
        return replace(sample, grid=self._grid(places, rng), size=(count,))

    def standard(self, sample: Sample) -> Sample:
        """The evaluation view: the whole series."""
        return replace(sample, grid=self._grid(self._places(sample.grid.numpy())))

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Padded at the end with zeros to the longest of the batch."""
        lengths = [sample.grid.shape[1] for sample in samples]
        grid = torch.zeros(len(samples), samples[0].grid.shape[0], max(lengths))
        valid = torch.zeros(len(samples), max(lengths), dtype=torch.bool)
        for place, there, sample, length in zip(grid, valid, samples, lengths, strict=True):
            place[:, :length] = sample.grid
            there[:length] = True
        targets = [sample.target for sample in samples]
        known = any(target is not None for target in targets)
        none = torch.tensor(UNLABELLED)
        return Batch(
            grid=grid,
            valid=None if bool(valid.all()) else valid,
            target=torch.stack([none if target is None else target for target in targets]) if known else None,
            ids=tuple(sample.id for sample in samples),
            sizes=tuple(sample.size for sample in samples),
        )

    def draw(self, sample: Sample, prediction: Prediction) -> np.ndarray:
        """[h w 3] uint8: the series with the most probable classes below it."""
        picture = self.draw_target(sample, ())
        return captioned(picture, prediction.best(3)) if isinstance(prediction, ClassScores) else picture

    def draw_target(self, sample: Sample, classes: Sequence[str]) -> np.ndarray:
        """[h w 3] uint8: figures side by side and lines over time; a class has no place in it."""
        grid = sample.grid.numpy()
        count = len(grid) // (3 if self.form == "points" else 2)
        shown = np.where(np.repeat(grid[-count:], len(grid) // count - 1, 0) > 0, grid[:-count], np.nan)
        if self.form == "columns":
            return drawing.lines(shown)
        return drawing.poses(shown.reshape(count, 2, -1), self.skeleton)

    def _file(self, path: Path) -> np.ndarray:
        series = read_series(path)
        if series.points != (self.form == "points"):
            came, wanted = ("points", "columns") if series.points else ("columns", "points")
            raise DataError(path, f"holds {came}, not {wanted}: {', '.join(series.names[:6])}", field="header")
        return series.rows(self.names or series.names, path)

    def _places(self, rows: np.ndarray) -> np.ndarray:
        """[c n] columns or [k 2 n] points, float64, NaN where they are missing."""
        if self.form == "columns":
            return rows.astype(np.float64)
        points = rows.reshape(-1, len(PARTS), rows.shape[1]).astype(np.float64)
        there = np.isfinite(points).all(1) & (points[:, 2] >= self.least)
        return np.where(there[:, None], points[:, :2], np.nan)

    def _grid(self, places: np.ndarray, rng: np.random.Generator | None = None) -> torch.Tensor:
        """[channels n] float32: normalised values, then flags."""
        there = np.isfinite(places) if places.ndim == 2 else np.isfinite(places).all(1)
        if self.normalise != "none":
            rows = places.reshape(-1, places.shape[-1])
            places = values.figure(places) if self.normalise == "figure" else values.column(rows).reshape(places.shape)
        if rng is not None and self.noise:
            places = places + rng.normal(0, self.noise, places.shape)
        grid = np.concatenate([np.nan_to_num(places).reshape(-1, places.shape[-1]), there])
        return torch.from_numpy(grid.astype(np.float32))
