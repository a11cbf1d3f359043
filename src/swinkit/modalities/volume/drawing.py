"""Volumes as pictures: a slice across each axis, and the labelled structures seen from the front."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

from swinkit.ops.palette import colours, overlay

HEIGHT = 256
"""Of every view in pixels."""
_GROUND = (24, 28, 36)


def views(
    values: UInt8[np.ndarray, "x y z"], labels: np.ndarray | None, spacing: Sequence[float]
) -> UInt8[np.ndarray, "height width 3"]:
    """The slices through the middle of what is labelled (of the volume, where nothing is): from above, from the front,
    from the side; and, with labels, the structures from the front, darker the deeper they lie."""
    middle = _middle(labels, values.shape)
    spacing = tuple(spacing) or (1.0, 1.0, 1.0)
    found = [_slice(values, labels, axis, middle[axis], spacing) for axis in (2, 1, 0)]
    if labels is not None:
        found.append(_rendered(labels, spacing))
    return np.hstack(found)


def _middle(labels: np.ndarray | None, shape: tuple[int, ...]) -> list[int]:
    marked = None if labels is None else (labels > 0) & (labels != 255)
    if marked is None or not marked.any():
        return [n // 2 for n in shape]
    return [int(marked.sum(tuple(other for other in range(3) if other != axis)).argmax()) for axis in range(3)]


def _slice(
    values: np.ndarray, labels: np.ndarray | None, axis: int, place: int, spacing: Sequence[float]
) -> np.ndarray:
    """Shown as on a screen: the first remaining axis to the right, the second upwards."""
    picture = np.repeat(np.take(values, place, axis).T[::-1, :, None], 3, axis=2)
    size = _size(picture.shape[:2], [n for other, n in enumerate(spacing) if other != axis])
    large = cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_LINEAR)
    if labels is None:
        return large
    flat = np.ascontiguousarray(np.take(labels, place, axis).T[::-1].astype(np.uint8))
    flat = cv2.resize(flat, size, interpolation=cv2.INTER_NEAREST)
    shown = overlay(large, flat)
    return np.where((flat > 0)[..., None], shown, large)  # the background stays as it is


def _rendered(labels: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """The nearest labelled cell along the second axis, shaded by its depth and the slope there."""
    marked = (labels > 0) & (labels != 255)
    first = marked[:, ::-1].argmax(1)
    kinds = np.take_along_axis(labels[:, ::-1], first[:, None], 1)[:, 0] * marked.any(1)
    depth = first * spacing[1]
    slope = np.hypot(*np.gradient(depth.astype(float), spacing[0], spacing[2]))
    light = (1 - 0.5 * depth / max(float(depth.max()), 1e-8)) / np.sqrt(1 + np.minimum(slope, 3.0) ** 2)
    table = colours(256).astype(float)
    picture = np.where((kinds > 0)[..., None], table[kinds] * light[..., None], _GROUND).astype(np.uint8)
    picture = np.ascontiguousarray(picture.transpose(1, 0, 2)[::-1])
    return cv2.resize(picture, _size(picture.shape[:2], (spacing[0], spacing[2])), interpolation=cv2.INTER_NEAREST)


def _size(shape: Sequence[int], spacing: Sequence[float]) -> tuple[int, int]:
    """(width, height) for OpenCV, in the shape that the thing has."""
    across, up = spacing
    return max(1, round(HEIGHT * shape[1] * across / (shape[0] * up))), HEIGHT
