"""Spectrograms to look at, with what was said or heard below them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from swinkit.ops.captions import FONT, GROUND, INK, captioned
from swinkit.types import ClassScores, Prediction, Transcript

HEIGHT, LEAST, MOST = 128, 384, 1600
"""Pixels: the height of a spectrogram, and its smallest and largest width."""
_ROWS, _LINE = 3, 16


def spectrogram(frames: np.ndarray) -> np.ndarray:
    """[h w 3] uint8 RGB of [bands frames]: time to the right, frequency upwards, brighter is louder."""
    low, high = np.percentile(frames, (2, 99.8))
    grey = np.clip((frames - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    bands, count = grey.shape
    width = min(max(count, LEAST), MOST)
    shape = (width, max(HEIGHT, bands))
    grey = cv2.resize(np.ascontiguousarray(grey[::-1]), shape, interpolation=cv2.INTER_AREA if count > MOST else 1)
    return cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_MAGMA), cv2.COLOR_BGR2RGB)


def draw(frames: np.ndarray, prediction: Prediction, hop: float) -> np.ndarray:
    """[h w 3] uint8: the spectrogram and the answer."""
    picture = spectrogram(frames)
    if isinstance(prediction, ClassScores):
        return captioned(picture, prediction.best(3))
    if not isinstance(prediction, Transcript):
        return picture
    scale = picture.shape[1] / max(frames.shape[1] * hop, 1e-6)
    places = [(word.text, word.start * scale, word.end * scale) for word in prediction.words]
    for _, start, end in places:
        cv2.line(picture, (round(start), 0), (round(start), picture.shape[0] - 1), (230, 230, 230), 1)
        cv2.rectangle(
            picture, (round(start), picture.shape[0] - 3), (round(end), picture.shape[0] - 1), (90, 200, 250), -1
        )
    return np.vstack([picture, _strip([(text, start) for text, start, _ in places], picture.shape[1])])


def draw_target(frames: np.ndarray, target: object, classes: Sequence[str]) -> np.ndarray:
    """[h w 3] uint8: the spectrogram, with a transcript below it; a class has no place in it."""
    picture = spectrogram(frames)
    units = None if target is None else np.asarray(target)
    if units is None or units.ndim != 1:
        return picture
    words = "".join(classes[index] for index in units.tolist() if 0 <= index < len(classes)).split()
    places: list[tuple[str, float]] = []
    left = 2.0
    for word in words:
        places.append((word, left))
        left += _width(word) + 8
    return np.vstack([picture, _strip(places, picture.shape[1])])


def _strip(words: Sequence[tuple[str, float]], width: int) -> np.ndarray:
    """Words near their places, each in the first row that is free there; what finds no row stands in the last."""
    strip = np.full((_LINE * _ROWS + 4, width, 3), GROUND, np.uint8)
    ends = [0.0] * _ROWS
    for text, left in words:
        row = next((index for index, end in enumerate(ends) if left >= end), _ROWS - 1)
        ends[row] = max(ends[row], left) + _width(text) + 6
        cv2.putText(strip, text[:40], (round(left) + 2, _LINE * (row + 1) - 2), FONT, 0.42, INK, 1, cv2.LINE_AA)
    return strip


def _width(text: str) -> int:
    return cv2.getTextSize(text[:40], FONT, 0.42, 1)[0][0]
