"""The colours of classes, the same in every picture, report and mask; label maps as pictures."""

from __future__ import annotations

import colorsys

import numpy as np
from jaxtyping import Integer, UInt8

# Chosen greedily, each as far from the earlier ones as possible in OKLab (hue counted 1.6 times lightness). The first
# is muted, because index 0 is so often the background or the sky.
_FIRST = (
    (96, 108, 128), (230, 60, 50), (255, 200, 40), (60, 160, 75), (225, 0, 255), (0, 0, 255),
    (255, 195, 255), (90, 255, 255), (0, 255, 0), (105, 15, 165), (0, 165, 255), (165, 120, 255),
    (150, 0, 90), (255, 30, 165), (165, 120, 30), (195, 120, 165), (45, 90, 30), (30, 75, 180),
    (165, 240, 135), (135, 45, 0), (255, 150, 120), (75, 180, 180), (105, 0, 255), (180, 60, 180),
)  # fmt: skip
_IGNORED = (0, 0, 0)


def colours(count: int) -> UInt8[np.ndarray, "count 3"]:
    """[count 3] uint8 RGB: a colour for each class index; more classes never change the colours of the first ones."""
    table = [*_FIRST[:count]]
    for index in range(len(_FIRST), count):  # golden angle: neighbours in number are far apart in hue
        hue, ring = (index * 0.618034) % 1.0, index % 4
        red, green, blue = colorsys.hsv_to_rgb(hue, 0.95 - 0.2 * (ring % 2), 0.95 - 0.3 * (ring // 2))
        table.append((round(255 * red), round(255 * green), round(255 * blue)))
    return np.array(table, np.uint8).reshape(count, 3)


def paint(labels: Integer[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """[h w] class indices -> [h w 3] uint8, one flat colour a class, black where the index is 255."""
    table = np.vstack([colours(255), [_IGNORED]]).astype(np.uint8)
    return table[np.clip(labels, 0, 255)]


def overlay(
    picture: UInt8[np.ndarray, "h w 3"], labels: Integer[np.ndarray, "height width"], strength: float = 0.55
) -> UInt8[np.ndarray, "h w 3"]:
    """[h w 3] uint8: the picture tinted by class, a light line where two classes meet, ignored pixels darkened.

    Raises ValueError where picture [h w 3] and labels [h w] differ in size: resize one of them first.
    """
    if picture.shape[:2] != labels.shape:
        raise ValueError(f"picture {picture.shape[:2]} and labels {labels.shape} differ in size")
    mixed = np.rint(picture * np.float32(1 - strength) + paint(labels) * np.float32(strength)).astype(np.uint8)
    edge = np.zeros(labels.shape, bool)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    mixed[edge] = 255 - (255 - mixed[edge]) // 2
    return mixed
