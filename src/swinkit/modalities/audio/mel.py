"""From a waveform to log-mel frames, and what is made of frames: slopes, normalised bands."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Scale = Literal["slaney", "htk"]
Normalise = Literal["bands", "means", "whole", "none"]
FLOOR = 1e-8
"""Power below which a band is silent; full scale is 1."""
_LINEAR, _BREAK, _STEP = 200 / 3, 1000.0, math.log(6.4) / 27
"""Slaney's scale: 3 mel per 200 Hz up to 1000 Hz, then 27 mel for every factor of 6.4."""


def to_mel(hertz: np.ndarray | float, scale: Scale) -> np.ndarray:
    """Mel of frequencies: `htk` 2595 log10(1 + f / 700) (O'Shaughnessy 1987, the HTK book 5.6); `slaney` as in his
    Auditory Toolbox (1998), linear below 1 kHz and logarithmic above."""
    hertz = np.asarray(hertz, np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + hertz / 700.0)
    above = _BREAK / _LINEAR + np.log(np.maximum(hertz, _BREAK) / _BREAK) / _STEP
    return np.where(hertz < _BREAK, hertz / _LINEAR, above)


def to_hertz(mel: np.ndarray | float, scale: Scale) -> np.ndarray:
    """The inverse of `to_mel`."""
    mel = np.asarray(mel, np.float64)
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    edge = _BREAK / _LINEAR
    return np.where(mel < edge, mel * _LINEAR, _BREAK * np.exp(_STEP * (np.maximum(mel, edge) - edge)))


@lru_cache(maxsize=256)
def mel_filters(
    rate: int, size: int, bands: int, limits: tuple[float, float], scale: Scale = "slaney", warp: float = 1.0
) -> Float[Tensor, "bands bins"]:
    """Triangles of equal width on the mel scale over the size // 2 + 1 bins of a Fourier transform; each has area 1
    over frequency in Hz (Slaney's normalisation), so that a flat spectrum gives a flat result.

    Args:
        limits: lowest and highest frequency in Hz.
        warp: factor of vocal tract length perturbation (Jaitly and Hinton 2013): the spectrum is stretched by it up to
            60 % of half the rate, and linearly from there so that half the rate stays where it is.
    """
    edges = to_hertz(np.linspace(to_mel(limits[0], scale), to_mel(limits[1], scale), bands + 2), scale)
    bins = warped(np.linspace(0, rate / 2, size // 2 + 1), rate / 2, warp)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(filters.astype(np.float32))


def warped(hertz: np.ndarray, half: float, factor: float) -> np.ndarray:
    """Frequencies moved by the piecewise linear warp; `half` is half the rate."""
    if factor == 1.0:
        return hertz
    border = 0.6 * half * min(factor, 1.0)
    above = half - (half - border) / (half - border / factor) * (half - hertz)
    return np.where(hertz <= border / factor, hertz * factor, above)


def log_mel(
    samples: Float[Tensor, " samples"], filters: Float[Tensor, "bands bins"], window: int, hop: int
) -> Float[Tensor, "bands frames"]:
    """Natural logarithm of the power in every band; frame t is centred at sample t * hop, beyond the ends is silence.

    Args:
        window: samples under the periodic Hann window.
    """
    size = 2 * (filters.shape[1] - 1)
    spectrum = torch.stft(
        samples, size, hop, window, torch.hann_window(window), center=True, pad_mode="constant", return_complex=True
    )
    return (filters @ spectrum.abs().square()).clamp_min(FLOOR).log()


def with_slopes(frames: Float[Tensor, "bands frames"], order: int) -> list[Float[Tensor, "bands frames"]]:
    """The frames, their slopes, the slopes of those ...: regression over two frames to each side, ends repeated (the
    HTK book, equation 5.16)."""
    found = [frames]
    for _ in range(order):
        x = torch.nn.functional.pad(found[-1][None], (2, 2), mode="replicate")[0]
        found.append((x[:, 3:-1] - x[:, 1:-3] + 2 * (x[:, 4:] - x[:, :-4])) / 10)
    return found


def limited(frames: Float[Tensor, "bands frames"], decibels: float, how: Normalise) -> Float[Tensor, "bands frames"]:
    """Nothing is further below the loudest frame than that: of each band where bands are normalised by themselves, else
    of all. How quiet a recording is where nobody speaks no longer matters then."""
    loudest = frames.amax(1, keepdim=True) if how == "bands" else frames.amax()
    return torch.maximum(frames, loudest - decibels * (math.log(10) / 10))


def normalised(frames: Float[Tensor, "bands frames"], how: Normalise) -> Float[Tensor, "bands frames"]:
    """Mean 0 and variance 1 over the utterance: of every band, of all together, or mean 0 of every band and variance 1
    of all (`means`)."""
    if how == "none":
        return frames
    if how in ("whole", "means"):
        centred = frames - (frames.mean() if how == "whole" else frames.mean(1, keepdim=True))
        return centred / (centred.std(correction=0) + 1e-3)
    return (frames - frames.mean(1, keepdim=True)) / (frames.std(1, correction=0, keepdim=True) + 1e-3)
