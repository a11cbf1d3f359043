"""How sounds are varied in training; every function is pure and draws from the generator it is given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from swinkit.files.sounds import resampled
from swinkit.modalities.audio.mel import to_hertz, to_mel, warped


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """What `Audio` says about waveforms; 0 turns a change off."""

    speed: float = 0.0
    gain: float = 0.0
    noise: float = 0.0
    noise_db: tuple[float, float] = (5.0, 30.0)
    shift: float = 0.0


def factor(rng: np.random.Generator, most: float) -> float:
    """Between 1 / (1 + most) and 1 + most, logarithmically even."""
    return float(np.exp(rng.uniform(-1, 1) * np.log1p(most)))


def varied(
    samples: Float32[np.ndarray, " samples"], rate: int, ranges: Ranges, rng: np.random.Generator
) -> Float32[np.ndarray, " samples2"]:
    """The waveform played faster or slower (pitch included), moved in time, with noise, louder or softer.

    What is put before and after it is as loud as its own quietest part: digital silence, far below any recording,
    would after normalising leave little of what is said. Noise is white or coloured (its spectrum falls by 0 to 12 dB
    an octave), at a signal-to-noise ratio drawn evenly from `noise_db` over the whole clip.
    """
    speed, gain = factor(rng, ranges.speed), 10 ** (rng.uniform(-1, 1) * ranges.gain / 20)
    before, after = rng.uniform(0, ranges.shift, 2)
    noisy, level, colour = rng.random() < ranges.noise, rng.uniform(*ranges.noise_db), rng.uniform(0, 2)
    if ranges.speed:
        samples = resampled(samples, rate, max(1.0, round(rate / speed)), "LQ")
    if ranges.shift:
        quiet = quietest(samples, rate)
        ends = (rng.standard_normal(round(seconds * rate), np.float32) * quiet for seconds in (before, after))
        samples = np.concatenate([next(ends), samples, next(ends)])
    if noisy and len(samples) > 1:
        power = float(np.square(samples, dtype=np.float64).mean())
        samples = samples + coloured(len(samples), colour, rng) * np.float32(np.sqrt(power) * 10 ** (-level / 20))
    return np.ascontiguousarray(samples * np.float32(gain), np.float32)


def quietest(samples: Float32[np.ndarray, " samples"], rate: int, block: float = 0.02) -> np.float32:
    """Root mean square of the quietest of the blocks of so many seconds."""
    size = max(1, round(block * rate))
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    return np.float32(np.sqrt(np.square(whole, dtype=np.float64).mean(1).min())) if len(whole) else np.float32(0)


def coloured(count: int, colour: float, rng: np.random.Generator) -> Float32[np.ndarray, " samples"]:
    """Noise of variance 1 whose amplitude falls as frequency to the power -colour (0 white, 1 brown in amplitude)."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1 + len(spectrum) // 100) ** -colour
    noise = np.fft.irfft(spectrum, count)
    return (noise / (noise.std() + 1e-12)).astype(np.float32)


def response(bands: int, decibels: float, rng: np.random.Generator) -> Float[Tensor, " bands"]:
    """What a microphone adds to the logarithm of the power of every band: the first three cosines over the bands, drawn
    evenly, whose sum is rarely more than `decibels`."""
    places = (np.arange(bands) + 0.5) / bands
    drawn = rng.uniform(-1, 1, 3) * decibels * np.log(10) / 10 / np.arange(1, 4)
    return torch.from_numpy((np.cos(np.pi * np.outer(places, np.arange(1, 4))) @ drawn).astype(np.float32))


def cut(grid: Float[Tensor, "c length"], most: int, rng: np.random.Generator) -> Float[Tensor, "c length2"]:
    """A part of at most so many samples or frames, from anywhere."""
    over = grid.shape[1] - max(1, most)
    first = int(rng.integers(0, over + 1)) if over > 0 else 0
    return grid[:, first : first + most] if over > 0 else grid


def stretched(frames: Float[Tensor, "bands frames"], speed: float) -> Float[Tensor, "bands frames2"]:
    """Frames of the same utterance spoken faster by that factor, linearly interpolated."""
    count = max(1, round(frames.shape[1] / speed))
    if count == frames.shape[1]:
        return frames
    return torch.nn.functional.interpolate(frames[None], count, mode="linear", align_corners=True)[0]


@lru_cache(maxsize=256)
def cepstral_warp(count: int, factor: float, bands: int = 40, half: float = 8000.0) -> Float[Tensor, "count count"]:
    """What `count` cepstra are multiplied by to stretch frequencies by `factor`: the cosines they stand for are read
    off at the moved places of `bands` mel bands (linear vocal tract normalisation, Pitz and Ney 2005). The level,
    cepstrum 0, stays with itself, so its scale does not matter."""
    mel = np.linspace(*to_mel(np.array([100.0, half]), "htk"), bands + 2)[1:-1]
    moved = np.interp(to_mel(warped(to_hertz(mel, "htk"), half, factor), "htk"), mel, np.arange(bands))
    orders = np.arange(count)[:, None]
    straight, bent = (np.cos(np.pi * orders * (place + 0.5) / bands) for place in (np.arange(bands), moved))
    matrix = straight @ bent.T * 2 / bands
    matrix[0], matrix[:, 0] = 0.0, 0.0
    matrix[0, 0] = 1.0
    return torch.from_numpy(matrix.astype(np.float32))


def masked(
    grid: Float[Tensor, "... bands frames"], times: tuple[int, float], bands: tuple[int, int], rng: np.random.Generator
) -> Float[Tensor, "... bands frames"]:
    """SpecAugment without its time warping (Park et al. 2019): stripes of 0, which is the mean after normalising.

    Args:
        times: how many stripes of time, and the longest as a share of the frames.
        bands: how many stripes of frequency, and the widest in bands.
    """
    grid = grid.clone()
    space = grid.shape[-2:]
    for axis, count, most in ((-1, times[0], int(times[1] * space[1])), (-2, bands[0], bands[1])):
        for _ in range(count):
            width = min(int(rng.integers(0, most + 1)), space[axis])
            first = int(rng.integers(0, space[axis] - width + 1))
            grid.narrow(axis, first, width).zero_()
    return grid
