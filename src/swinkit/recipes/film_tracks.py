"""What is followed in films: drawn, and listed in a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch

from swinkit.files.series import PARTS
from swinkit.modalities.image import drawing
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.scenes import Scenes
from swinkit.recipes.tracking import Tracked, Tracker
from swinkit.types import Detections, Keypoints

COLUMNS: dict[type, tuple[str, ...]] = {
    Detections: ("frame", "track", "class", "score", "left", "top", "right", "bottom"),
    Keypoints: ("frame", "track", "point", *PARTS),
}
"""Kind of answer that can be followed -> the columns of its table."""


def followed(
    predictor: Predictor, frame: np.ndarray, tracker: Tracker, table: Table, index: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """The frame with what is followed drawn, and it as plain values, each thing with the number of its `track`.

    Of a pose run alone a thing is followed by the box in which it was looked for.
    """
    scenes = predictor if isinstance(predictor, Scenes) else None
    found = predictor(frame).prediction if scenes is None else scenes.found(frame)
    boxes = _boxes(found) if isinstance(found, Keypoints) else found
    assert isinstance(boxes, Detections), "others were refused before the film was opened"
    tracked = tracker.update(boxes)
    things = _tracked(boxes, tracked)
    if isinstance(found, Keypoints):
        which = [each.detection for each in tracked]
        answer = replace(found, points=found.points[which], boxes=found.boxes[which])
    else:
        answer = things if scenes is None else scenes.posed(frame, things)
    plain = answer.to_json()
    for thing, each in zip(plain["objects"], tracked, strict=True):
        thing["track"] = each.number
    _list(table, index, plain, tracked, things.classes)
    if isinstance(found, Keypoints):
        return drawing.draw(frame, answer), plain
    drawn = drawing.figures(frame, answer.points.numpy(), answer.skeleton) if isinstance(answer, Keypoints) else frame
    factor = drawn.shape[1] / frame.shape[1]  # small frames were enlarged
    words = [f"{each.number} {things.classes[each.label]}" for each in tracked]
    numbers = np.array([each.number for each in tracked], np.int64)  # a colour a track
    masks = None if things.masks is None or factor != 1 else things.masks.numpy()
    return drawing.things(drawn, things.boxes.numpy() * factor, numbers, words, masks), plain


def _list(
    table: Table, index: int, plain: Mapping[str, Any], tracked: Sequence[Tracked], classes: Sequence[str]
) -> None:
    """A line for everything that is followed, of points one for each of them."""
    for thing, each in zip(plain["objects"], tracked, strict=True):
        if "keypoints" not in thing:
            places = [f"{value:.2f}" for value in each.box]
            table.write(index, each.number, classes[each.label], f"{each.score:.4f}", *places)
            continue
        values = iter(thing["keypoints"])
        for name, x, y, _, score in zip(plain["names"], values, values, values, thing["scores"], strict=True):
            table.write(index, each.number, name, f"{x:.3f}", f"{y:.3f}", f"{score:.6f}")


def _boxes(found: Keypoints) -> Detections:
    """Where the things of a pose run were looked for."""
    count = len(found)
    return Detections(
        id=found.id, boxes=found.boxes, labels=torch.zeros(count, dtype=torch.int64), scores=torch.ones(count),
        classes=("thing",), size=found.size,
    )  # fmt: skip


def _tracked(prediction: Detections, tracked: list[Tracked]) -> Detections:
    """The things that are followed, where their tracks have them."""
    boxes = np.array([each.box for each in tracked], np.float32).reshape(-1, 4)
    which = torch.tensor([each.detection for each in tracked], dtype=torch.int64)
    labels = torch.tensor([each.label for each in tracked], dtype=torch.int64)
    return replace(prediction.chosen(which), boxes=torch.from_numpy(boxes), labels=labels)


class Table:
    """Tracks as CSV."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self.write(*columns)

    def write(self, *cells: object) -> None:
        self._rows.writerow(cells)

    def close(self) -> None:
        self._file.close()
