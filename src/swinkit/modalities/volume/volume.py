"""Volumes [x y z], axes to the right, to the front and up; targets are label maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from swinkit.files import ConfigError, DataError
from swinkit.files.volumes import read_volume
from swinkit.modalities.volume import drawing
from swinkit.modalities.volume.warp import resample, warp, warp_labels
from swinkit.ops import affine
from swinkit.types import Batch, Prediction, Record, Sample

Triple = tuple[int, int, int]
IGNORE = 255
PART = 1 << 18
"""Values that are squared at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """How volumes become grids. Sizes are [x y z] in cells."""

    size: Triple | None = None
    """The patch that a training step sees; None: the whole volume."""
    spacing: tuple[float, float, float] | None = None
    """Millimetres of a cell: every volume is resampled to it, in training and evaluation; targets and predictions keep
    the original cells. None: as they are."""
    window: tuple[float, float] | None = None
    """Values (CT: Hounsfield units) that become 0 and 1, others cut off there, then `mean` and `std`. None: every
    volume is normalised by itself: cut at its percentiles 0.5 and 99.5, mean 0, deviation 1."""
    channels: int = 1
    mean: float = 0.5
    std: float = 0.25
    foreground: float = 0.33
    """Training: probability that a patch is laid around a labelled cell of a class drawn at random, so that small
    structures are seen (nnU-Net's a third)."""
    zoom: tuple[float, float] = (0.85, 1.2)
    """Training: smallest and largest extra factor, logarithmically even."""
    stretch: float = 0.1
    """Training: each axis is scaled by up to 1 + stretch either way on top."""
    flip: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Training: probability of mirroring each axis; structures with a side are another class in the mirror."""
    rotate: float = 15.0
    """Training: largest rotation in each plane in degrees."""
    brightness: float = 0.1
    """Training: largest shift, in deviations."""
    contrast: float = 0.25
    """Training: factor between 1 / (1 + x) and 1 + x."""
    gamma: float = 0.3
    """Training: exponent on values brought to 0..1, between 1 / (1 + x) and 1 + x."""
    noise: float = 0.1
    """Training: largest deviation of normal noise, in deviations."""

    def __post_init__(self) -> None:
        if self.channels != 1:
            raise ConfigError(f"channels {self.channels}: a volume has 1")
        if self.size is not None and (len(self.size) != 3 or min(self.size) < 1):
            raise ConfigError(f"size {self.size}: give [x, y, z], all at least 1")
        if self.spacing is not None and min(self.spacing) <= 0:
            raise ConfigError(f"spacing {self.spacing}: give three positive lengths in millimetres")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ConfigError(f"window {self.window}: give a lower and a higher value")
        if self.std <= 0 or not 0 <= self.foreground <= 1:
            raise ConfigError(f"std {self.std}, foreground {self.foreground}: a positive number and a probability")
        if min(self.brightness, self.contrast, self.gamma, self.noise) < 0:
            raise ConfigError("brightness, contrast, gamma and noise are 0 or more")
        try:
            self._ranges()
        except ValueError as error:
            raise ConfigError(str(error)) from error

    @property
    def rank(self) -> int:
        """Number of axes of the grid."""
        return 3

    def read(self, record: Record) -> Sample:
        """Decode volume and labels. Raises DataError: file and field, where one cannot be used or sizes differ."""
        if isinstance(record.source, Path):
            name: Path | str = record.source
            found = read_volume(record.source)
            values, spacing = found.values, found.spacing
        else:
            name, values, spacing = record.id, _checked(record.source, record.id), (1.0, 1.0, 1.0)
        target = None if record.target is None else _labels(record.target, name, values.shape)
        grid = torch.from_numpy(self._normal(values))[None]
        return Sample(id=record.id, grid=grid, target=target, size=values.shape, spacing=spacing)

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The training view: one affine for volume (linear) and labels (nearest, 255 outside), then values."""
        values, space = sample.grid[0].numpy(), tuple(sample.grid.shape[1:])
        factors = self._factors(sample.spacing)
        scaled = tuple(max(1, round(n * f)) for n, f in zip(space, factors, strict=True))
        size = self.size or scaled
        matrix = affine.compose(affine.draw(rng, self._ranges(), scaled, size), affine.scaling(factors))
        middle = _labelled(sample.target, rng, self.foreground)
        if middle is not None:
            moved = np.rint(np.asarray(size) // 2 + 0.5 - affine.transform(matrix, middle))
            matrix = affine.compose(affine.translation(moved), matrix)
        grid = self._changed(warp(values, matrix, size), rng)
        target = None if sample.target is None else torch.from_numpy(warp_labels(sample.target.numpy(), matrix, size))
        return Sample(id=sample.id, grid=torch.from_numpy(grid)[None], target=target, size=size, spacing=sample.spacing)

    def standard(self, sample: Sample) -> Sample:
        """The evaluation view: the whole volume at the spacing; the target stays at its original size."""
        factors = self._factors(sample.spacing)
        if factors == (1.0, 1.0, 1.0):
            return sample
        size = tuple(max(1, round(n * f)) for n, f in zip(sample.grid.shape[1:], factors, strict=True))
        return replace(sample, grid=resample(sample.grid, size))

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Volumes padded at the high end with zeros (labels with 255) to the largest; one alone is not copied."""
        grid, valid = _padded([sample.grid for sample in samples])
        return Batch(
            grid=grid,
            valid=valid,
            target=_stacked([sample.target for sample in samples]),
            ids=tuple(sample.id for sample in samples),
            sizes=tuple(sample.size for sample in samples),
            spacings=tuple(sample.spacing for sample in samples),
        )

    def draw(self, sample: Sample, prediction: Prediction) -> np.ndarray:
        """[height width 3] uint8: a slice across each axis with the prediction over it, and the structures from the
        front."""
        labels = getattr(prediction, "labels", None)
        return drawing.views(_picture(sample), None if labels is None else labels.numpy(), sample.spacing)

    def draw_target(self, sample: Sample, classes: Sequence[str]) -> np.ndarray:
        """[height width 3] uint8: the truth in the same way."""
        return drawing.views(_picture(sample), None if sample.target is None else sample.target.numpy(), sample.spacing)

    def _ranges(self) -> affine.Ranges:
        return affine.Ranges(zoom=self.zoom, stretch=self.stretch, flip=self.flip, rotate=self.rotate)

    def _factors(self, spacing: Sequence[float]) -> tuple[float, ...]:
        if self.spacing is None or not spacing:
            return (1.0, 1.0, 1.0)
        found = [own / wanted for own, wanted in zip(spacing, self.spacing, strict=True)]
        return tuple(1.0 if abs(factor - 1) < 1e-3 else factor for factor in found)

    def _normal(self, values: np.ndarray) -> np.ndarray:
        """`values` themselves, changed."""
        if self.window is not None:
            low, high = self.window
            np.clip(values, low, high, out=values)
            values -= low
            values /= high - low
            values -= self.mean
            values /= self.std
            return values
        low, high = np.percentile(values, (0.5, 99.5)).astype(np.float32)
        np.clip(values, low, high, out=values)
        values -= values.mean()
        values /= max(float(np.sqrt(np.float32(_squares(values.reshape(-1)) / values.size))), 1e-8)
        return values

    def _changed(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Values of the training view; always as many draws, whatever is switched on."""
        shift, factor, power, strength = rng.uniform(-1.0, 1.0, 4).tolist()
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        if self.gamma:
            low, high = float(values.min()), float(values.max())
            unit = (values - low) / max(high - low, 1e-8)
            values = unit ** float((1 + self.gamma) ** power) * (high - low) + low
        values = values * float((1 + self.contrast) ** factor) + self.brightness * shift
        return (values + abs(strength) * self.noise * noise).astype(np.float32)


def _checked(source: np.ndarray, name: str) -> np.ndarray:
    """A copy in float32."""
    usable = source.ndim == 3 and 0 not in source.shape and source.dtype.kind in "fiu"
    if not usable or not all(np.isfinite(plane).all() for plane in source):
        raise DataError(name, f"is an array {source.dtype} {source.shape}: volumes are [x y z], finite numbers")
    return np.array(source, dtype=np.float32, order="C")


def _squares(values: np.ndarray) -> np.float32:
    """The sum of the squares of [n] float32, to the bit what `np.square(values).sum()` is, which halves them likewise,
    without as much memory again."""
    if len(values) <= PART:
        return np.square(values).sum()
    half = len(values) // 2
    half -= half % 8
    return _squares(values[:half]) + _squares(values[half:])


def _padded(grids: Sequence[Tensor]) -> tuple[Tensor, Tensor | None]:
    """[b 1 *size] float32 and, where one is smaller than another, which cells are valid [b *size]."""
    if len(grids) == 1:
        return grids[0][None].float(), None
    spaces = [tuple(grid.shape[1:]) for grid in grids]
    size = tuple(max(sides) for sides in zip(*spaces, strict=True))
    padded = torch.zeros(len(grids), 1, *size)
    valid = None if len(set(spaces)) == 1 else torch.zeros(len(grids), *size, dtype=torch.bool)
    for row, (grid, space) in enumerate(zip(grids, spaces, strict=True)):
        part = tuple(slice(n) for n in space)
        padded[(row, 0, *part)] = grid[0].float()
        if valid is not None:
            valid[(row, *part)] = True
    return padded, valid


def _labels(target: object, name: Path | str, shape: tuple[int, ...]) -> Tensor:
    labels = target.read() if hasattr(target, "read") else np.asarray(target)  # type: ignore[union-attr]
    file = getattr(target, "path", name)
    if labels.shape != shape:
        raise DataError(file, f"has {labels.shape} cells, its volume {Path(name).name} has {shape}", field="labels")
    return torch.from_numpy(labels.astype(np.int64))


def _labelled(target: Tensor | None, rng: np.random.Generator, chance: float) -> np.ndarray | None:
    """The middle of a labelled cell, by chance; the class is drawn first, so that rare ones are seen as often."""
    luck, which, place = rng.random(3).tolist()
    if target is None or luck >= chance:
        return None
    kinds = [kind for kind in target.unique().tolist() if kind not in (0, IGNORE)]
    if not kinds:
        return None
    cells = (target == kinds[int(which * len(kinds))]).nonzero()
    return cells[int(place * len(cells))].numpy() + 0.5


def _stacked(targets: Sequence[Tensor | None]) -> Tensor | None:
    known = [target for target in targets if target is not None]
    if not known:
        return None
    size = [max(sides) for sides in zip(*(target.shape for target in known), strict=True)]
    stacked = torch.full((len(targets), *size), IGNORE, dtype=torch.int64)
    for row, target in enumerate(targets):
        if target is not None:
            stacked[(row, *(slice(n) for n in target.shape))] = target
    return stacked


def _picture(sample: Sample) -> np.ndarray:
    """[x y z] float32 at the original size."""
    grid = resample(sample.grid, sample.size) if tuple(sample.grid.shape[1:]) != tuple(sample.size) else sample.grid
    return grid[0].float().numpy()
