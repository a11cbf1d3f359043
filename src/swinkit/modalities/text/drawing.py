"""Texts as pictures: their words, and what was said of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from swinkit.ops.palette import colours
from swinkit.types import ClassScores, Prediction, Tags

WIDTH, SIZE, LINE, EDGE = 560, 15, 22, 8
"""Pixels: of the picture, of the letters, from line to line, and around the text."""
MOST = 1200
"""Characters that are shown of a text."""
_PAPER, _INK, _BAR = (250, 250, 248), (28, 32, 40), (176, 200, 240)


def draw(text: str, prediction: Prediction) -> np.ndarray:
    """[h w 3] uint8: a class for the whole text stands below it, classes of words below each."""
    if isinstance(prediction, Tags):
        return tagged(text.split(), prediction.labels.tolist(), prediction.classes)
    if isinstance(prediction, ClassScores):
        bars = [(f"{name} {score:.2f}", score) for name, score in prediction.best(3)]
        return np.vstack([written(text), *(_bar(*bar) for bar in bars)])
    return written(text)


def written(text: str) -> np.ndarray:
    """[h w 3] uint8: the text alone, cut where it is long."""
    return tagged(_shown(text).split(), (), ())


def tagged(words: Sequence[str], labels: Sequence[int], classes: Sequence[str]) -> np.ndarray:
    """[h w 3] uint8: every word on the colour of its class, whose name stands below it; the first class is plain."""
    shown = " ".join(words)[:MOST].split()
    tall = LINE * (2 if labels else 1)
    places: list[tuple[int, int, int, str]] = []
    left, top = EDGE, EDGE
    for index, word in enumerate(shown):
        name = classes[labels[index]] if index < len(labels) and 0 <= labels[index] < len(classes) else ""
        width = int(max(_font().getlength(word), 0.8 * _font().getlength(name) if name else 0)) + 6
        if left + width > WIDTH - EDGE and left > EDGE:
            left, top = EDGE, top + tall
        places.append((left, top, width, name))
        left += width
    picture = Picture.new("RGB", (WIDTH, top + tall + EDGE), _PAPER)
    pen = ImageDraw.Draw(picture)
    table = (0.55 * colours(max(len(classes), 1)) + 0.45 * 255).astype(int)
    for (x, y, width, name), word, index in zip(places, shown, range(len(shown)), strict=True):
        if name:
            label = labels[index]
            if label:
                pen.rectangle((x, y, x + width - 3, y + tall - 4), fill=tuple(table[label].tolist()))
            pen.text((x + 1, y + LINE - 3), name, _INK, font=_font(11))
        pen.text((x + 1, y), word, _INK, font=_font())
    return np.array(picture)


def _bar(words: str, score: float) -> np.ndarray:
    strip = Picture.new("RGB", (WIDTH, LINE), _PAPER)
    pen = ImageDraw.Draw(strip)
    pen.rectangle((EDGE, 2, EDGE + int((WIDTH - 2 * EDGE) * score), LINE - 3), fill=_BAR)
    pen.text((EDGE + 3, 2), words[:60], _INK, font=_font(13))
    return np.array(strip)


def _shown(text: str) -> str:
    return text if len(text) <= MOST else f"{text[: MOST - 1]}\N{HORIZONTAL ELLIPSIS}"


@cache
def _font(size: int = SIZE) -> Any:
    """DejaVu Sans, which knows most alphabets and comes with matplotlib."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
