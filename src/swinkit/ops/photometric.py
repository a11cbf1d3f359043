"""Random changes of colour, cheap: a table for the gamma, then brightness, contrast, saturation and hue as one
matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a random change of colour may go; the defaults allow nothing."""

    gamma: float = 0.0
    """The exponent lies between 1 / (1 + x) and 1 + x, logarithmically even; likewise the next three factors."""
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    """Largest turn of the colours about the grey axis, in degrees, either way."""

    def __post_init__(self) -> None:
        if min(self.gamma, self.brightness, self.contrast, self.saturation, self.hue) < 0:
            raise ValueError(f"{self}: give 0 or more")

    def draw(self, rng: np.random.Generator) -> Change:
        """A random change within the limits. Always five draws, so switching one kind on does not change the others."""
        gamma, brightness, contrast, saturation, hue = rng.uniform(-1.0, 1.0, 5)
        return Change(
            gamma=_factor(gamma, self.gamma),
            brightness=_factor(brightness, self.brightness),
            contrast=_factor(contrast, self.contrast),
            saturation=_factor(saturation, self.saturation),
            hue=hue * math.radians(self.hue),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of colour; the defaults change nothing."""

    gamma: float = 1.0
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0
    """Turn of the colours about the grey axis, in radians."""

    def apply(self, picture: np.ndarray) -> np.ndarray:
        """[h w c] uint8 with 1 or 3 channels -> the same shape, uint8."""
        if self.gamma != 1.0:
            curve = np.rint(255 * np.linspace(0, 1, 256) ** self.gamma).astype(np.uint8)
            picture = cv2.LUT(picture, curve).reshape(picture.shape)
        if self == Change(gamma=self.gamma):
            return picture
        matrix = self.matrix(np.array(cv2.mean(picture)[: picture.shape[2]]))
        return cv2.transform(picture, matrix).reshape(picture.shape)

    def matrix(self, mean: np.ndarray) -> np.ndarray:
        """[c c+1]: the linear part and the offset (0..255) for a picture of that mean colour [c].

        Contrast is about the mean luma; saturation and hue keep the luma.
        """
        channels = len(mean)
        if channels == 1:
            linear, middle = np.eye(1), float(mean[0])
        else:
            grey = np.outer(np.ones(3), _LUMA)
            linear = grey + self.saturation * (np.eye(3) - grey) @ _hue(self.hue)
            middle = float(_LUMA @ mean)
        gain = self.brightness * self.contrast
        offset = self.brightness * (1 - self.contrast) * middle
        return np.hstack([gain * linear, np.full((channels, 1), offset)])


def _factor(place: float, most: float) -> float:
    return math.exp(place * math.log1p(most))


def _hue(radians: float) -> np.ndarray:
    """[3 3] turn about the grey axis: greys stay."""
    cosine, sine = math.cos(radians), math.sin(radians) / math.sqrt(3)
    around = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    return cosine * np.eye(3) + sine * around + (1 - cosine) / 3 * np.ones((3, 3))
