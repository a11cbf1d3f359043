"""Clips [time height width], which are pictures in a row; the target is the class of the whole clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from swinkit.files import ConfigError, DataError
from swinkit.files.clips import Clip
from swinkit.ops import affine
from swinkit.ops.captions import captioned
from swinkit.ops.photometric import Limits
from swinkit.ops.warp import resize, warp
from swinkit.types import Batch, ClassScores, Prediction, Record, Sample

SHOWN = 8
"""Frames of a clip in a picture of it."""
TENTH = 0.1
GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """How clips become grids. Sizes are [height width] in pixels."""

    frames: int = 16
    """Of the grid, one from each of so many equal parts of the clip: in training drawn by chance, else the middle one
    (Wang et al. 2016, temporal segments)."""
    views: int = 1
    """Evaluation: the grid holds so many clips of `frames` in a row, their frames drawn at different places of the
    parts; an answer is the mean over them."""
    decoded: int = 32
    """Most frames of a clip that are decoded, evenly spread; at least `frames` times `views` are."""
    span: float | None = None
    """Seconds of the clips it learns from: `swinkit predict` watches a longer film so many at a time. None: any film is
    one clip."""
    size: tuple[int, int] = (96, 96)
    """What frames are cut to, once their shorter side is `shorter`: in training anywhere, else in the middle."""
    shorter: int = 112
    whole: bool = False
    """Frames are squeezed to `size`, so nothing is cut off; `shorter` is not used then."""
    colour: bool = True
    """RGB, or else grey."""
    motion: bool = False
    """One more channel: how the brightness of each cell changed since the frame before."""
    only_motion: bool = False
    """One channel and nothing else: by how many tenths of full brightness each cell changed since the frame before. It
    hides where a clip was filmed, which few clips would be told apart by."""
    mean: float = 0.5
    """Taken off values of 0..1, for every channel but motion."""
    std: float = 0.25
    """Divides every channel after that."""
    zoom: tuple[float, float] = (0.9, 1.3)
    """Training: smallest and largest extra factor, one for all frames of a clip, as everything here."""
    stretch: float = 0.1
    flip: float = 0.5
    """Training: probability of swapping left and right."""
    rotate: float = 0.0
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    speed: float = 0.25
    """Training: up to this share of the clip is left out at its ends."""

    answering: ClassVar[tuple[str, ...]] = ("span",)

    def __post_init__(self) -> None:
        for name in ("frames", "views", "decoded", "shorter"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)}: give at least 1")
        if self.span is not None and self.span <= 0:
            raise ConfigError(f"span {self.span}: give seconds above 0, or null")
        if min(self.size) < 1 or (not self.whole and max(self.size) > self.shorter):
            raise ConfigError(f"size {self.size}, shorter {self.shorter}: a crop of frames with that shorter side")
        if self.std <= 0 or not 0 <= self.speed < 1:
            raise ConfigError(f"std {self.std}, speed {self.speed}: a positive number and a share below 1")
        try:
            self._ranges()
            self._limits()
        except ValueError as error:
            raise ConfigError(str(error)) from error

    @property
    def rank(self) -> int:
        """Number of axes of the grid."""
        return 3

    @property
    def channels(self) -> int:
        """Of the grid."""
        return 1 if self.only_motion else (3 if self.colour else 1) + self.motion

    def read(self, record: Record) -> Sample:
        """Decode the clip's frames, reduced to the shorter side. Raises DataError naming the file."""
        if isinstance(record.source, Path):
            clip = Clip(record.source)
            frames = clip.read(self.places(clip.count))
        else:
            frames = _checked(record.source, record.id)
        grid = torch.from_numpy(np.stack([self.reduced(frame) for frame in frames])).permute(3, 0, 1, 2)
        target = None if record.target is None else torch.tensor(int(record.target))
        return Sample(id=record.id, grid=grid.contiguous(), target=target, size=tuple(frames.shape[:3]))

    def places(self, count: int) -> list[int]:
        """Which of so many frames of a clip are decoded."""
        return _spread(count, max(self.decoded, self.frames * self.views))

    def reduced(self, frame: np.ndarray) -> np.ndarray:
        """A frame [height width 3] whose shorter side is `shorter`, or all of it in `size`."""
        if self.whole:
            return resize(frame, self.size)
        height, width = frame.shape[:2]
        factor = self.shorter / min(height, width)
        return resize(frame, (max(1, round(height * factor)), max(1, round(width * factor))))

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The training view: frames by chance, one affine and one change of colours for all of them."""
        count = sample.grid.shape[1]
        cut, begin = rng.uniform(0, self.speed), rng.random()
        places = (cut * begin + (1 - cut) * (np.arange(self.frames) + rng.random(self.frames)) / self.frames) * count
        space = (int(sample.grid.shape[2]), int(sample.grid.shape[3]))
        matrix, change = affine.draw(rng, self._ranges(), space, self.size), self._limits().draw(rng)
        fill = (255 * self.mean,) * 3
        frames = [
            change.apply(warp(frame, matrix, self.size, fill))
            for frame in _frames(sample.grid[:, np.minimum(places.astype(int), count - 1)])
        ]
        return replace(sample, grid=_grid(frames))

    def standard(self, sample: Sample) -> Sample:
        """The evaluation view: the middle of every part of the clip and of the frame."""
        count, space = sample.grid.shape[1], sample.grid.shape[2:]
        parts = [(np.arange(self.frames) + (view + 0.5) / self.views) / self.frames for view in range(self.views)]
        places = np.minimum((np.concatenate(parts) * count).astype(int), count - 1)
        top, left = ((side - wanted) // 2 for side, wanted in zip(space, self.size, strict=True))
        grid = sample.grid[:, places, top : top + self.size[0], left : left + self.size[1]]
        return replace(sample, grid=grid, views=self.views)

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Normalised clips, all of one size."""
        targets = [torch.tensor(-1) if sample.target is None else sample.target for sample in samples]
        return Batch(
            grid=torch.stack([self._normal(sample.grid) for sample in samples]),
            target=None if all(sample.target is None for sample in samples) else torch.stack(targets),
            ids=tuple(sample.id for sample in samples),
            sizes=tuple(sample.size for sample in samples),
            views=samples[0].views,
        )

    def draw(self, sample: Sample, prediction: Prediction) -> np.ndarray:
        """[height width 3] uint8: frames of the clip in two rows, with the answer below."""
        sheet = self._sheet(sample)
        return captioned(sheet, prediction.best(3)) if isinstance(prediction, ClassScores) else sheet

    def draw_target(self, sample: Sample, classes: Sequence[str]) -> np.ndarray:
        """[height width 3] uint8: the frames; a class has no place in them."""
        return self._sheet(sample)

    def _sheet(self, sample: Sample) -> np.ndarray:
        places = _spread(sample.grid.shape[1], SHOWN)
        frames = [np.pad(frame, ((1, 1), (1, 1), (0, 0))) for frame in _frames(sample.grid[:, places])]
        frames += [np.zeros_like(frames[0])] * (-len(frames) % 4)
        return np.vstack([np.hstack(frames[row : row + 4]) for row in range(0, len(frames), 4)])

    def _normal(self, grid: Tensor) -> Tensor:
        values = grid.float() / 255
        grey = torch.einsum("cthw,c->thw", values, torch.from_numpy(GREY))[None]
        parts = [(values if self.colour else grey) - self.mean]
        if not (self.motion or self.only_motion):
            return parts[0] / self.std
        moved = grey.unflatten(1, (-1, min(self.frames, grey.shape[1])))
        change = torch.diff(moved, dim=2, prepend=moved[:, :, :1]).flatten(1, 2)  # a view's first has nothing before it
        return change.abs() / TENTH if self.only_motion else torch.cat([*parts, change]) / self.std

    def _ranges(self) -> affine.Ranges:
        return affine.Ranges(zoom=self.zoom, stretch=self.stretch, flip=(0.0, self.flip), rotate=self.rotate)

    def _limits(self) -> Limits:
        return Limits(brightness=self.brightness, contrast=self.contrast, saturation=self.saturation)


def _spread(count: int, most: int) -> list[int]:
    """The middles of `most` equal parts of so many frames, or all of them in order."""
    return list(range(count)) if count <= most else [int((index + 0.5) * count / most) for index in range(most)]


def _checked(source: np.ndarray, name: str) -> np.ndarray:
    if source.dtype != np.uint8 or source.ndim != 4 or source.shape[3] != 3 or 0 in source.shape:
        raise DataError(name, f"is an array {source.dtype} {source.shape}: clips are [frames height width 3] uint8")
    return source


def _frames(grid: Tensor) -> list[np.ndarray]:
    return list(np.ascontiguousarray(grid.permute(1, 2, 3, 0).numpy()))


def _grid(frames: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(frames)).permute(3, 0, 1, 2).contiguous()
