"""Pictures: RGB or grey, of any size; targets are masks of class indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from swinkit.files import ConfigError, DataError
from swinkit.files.masks import IGNORE, MaskFile, read_ids
from swinkit.files.pictures import read_picture
from swinkit.modalities.image.photometric import Limits
from swinkit.modalities.image.warp import MAX_SIDE, resize, warp, warp_mask
from swinkit.ops import affine
from swinkit.ops.palette import overlay
from swinkit.types import Batch, Prediction, Record, Sample

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """How pictures become grids. Sizes are [height width] in pixels, colours RGB."""

    size: Pair | None = None
    """The crop a training step sees; None: the whole picture."""
    scale: float = 1.0
    """Every picture is rescaled by this, in training and evaluation; targets and predictions keep the original size."""
    shorter: int | None = None
    """Instead of `scale`: each picture is rescaled until its shorter side has this many pixels (for pictures of mixed
    sizes).
    """
    channels: int = 3
    """3: RGB, 1: grey (luma)."""
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    """Taken off each channel, of values in 0..1; one value serves all channels."""
    std: tuple[float, ...] = (0.25, 0.25, 0.25)
    """Divides each channel after that."""
    zoom: tuple[float, float] = (0.75, 1.5)
    """Training: smallest and largest extra factor on top of the rescaling, logarithmically even."""
    stretch: float = 0.0
    """Training: the aspect changes by up to 1 + stretch each way on each axis."""
    flip: float = 0.5
    """Training: probability of swapping left and right."""
    flip_vertical: float = 0.0
    rotate: float = 0.0
    """Training: largest rotation in degrees."""
    shear: float = 0.0
    """Training: largest shear in degrees."""
    brightness: float = 0.2
    """Training: factor between 1 / (1 + x) and 1 + x; likewise contrast, saturation and the exponent gamma."""
    contrast: float = 0.2
    saturation: float = 0.2
    hue: float = 0.0
    """Training: largest turn of the colours in degrees."""
    gamma: float = 0.0

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ConfigError(f"channels {self.channels}: a picture has 3 (RGB) or 1 (grey)")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(set(values)) == 1 and len(values) != self.channels:  # the RGB defaults serve grey too
                object.__setattr__(self, name, (values[0],) * self.channels)
            elif len(values) != self.channels:
                raise ConfigError(f"{name} {values}: give one value a channel, {self.channels} in all")
        if min(self.std) <= 0:
            raise ConfigError(f"std {self.std}: must be positive")
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise ConfigError(f"size {self.size}: give [height, width], both at least 1")
        if self.scale <= 0 or (self.shorter is not None and (self.shorter < 1 or self.scale != 1.0)):
            raise ConfigError(f"scale {self.scale}, shorter {self.shorter}: give one of them, positive")
        try:
            self._ranges()
            self._limits()
        except ValueError as error:
            raise ConfigError(str(error)) from error

    @property
    def rank(self) -> int:
        """Number of axes of the grid."""
        return 2

    def read(self, record: Record) -> Sample:
        """Decode picture and mask. Raises DataError: file and field, where one cannot be used or their sizes differ."""
        name = record.source if isinstance(record.source, Path) else record.id
        picture = read_picture(record.source) if isinstance(record.source, Path) else _checked(record.source, name)
        if max(picture.shape[:2]) > MAX_SIDE:
            raise DataError(
                name, f"has a side of {max(picture.shape[:2])} px, more than {MAX_SIDE}: cut it into pieces"
            )
        if self.channels == 1:
            picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
        mask = None if record.target is None else _mask(record.target, name)
        if mask is not None and mask.shape != picture.shape[:2]:
            raise DataError(
                record.target.path if isinstance(record.target, MaskFile) else name,
                f"is {_by(mask.shape)} px, but its picture {Path(name).name} is {_by(picture.shape)} "
                "(after EXIF rotation): export it at the size of the picture",
                field="mask",
            )
        return _sample(record.id, picture, mask, picture.shape[:2])

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The training view: one affine for picture (linear) and mask (nearest, 255 outside), then colours."""
        picture = _array(sample.grid)
        space = picture.shape[:2]
        factor = self._factor(space)
        size = self.size or _scaled(space, factor)
        matrix = affine.draw(rng, self._ranges(), space, size, factor)
        change = self._limits().draw(rng)
        picture = change.apply(warp(picture, matrix, size, tuple(255 * value for value in self.mean)))
        mask = None if sample.target is None else sample.target.numpy().astype(np.uint8)
        return _sample(sample.id, picture, None if mask is None else warp_mask(mask, matrix, size, IGNORE), size)

    def standard(self, sample: Sample) -> Sample:
        """The evaluation view: the whole picture, rescaled; the target stays at its original size."""
        picture = _array(sample.grid)
        scaled = resize(picture, _scaled(picture.shape[:2], self._factor(picture.shape[:2])))
        return Sample(id=sample.id, grid=_grid(scaled), target=sample.target, size=sample.size)

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Normalised pictures, padded at the high end with zeros (masks with 255) to the largest of the batch.

        Where some samples have no mask, theirs is all 255.
        """
        spaces = [tuple(sample.grid.shape[1:]) for sample in samples]
        height, width = (max(sides) for sides in zip(*spaces, strict=True))
        grid = torch.zeros(len(samples), self.channels, height, width)
        mean = 255 * torch.tensor(self.mean).view(-1, 1, 1)
        std = 255 * torch.tensor(self.std).view(-1, 1, 1)
        for place, sample, (h, w) in zip(grid, samples, spaces, strict=True):
            place[:, :h, :w].copy_(sample.grid).sub_(mean).div_(std)
        return Batch(
            grid=grid,
            valid=_valid(spaces, (height, width)),
            target=_targets(samples),
            ids=tuple(sample.id for sample in samples),
            sizes=tuple(sample.size for sample in samples),
        )

    def draw(self, sample: Sample, prediction: Prediction) -> np.ndarray:
        """[h w 3] uint8: the picture, tinted by the predicted classes, at its original size."""
        return overlay(picture_of(sample), prediction.labels.numpy())

    def draw_target(self, sample: Sample) -> np.ndarray:
        """[h w 3] uint8: the picture, tinted by its true classes, at its original size."""
        picture = picture_of(sample)
        return picture if sample.target is None else overlay(picture, sample.target.numpy())

    def _factor(self, space: Sequence[int]) -> float:
        return self.scale if self.shorter is None else self.shorter / min(space)

    def _ranges(self) -> affine.Ranges:
        return affine.Ranges(
            zoom=self.zoom,
            stretch=self.stretch,
            flip=(self.flip_vertical, self.flip),
            rotate=self.rotate,
            shear=self.shear,
        )

    def _limits(self) -> Limits:
        return Limits(
            gamma=self.gamma,
            brightness=self.brightness,
            contrast=self.contrast,
            saturation=self.saturation,
            hue=self.hue,
        )


def picture_of(sample: Sample) -> np.ndarray:
    """[h w 3] uint8: what a sample shows, at its original size."""
    picture = resize(_array(sample.grid), (sample.size[0], sample.size[1]))
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture.copy()


def _checked(source: np.ndarray, name: Path | str) -> np.ndarray:
    if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or 0 in source.shape:
        raise DataError(name, f"is an array {source.dtype} {source.shape}: pictures are [height width 3] uint8")
    return np.ascontiguousarray(source)


def _mask(target: MaskFile | Path | np.ndarray, name: Path | str) -> np.ndarray:
    """[h w] uint8 class indices."""
    mask = target.read() if isinstance(target, MaskFile) else target
    if isinstance(mask, Path):
        mask = read_ids(mask)
    if mask.ndim != 2 or mask.dtype.kind not in "ui" or mask.size and not 0 <= mask.min() <= mask.max() <= 255:
        raise DataError(name, f"{mask.dtype} {mask.shape} array: masks are [height width] indices 0..255", field="mask")
    return mask.astype(np.uint8)


def _sample(name: str, picture: np.ndarray, mask: np.ndarray | None, size: Sequence[int]) -> Sample:
    target = None if mask is None else torch.from_numpy(mask.astype(np.int64))
    return Sample(id=name, grid=_grid(picture), target=target, size=tuple(size))


def _grid(picture: np.ndarray) -> Tensor:
    """[c h w] over the same memory; writable, as torch wants it."""
    return torch.from_numpy(picture if picture.flags.writeable else picture.copy()).permute(2, 0, 1)


def _array(grid: Tensor) -> np.ndarray:
    return np.ascontiguousarray(grid.permute(1, 2, 0).numpy())


def _scaled(space: Sequence[int], factor: float) -> Pair:
    return max(1, round(space[0] * factor)), max(1, round(space[1] * factor))


def _valid(spaces: Sequence[Sequence[int]], size: Pair) -> Tensor | None:
    if len(set(map(tuple, spaces))) == 1:
        return None
    valid = torch.zeros(len(spaces), *size, dtype=torch.bool)
    for place, (height, width) in zip(valid, spaces, strict=True):
        place[:height, :width] = True
    return valid


def _targets(samples: Sequence[Sample]) -> Tensor | None:
    if all(sample.target is None for sample in samples):
        return None
    spaces = [sample.size if sample.target is None else tuple(sample.target.shape) for sample in samples]
    height, width = (max(sides) for sides in zip(*spaces, strict=True))
    targets = torch.full((len(samples), height, width), IGNORE)
    for place, sample in zip(targets, samples, strict=True):
        if sample.target is not None:
            place[: sample.target.shape[0], : sample.target.shape[1]] = sample.target
    return targets


def _by(shape: Sequence[int]) -> str:
    return f"{shape[0]}x{shape[1]}"
