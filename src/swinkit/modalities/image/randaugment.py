"""RandAugment (Cubuk et al. 2020): a few changes drawn from a list, all of one strength, for classification.

Strengths follow timm's `rand-mM-mstd0.5-inc1`: M of 0 to 10, each change's own a normal draw around M, and every change
is stronger the larger it is. Pillow computes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

Change = Callable[[Image.Image, float, float, tuple[int, ...]], Image.Image]
"""(picture, strength 0..1, sign, fill) -> picture."""

SPREAD = 0.5
"""Standard deviation of a change's strength, of 10."""


def randaugment(
    picture: np.ndarray, rng: np.random.Generator, *, changes: int, magnitude: float, fill: tuple[int, ...]
) -> np.ndarray:
    """[h w c] uint8, 1 or 3 channels, after `changes` random changes of strength `magnitude` (0 to 10).

    `fill`: the value of each channel where a change looks outside.
    """
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    names = sorted(CHANGES)
    for _ in range(changes):
        change = CHANGES[names[rng.integers(len(names))]]
        strength = float(np.clip(rng.normal(magnitude, SPREAD), 0, 10)) / 10
        sign = float(rng.choice([-1.0, 1.0]))
        if rng.random() < 0.5:  # as published code: every change is made half of the time
            image = change(image, strength, sign, fill)
    return np.asarray(image).reshape(picture.shape).copy()


def erase(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[h w c] uint8 with one rectangle of 2 to 33 % of it filled with noise (Zhong et al. 2020, `pixel` mode)."""
    height, width = picture.shape[:2]
    for _ in range(10):
        area, aspect = height * width * rng.uniform(0.02, 1 / 3), math.exp(rng.uniform(-1.2, 1.2))
        high, wide = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < high < height and 0 < wide < width:
            top, left = rng.integers(height - high), rng.integers(width - wide)
            noise = np.clip(rng.normal(128, 64, (high, wide, picture.shape[2])), 0, 255)
            picture = picture.copy()
            picture[top : top + high, left : left + wide] = noise.astype(np.uint8)
            return picture
    return picture


def _moved(image: Image.Image, matrix: tuple[float, ...], fill: tuple[int, ...]) -> Image.Image:
    colour = fill[0] if image.mode == "L" else fill
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=colour)


def _rotate(image: Image.Image, strength: float, sign: float, fill: tuple[int, ...]) -> Image.Image:
    colour = fill[0] if image.mode == "L" else fill
    return image.rotate(30 * strength * sign, Image.Resampling.BILINEAR, fillcolor=colour)


def _enhanced(kind: Callable[[Image.Image], ImageEnhance._Enhance]) -> Change:
    return lambda image, strength, sign, _: kind(image).enhance(max(0.1, 1 + 0.9 * strength * sign))


CHANGES: dict[str, Change] = {
    "autocontrast": lambda image, *_: ImageOps.autocontrast(image),
    "equalize": lambda image, *_: ImageOps.equalize(image),
    "invert": lambda image, *_: ImageOps.invert(image),
    "rotate": _rotate,
    "posterize": lambda image, strength, *_: ImageOps.posterize(image, 4 - round(4 * strength) or 1),
    "solarize": lambda image, strength, *_: ImageOps.solarize(image, 256 - round(256 * strength)),
    "color": _enhanced(ImageEnhance.Color),
    "contrast": _enhanced(ImageEnhance.Contrast),
    "brightness": _enhanced(ImageEnhance.Brightness),
    "sharpness": _enhanced(ImageEnhance.Sharpness),
    "shear_x": lambda image, s, sign, fill: _moved(image, (1, 0.3 * s * sign, 0, 0, 1, 0), fill),
    "shear_y": lambda image, s, sign, fill: _moved(image, (1, 0, 0, 0.3 * s * sign, 1, 0), fill),
    "translate_x": lambda image, s, sign, fill: _moved(image, (1, 0, 0.45 * s * sign * image.width, 0, 1, 0), fill),
    "translate_y": lambda image, s, sign, fill: _moved(image, (1, 0, 0, 0, 1, 0.45 * s * sign * image.height), fill),
}
