"""Pictures: RGB or grey, of any size; targets are masks, classes or things, see `targets`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from swinkit.files import ConfigError, DataError
from swinkit.files.pictures import read_picture
from swinkit.modalities.image import drawing, targets
from swinkit.modalities.image.randaugment import erase, randaugment
from swinkit.modalities.image.regions import checked, fitting, shown, to_array, to_grid
from swinkit.ops import affine
from swinkit.ops.photometric import Limits
from swinkit.ops.warp import MAX_SIDE, resize, warp
from swinkit.types import Batch, Prediction, Record, Sample

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """How pictures become grids. Sizes are [height width] in pixels, colours RGB."""

    size: Pair | None = None
    """The crop a training step sees; None: the whole picture."""
    view: Literal["picture", "region"] = "picture"
    """What a sample shows. `picture`: all of it, rescaled; in training a crop of that. `region`: the part that the
    record names (all of it where it names none), fitted into `size`, in evaluation too; in training zoomed, moved and
    turned about that."""
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
    randaugment: int = 0
    """Training: so many changes of RandAugment on top; they move pictures without their masks or boxes, so this is for
    classes alone."""
    magnitude: float = 9.0
    """Training: their strength, 0 to 10."""
    erase: float = 0.0
    """Training: probability of filling one rectangle with noise."""

    answering: ClassVar[tuple[str, ...]] = ("scale", "shorter")

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
        self._check_sizes()
        if self.randaugment < 0 or not 0 <= self.magnitude <= 10 or not 0 <= self.erase <= 1:
            raise ConfigError(
                f"randaugment {self.randaugment}, magnitude {self.magnitude}, erase {self.erase}: give a number of "
                "changes, a strength of 0 to 10 and a probability"
            )
        try:
            self._ranges()
            self._limits()
        except ValueError as error:
            raise ConfigError(str(error)) from error

    def _check_sizes(self) -> None:
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise ConfigError(f"size {self.size}: give [height, width], both at least 1")
        if self.view not in ("picture", "region") or (self.view == "region" and self.size is None):
            raise ConfigError(f"view {self.view!r}: there are picture and region, and region needs a size")
        if self.scale <= 0 or (self.shorter is not None and (self.shorter < 1 or self.scale != 1.0)):
            raise ConfigError(f"scale {self.scale}, shorter {self.shorter}: give one of them, positive")

    @property
    def rank(self) -> int:
        """Number of axes of the grid."""
        return 2

    def read(self, record: Record) -> Sample:
        """Decode picture and target. Raises DataError: file and field, where one cannot be used or sizes differ."""
        name = record.source if isinstance(record.source, Path) else record.id
        picture = read_picture(record.source) if isinstance(record.source, Path) else _checked(record.source, name)
        if max(picture.shape[:2]) > MAX_SIDE:
            raise DataError(
                name, f"has a side of {max(picture.shape[:2])} px, more than {MAX_SIDE}: cut it into pieces"
            )
        if self.channels == 1:
            picture = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
        size = (picture.shape[0], picture.shape[1])
        target = targets.read(record.target, name, size)
        return Sample(
            id=record.id, grid=to_grid(picture), target=target, size=size, region=checked(record.region, name)
        )

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The training view: one affine for picture (linear) and target (masks: nearest, 255 outside), then colours."""
        picture = to_array(sample.grid)
        space = picture.shape[:2]
        factor = self._factor(space)
        size = self.size or _scaled(space, factor)
        if self.view == "region":
            matrix = affine.compose(affine.draw(rng, self._ranges(), size, size), fitting(sample.region, space, size))
        else:
            matrix = affine.draw(rng, self._ranges(), space, size, factor)
        change = self._limits().draw(rng)
        picture = change.apply(warp(picture, matrix, size, self._fill()))
        fill = tuple(map(round, self._fill()))
        if self.randaugment:
            picture = randaugment(picture, rng, changes=self.randaugment, magnitude=self.magnitude, fill=fill)
        if self.erase and rng.random() < self.erase:
            picture = erase(picture, rng)
        return Sample(
            id=sample.id, grid=to_grid(picture), target=targets.warped(sample.target, matrix, size), size=size
        )

    def standard(self, sample: Sample) -> Sample:
        """The evaluation view: the whole picture, rescaled, or the region; the target stays at its original size."""
        picture = to_array(sample.grid)
        if self.view == "region" and self.size is not None:
            matrix = fitting(sample.region, picture.shape[:2], self.size)
            return replace(sample, grid=to_grid(warp(picture, matrix, self.size, self._fill())), matrix=matrix)
        scaled = resize(picture, _scaled(picture.shape[:2], self._factor(picture.shape[:2])))
        return Sample(id=sample.id, grid=to_grid(scaled), target=sample.target, size=sample.size)

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Normalised pictures, padded at the high end with zeros (masks with 255) to the largest of the batch.

        Where some samples have no target, theirs is a mask of 255, class -1, or no things.
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
            target=targets.stacked(samples),
            ids=tuple(sample.id for sample in samples),
            sizes=tuple(sample.size for sample in samples),
            matrices=tuple(s.matrix for s in samples) if any(s.matrix is not None for s in samples) else (),
        )

    def draw(self, sample: Sample, prediction: Prediction) -> np.ndarray:
        """[h w 3] uint8: the prediction over the picture at its original size (over its region, where there is one),
        small ones enlarged where words are."""
        picture, matrix = shown(sample)
        return drawing.draw(picture, prediction if matrix is None else targets.seen(prediction, matrix))

    def draw_target(self, sample: Sample, classes: Sequence[str]) -> np.ndarray:
        """[h w 3] uint8: the truth over the same."""
        picture, matrix = shown(sample)
        target = sample.target if matrix is None else targets.warped(sample.target, matrix, picture.shape[:2])
        return drawing.draw_target(picture, target, classes)

    def _fill(self) -> tuple[float, ...]:
        return tuple(255 * value for value in self.mean)

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


def _checked(source: np.ndarray, name: Path | str) -> np.ndarray:
    if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3 or 0 in source.shape:
        raise DataError(name, f"is an array {source.dtype} {source.shape}: pictures are [height width 3] uint8")
    return np.ascontiguousarray(source)


def _scaled(space: Sequence[int], factor: float) -> Pair:
    return max(1, round(space[0] * factor)), max(1, round(space[1] * factor))


def _valid(spaces: Sequence[Sequence[int]], size: Pair) -> Tensor | None:
    if len(set(map(tuple, spaces))) == 1:
        return None
    valid = torch.zeros(len(spaces), *size, dtype=torch.bool)
    for place, (height, width) in zip(valid, spaces, strict=True):
        place[:height, :width] = True
    return valid
