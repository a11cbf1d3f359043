"""Answers drawn over pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from swinkit.ops.captions import FONT, WIDTH, captioned
from swinkit.ops.palette import colours, overlay
from swinkit.types import Answers, ClassScores, Detections, Keypoints, LabelMap, Objects, Prediction

FAINT = 0.1
"""Points of a lower score are not drawn."""
_ORDER = (LabelMap, Detections, Keypoints, ClassScores)
"""Of several answers: tints first, since boxes and words enlarge small pictures."""


def draw(picture: np.ndarray, prediction: Prediction) -> np.ndarray:
    """[h w 3] uint8: a map tints the picture, things get boxes, classes a strip below it with the best three."""
    if isinstance(prediction, Answers):
        for answer in sorted(prediction.answers.values(), key=lambda each: _ORDER.index(type(each))):
            picture = draw(picture, answer)
        return picture
    if isinstance(prediction, ClassScores):
        return captioned(picture, prediction.best(3))
    if isinstance(prediction, Detections):
        return _found(picture, prediction.certain())
    if isinstance(prediction, Keypoints):
        drawn = figures(picture, prediction.points.numpy(), prediction.skeleton)
        if prediction.found is None:
            return drawn
        factor = drawn.shape[1] / picture.shape[1]  # small pictures were enlarged
        return _found(drawn, replace(prediction.found, boxes=prediction.found.boxes * factor, masks=None))
    return overlay(picture, prediction.labels.numpy())


def _found(picture: np.ndarray, found: Detections) -> np.ndarray:
    words = [
        f"{found.classes[label]} {score:.2f}"
        for label, score in zip(found.labels.tolist(), found.scores.tolist(), strict=True)
    ]
    masks = None if found.masks is None else found.masks.numpy()
    return things(picture, found.boxes.numpy(), found.labels.numpy(), words, masks)


def draw_target(picture: np.ndarray, target: object, classes: Sequence[str]) -> np.ndarray:
    """[h w 3] uint8: the truth in the same way; a class has no place in the picture and is not drawn."""
    if isinstance(target, Mapping):
        for each in sorted(target.values(), key=lambda value: isinstance(value, Objects)):
            picture = draw_target(picture, each, classes)
        return picture
    if isinstance(target, Objects) and target.points is not None:
        return figures(picture, target.points.numpy())
    if isinstance(target, Objects):
        words = [classes[label] if label < len(classes) else str(label) for label in target.labels.tolist()]
        masks = None if target.masks is None else target.masks.numpy()
        return things(picture, target.boxes.numpy(), target.labels.numpy(), words, masks)
    mask = None if target is None else np.asarray(target)
    return picture if mask is None or mask.ndim != 2 else overlay(picture, mask)


def things(
    picture: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    words: Sequence[str],
    masks: np.ndarray | None = None,
) -> np.ndarray:
    """Boxes [n 4] in the colours of their classes, each with its words, over masks [n h w] where there are some."""
    drawn = picture.copy()
    table = colours(int(labels.max(initial=0)) + 2)[1:]  # the first colour is muted: it is for backgrounds
    for label, mask in zip(labels, () if masks is None else masks, strict=False):
        drawn[mask] = (0.5 * drawn[mask] + 0.5 * table[label]).astype(np.uint8)
    factor = max(1, -(-WIDTH // picture.shape[1]))
    drawn = cv2.resize(drawn, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    for box, label, text in zip(np.rint(boxes * factor).astype(int).tolist(), labels, words, strict=True):
        colour = tuple(int(value) for value in table[label])
        left, top, right, bottom = box
        cv2.rectangle(drawn, (left, top), (right - 1, bottom - 1), colour, 2 if min(drawn.shape[:2]) > 300 else 1)
        (wide, high), _ = cv2.getTextSize(text, FONT, 0.4, 1)
        low = top if top > high + 4 else min(drawn.shape[0], top + high + 4)
        cv2.rectangle(drawn, (left, low - high - 4), (left + wide + 2, low), colour, -1)
        ink = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
        cv2.putText(drawn, text, (left + 1, low - 3), FONT, 0.4, ink, 1, cv2.LINE_AA)
    return drawn


def figures(picture: np.ndarray, points: np.ndarray, skeleton: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """Points [n k 3] (x, y, score or visibility) as dots in the colours of their numbers, those that the skeleton
    joins with lines; what scores less than `FAINT` is left out."""
    factor = max(1, -(-WIDTH // picture.shape[1]))
    drawn = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    table = colours(points.shape[1] + 1)[1:].tolist()
    size = max(2, min(drawn.shape[:2]) // 80)
    for row in points:
        places = np.rint(np.clip(row[:, :2] * factor, -30_000, 30_000)).astype(int).tolist()
        shown = row[:, 2] >= FAINT
        for one, other in skeleton:
            if shown[one] and shown[other]:
                cv2.line(drawn, places[one], places[other], table[one], max(1, size // 2), cv2.LINE_AA)
        for place, colour, good in zip(places, table, shown, strict=True):
            if good:
                cv2.circle(drawn, place, size + 1, (0, 0, 0), -1, cv2.LINE_AA)
                cv2.circle(drawn, place, size, colour, -1, cv2.LINE_AA)
    return drawn
