"""The most probable classes written below a picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8

_GROUND, _INK, _BAR = (24, 28, 36), (235, 238, 242), (70, 120, 210)


def captioned(
    picture: UInt8[np.ndarray, "h w 3"], best: Sequence[tuple[str, float]], width: int
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture, enlarged by a whole factor to at least `width` pixels, with a line a class below it: a bar as long
    as the class is probable, and its name."""
    factor = max(1, -(-width // picture.shape[1]))
    large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    width, line = large.shape[1], 18
    strip = np.full((line * len(best) + 4, width, 3), _GROUND, np.uint8)
    for index, (name, score) in enumerate(best):
        top = 2 + index * line
        cv2.rectangle(strip, (2, top + 1), (2 + int((width - 4) * score), top + line - 2), _BAR, -1)
        text = f"{name[:24]} {score:.2f}"
        cv2.putText(strip, text, (5, top + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
    return np.vstack([large, strip])
