"""Words below a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

WIDTH = 192
"""Narrower pictures are enlarged by a whole factor before words are put on them."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
GROUND, INK = (24, 28, 36), (235, 238, 242)
_BAR = (70, 120, 210)


def captioned(
    picture: UInt8[np.ndarray, "h w 3"], best: Sequence[tuple[str, float]]
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture with a line a class below it: a bar as long as it is probable, and its name."""
    factor = max(1, -(-WIDTH // picture.shape[1]))
    large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    width, line = large.shape[1], 18
    strip = np.full((line * len(best) + 4, width, 3), GROUND, np.uint8)
    for index, (name, score) in enumerate(best):
        top = 2 + index * line
        cv2.rectangle(strip, (2, top + 1), (2 + int((width - 4) * score), top + line - 2), _BAR, -1)
        cv2.putText(strip, f"{name[:24]} {score:.2f}", (5, top + 13), FONT, 0.42, INK, 1, cv2.LINE_AA)
    return np.vstack([large, strip])


def timeline(
    picture: UInt8[np.ndarray, "h w 3"], rows: Sequence[tuple[str, Sequence[float]]]
) -> UInt8[np.ndarray, "height w 3"]:
    """The picture with a band a class below it, from the beginning to the end: the brighter, the more probable."""
    width, line = picture.shape[1], 18
    bands = [picture]
    for name, scores in rows:
        share = np.asarray(scores, np.float32)[np.arange(width) * len(scores) // width, None]
        colours = np.asarray(GROUND) + share * (np.asarray(_BAR) - np.asarray(GROUND))
        band = np.repeat(colours[None], line, 0).round().astype(np.uint8)
        cv2.putText(band, name[:24], (5, 13), FONT, 0.42, INK, 1, cv2.LINE_AA)
        band[-1] = GROUND
        bands.append(band)
    return np.vstack(bands)
