"""Volumes as pictures: a slice across each axis, and the labelled structures seen from the front."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float32, Integer, UInt8

from swinkit.ops.palette import colours, overlay

HEIGHT = 256
"""Of every view in pixels."""
LOOKED_AT = 1 << 20
"""Voxels that tell how bright the others are."""
_GROUND = (24, 28, 36)


def views(
    values: Float32[np.ndarray, "x y z"], labels: Integer[np.ndarray, "x y z"] | None, spacing: Sequence[float]
) -> UInt8[np.ndarray, "height width 3"]:
    """The slices through the middle of what is labelled (of the volume, where nothing is): from above, from the front,
    from the side; and, with labels, the structures from the front, darker the deeper they lie.

    Black and white are the percentiles 1 and 99, of a million voxels spread over the volume where it has more.
    """
    middle = _middle(labels, values.shape)
    spacing = tuple(spacing) or (1.0, 1.0, 1.0)
    some = values.reshape(-1)[:: values.size // LOOKED_AT | 1]  # odd, so that it is no part of a row
    low, high = np.percentile(some, (1, 99)).tolist()
    found: list[np.ndarray] = []
    for axis in (2, 1, 0):
        light = np.clip((np.take(values, middle[axis], axis) - low) / max(high - low, 1e-8), 0, 1)
        marks = None if labels is None else np.take(labels, middle[axis], axis).astype(np.uint8)
        sides = [n for other, n in enumerate(spacing) if other != axis]
        found.append(_slice((255 * light).astype(np.uint8), marks, sides))
    if labels is not None:
        found.append(_rendered(labels, spacing))
    return np.hstack(found)


def _marked(labels: np.ndarray) -> np.ndarray:
    return (labels > 0) & (labels != 255)


def _middle(labels: np.ndarray | None, shape: tuple[int, ...]) -> list[int]:
    """The place along each axis where most is labelled."""
    counts = [np.zeros(n, np.int64) for n in shape]
    for place, plane in enumerate(() if labels is None else labels):
        marked = _marked(plane)
        counts[0][place] = marked.sum()
        counts[1] += marked.sum(1)
        counts[2] += marked.sum(0)
    if not counts[0].any():
        return [n // 2 for n in shape]
    return [int(count.argmax()) for count in counts]


def _slice(values: np.ndarray, labels: np.ndarray | None, spacing: Sequence[float]) -> np.ndarray:
    """Shown as on a screen: the first axis to the right, the second upwards."""
    picture = np.repeat(values.T[::-1, :, None], 3, axis=2)
    size = _size(picture.shape[:2], spacing)
    large = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_LINEAR)
    if labels is None:
        return large
    flat = np.ascontiguousarray(labels.T[::-1])
    flat = cv2.resize(flat, size, interpolation=cv2.INTER_NEAREST)
    shown = overlay(large, flat)
    return np.where((flat > 0)[..., None], shown, large)  # the background stays as it is


def _rendered(labels: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """The nearest labelled cell along the second axis, shaded by its depth and the slope there."""
    first, kinds = np.zeros((2, labels.shape[0], labels.shape[2]), np.int64)
    for place, plane in enumerate(labels):
        marked = _marked(plane[::-1])
        first[place] = marked.argmax(0)
        kinds[place] = np.take_along_axis(plane[::-1], first[place][None], 0)[0] * marked.any(0)
    depth = (first * spacing[1]).astype(float)
    rise = (
        np.gradient(depth, step, axis=axis)
        for axis, step in ((0, spacing[0]), (1, spacing[2]))
        if depth.shape[axis] > 1
    )
    slope = np.sqrt(sum((each**2 for each in rise), np.zeros(depth.shape)))
    light = (1 - 0.5 * depth / max(float(depth.max()), 1e-8)) / np.sqrt(1 + np.minimum(slope, 3.0) ** 2)
    table = colours(256).astype(float)
    picture = np.where((kinds > 0)[..., None], table[kinds] * light[..., None], _GROUND).astype(np.uint8)
    picture = np.ascontiguousarray(picture.transpose(1, 0, 2)[::-1])
    return cv2.resize(picture, _size(picture.shape[:2], (spacing[0], spacing[2])), interpolation=cv2.INTER_NEAREST)


def _size(shape: Sequence[int], spacing: Sequence[float]) -> tuple[int, int]:
    """(width, height) for OpenCV, in the shape that the thing has."""
    across, up = spacing
    return max(1, round(HEIGHT * shape[1] * across / (shape[0] * up))), HEIGHT
