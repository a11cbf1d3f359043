"""Sounds: wav, flac, ogg and mp3 files, waveforms, and frames of features given as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from swinkit.files import ConfigError, DataError
from swinkit.files.sounds import read_sound
from swinkit.modalities.audio import drawing
from swinkit.modalities.audio.mel import Normalise, Scale, limited, log_mel, mel_filters, normalised, with_slopes
from swinkit.modalities.audio.targets import stacked, target_of
from swinkit.modalities.audio.varied import Ranges, cepstral_warp, cut, factor, masked, response, stretched, varied
from swinkit.types import Batch, Prediction, Record, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    """How sounds become grids [1 bands frames] (`rank` 2) or [bands frames] (`rank` 1)."""

    source: Literal["sound", "features", "cepstra"] = "sound"
    """What comes: sounds, or arrays [frames bands] of features that are used as they are; of mel cepstra `warp` knows
    how to stretch the frequencies."""
    answering: ClassVar[tuple[str, ...]] = ("voices",)

    rank: int = 2
    """2: bands are an axis of the grid, as in a picture; 1: they are its channels."""
    rate: int = 16_000
    """Samples a second to which every sound is resampled."""
    bands: int = 64
    """Mel bands; of given features, how many numbers a frame has."""
    hop: float = 0.01
    """Seconds from one frame to the next."""
    window: float = 0.025
    """Seconds under the window of a frame."""
    limits: tuple[float, float] | None = None
    """Lowest and highest frequency of the bands in Hz; None: 20 to half the rate."""
    scale: Scale = "slaney"
    range: float | None = None
    """Of sounds: nothing is more than so many dB below the loudest of what is normalised together, so that silence is
    alike in quiet and noisy recordings. None: down to full scale - 80 dB."""
    slopes: int = 0
    """1 adds how the bands change (deltas), 2 how that changes; in rank 2 as channels."""
    normalise: Normalise = "bands"
    """Over each utterance: mean 0 and variance 1 of every band, of all together (`whole`), mean 0 of every band and
    variance 1 of all (`means`), or nothing."""
    seconds: float | None = None
    """Training: longer sounds are cut to so much, at random; for classes, not for transcripts."""
    speed: float = 0.1
    """Training: played up to 1 + x times as fast or slow, pitch included."""
    warp: float = 0.0
    """Training: frequencies stretched by up to 1 + x, as by another vocal tract; of sounds and cepstra."""
    colour: float = 0.0
    """Training: bands up to about so many dB louder or softer, smoothly over frequency, as by another microphone; of
    sounds."""
    gain: float = 6.0
    """Training: up to so many dB louder or softer."""
    voices: tuple[float, ...] = (1.0,)
    """Evaluation, rank 2: an answer is the mean over the frequencies stretched by each of these, as by so many vocal
    tracts."""
    noise: float = 0.3
    """Training: probability of added noise."""
    noise_db: tuple[float, float] = (5.0, 30.0)
    """Training: lowest and highest signal-to-noise ratio of that, in dB."""
    shift: float = 0.0
    """Training: up to so many seconds of silence at each end."""
    time_masks: int = 2
    """Training: SpecAugment's stripes of time ..."""
    time_share: float = 0.1
    """... of up to this share of the frames each;"""
    band_masks: int = 2
    """stripes of frequency ..."""
    band_width: int = 8
    """... of up to so many bands each."""

    def __post_init__(self) -> None:
        if self.rank not in (1, 2):
            raise ConfigError(f"rank {self.rank}: sounds are grids of 1 or 2 axes")
        for name, kind in (("source", ("sound", "features", "cepstra")), ("scale", Scale), ("normalise", Normalise)):
            known = kind if isinstance(kind, tuple) else get_args(kind)
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} {getattr(self, name)!r}: there are {', '.join(known)}")
        if self.bands < 1 or self.slopes not in (0, 1, 2) or self.rate < 1000:
            raise ConfigError(
                f"bands {self.bands}, slopes {self.slopes}, rate {self.rate}: wanted at least 1, 0 to 2, at least 1000"
            )
        low, high = self.limits or (0.0, self.rate / 2)
        if not 0 <= low < high <= self.rate / 2:
            raise ConfigError(
                f"limits {self.limits}: wanted two frequencies in Hz up to half the rate, {self.rate // 2}"
            )
        whole = round(self.hop * self.rate)
        if not 0 < self.hop <= self.window or whole < 1 or abs(whole - self.hop * self.rate) > 1e-6:
            raise ConfigError(
                f"hop {self.hop}, window {self.window}: wanted seconds, the hop a whole number of samples at rate "
                f"{self.rate} and no longer than the window"
            )
        self._check_changes()

    def _check_changes(self) -> None:
        names = (
            "speed",
            "warp",
            "colour",
            "gain",
            "noise",
            "shift",
            "time_masks",
            "time_share",
            "band_masks",
            "band_width",
        )
        for name in names:
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} {getattr(self, name)}: wanted a number from 0")
        if self.time_share > 1 or self.noise > 1 or self.noise_db[0] > self.noise_db[1] or self.warp > 0.5:
            raise ConfigError(
                f"time_share {self.time_share}, noise {self.noise}, noise_db {self.noise_db}, warp {self.warp}: wanted "
                "shares up to 1, a range that rises, and a warp up to 0.5"
            )
        for name in ("seconds", "range"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise ConfigError(f"{name} {value}: wanted more than 0, or null")
        if not self.voices or not 0.5 <= min(self.voices) <= max(self.voices) <= 1.5:
            raise ConfigError(f"voices {self.voices}: wanted factors of 0.5 to 1.5")
        if self.source != "sound" and (self.range is not None or self.colour):
            raise ConfigError(f"range {self.range}, colour {self.colour}: are for sounds: leave them out of features")
        if self.voices != (1.0,) and (self.rank == 1 or self.source == "features"):
            raise ConfigError(f"voices {self.voices}: are for rank 2 and sounds or cepstra: leave them out")

    @property
    def channels(self) -> int:
        """Of the grid: slopes, and in rank 1 the bands."""
        return (1 + self.slopes) * (self.bands if self.rank == 1 else 1)

    @property
    def views(self) -> int:
        """Of one sound in a grid of the evaluation view."""
        return len(self.voices)

    def read(self, record: Record) -> Sample:
        """Decode sound and target: the grid is the waveform [1 samples] or the features [bands frames]. Raises
        DataError: file and field, where one cannot be used."""
        source = record.source
        name = source if isinstance(source, Path) else record.id
        if not isinstance(source, Path):
            grid = self._given(source, name)
        elif self.source == "sound":
            grid = torch.from_numpy(read_sound(source, self.rate))[None]
        else:
            raise DataError(name, "is a sound file, the recipe wants features: say modality.source=sound")
        return Sample(id=record.id, grid=grid, target=target_of(record.target, name), size=(grid.shape[1],))

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The training view: another waveform, or frames at another speed, then stripes of mean."""
        grid = sample.grid
        if self.seconds is not None and not (isinstance(sample.target, Tensor) and sample.target.ndim):
            grid = cut(grid, round(self.seconds / (1 / self.rate if self.source == "sound" else self.hop)), rng)
        if self.source == "sound":
            grid = torch.from_numpy(varied(grid[0].numpy(), self.rate, self._ranges(), rng))[None]
        else:
            grid = stretched(grid, factor(rng, self.speed))
        drawn = self.source == "sound" or (self.source == "cepstra" and self.warp)
        frames = self._warped(grid, round(factor(rng, self.warp), 2) if drawn else 1.0)
        if self.colour and self.source == "sound":
            frames = frames + response(self.bands, self.colour, rng)[:, None]
        grid = masked(self._grid(frames), (self.time_masks, self.time_share), (self.band_masks, self.band_width), rng)
        return replace(sample, grid=self._folded(grid))

    def standard(self, sample: Sample) -> Sample:
        """The evaluation view: nothing random; of several `voices` one below the other."""
        grids = [self._grid(self._warped(sample.grid, factor)) for factor in self.voices]
        return replace(sample, grid=self._folded(torch.cat(grids, 1)), views=len(grids))

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Grids padded at the end of time with zeros, which is their mean; transcripts padded with -1.

        Where some samples have no target, theirs is class -1 or a transcript of -1 alone.
        """
        lengths = [sample.grid.shape[-1] for sample in samples]
        longest = max(lengths)
        grid = torch.zeros(len(samples), *samples[0].grid.shape[:-1], longest)
        for place, sample in zip(grid, samples, strict=True):
            place[..., : sample.grid.shape[-1]] = sample.grid
        valid = None
        if min(lengths) < longest:
            valid = torch.arange(longest) < torch.tensor(lengths)[:, None]
            valid = valid if self.rank == 1 else valid[:, None].expand(-1, grid.shape[2], -1).contiguous()
        return Batch(
            grid=grid,
            valid=valid,
            target=stacked([sample.target for sample in samples]),
            ids=tuple(sample.id for sample in samples),
            sizes=tuple(sample.size for sample in samples),
            views=samples[0].views,
        )

    def draw(self, sample: Sample, prediction: Prediction) -> np.ndarray:
        """[h w 3] uint8: the spectrogram, with the best classes or the words at their times below it."""
        return drawing.draw(self._shown(sample), prediction, self.hop)

    def draw_target(self, sample: Sample, classes: Sequence[str]) -> np.ndarray:
        """[h w 3] uint8: the spectrogram, with the transcript below it where there is one."""
        return drawing.draw_target(self._shown(sample), sample.target, classes)

    def _given(self, source: np.ndarray, name: Path | str) -> Tensor:
        wanted = "[samples] of a sound" if self.source == "sound" else f"[frames {self.bands}] of features"
        shape = (source.shape[0], self.bands) if self.source != "sound" and source.ndim else source.shape[:1]
        if source.dtype.kind != "f" or source.shape != shape or 0 in source.shape:
            raise DataError(name, f"is an array {source.dtype} {source.shape}: wanted float numbers {wanted}")
        if not np.isfinite(source).all():
            raise DataError(name, "holds values that are no finite numbers", field="features")
        values = torch.from_numpy(np.array(source, np.float32))
        return values[None] if self.source == "sound" else values.T.contiguous()

    def _warped(self, grid: Tensor, warp: float) -> Tensor:
        """[bands frames] of what was read, its frequencies stretched."""
        if self.source == "sound":
            return self._frames(grid[0], warp)
        return grid if warp == 1.0 else cepstral_warp(self.bands, warp) @ grid

    def _frames(self, samples: Tensor, warp: float = 1.0) -> Tensor:
        window = max(2, round(self.window * self.rate))
        limits = self.limits or (20.0, self.rate / 2)
        size = 1 << (window - 1).bit_length()
        filters = mel_filters(self.rate, size, self.bands, limits, self.scale, warp)
        return log_mel(samples, filters, window, round(self.hop * self.rate))

    def _grid(self, frames: Tensor) -> Tensor:
        """[1 + slopes bands frames], normalised."""
        if self.range is not None and self.source == "sound":
            frames = limited(frames, self.range, self.normalise)
        return torch.stack([normalised(each, self.normalise) for each in with_slopes(frames, self.slopes)])

    def _folded(self, grid: Tensor) -> Tensor:
        return grid.flatten(0, 1) if self.rank == 1 else grid

    def _shown(self, sample: Sample) -> np.ndarray:
        grid = sample.grid if self.rank == 1 else sample.grid[0]
        nearest = min(range(sample.views), key=lambda view: abs(self.voices[view] - 1)) if sample.views > 1 else 0
        return grid[nearest * self.bands : (nearest + 1) * self.bands].numpy()

    def _ranges(self) -> Ranges:
        return Ranges(speed=self.speed, gain=self.gain, noise=self.noise, noise_db=self.noise_db, shift=self.shift)
