"""What a task answers for one sample: plain values on the CPU that can be written, drawn and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from swinkit.files.run_lengths import encoded
from swinkit.types.values import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMap:
    """A class for every cell of the grid."""

    id: str
    labels: Tensor
    """[*space] on the CPU, at the input's original size: int64, uint8 where it is a volume of at most 256 classes."""
    classes: tuple[str, ...] = ()
    scores: Tensor | None = field(default=None)
    """[*space] probability of the chosen class, where it was asked for."""

    def to_json(self) -> dict[str, Any]:
        """Share of the cells that each class covers; the map itself is written as a picture or array."""
        counts = self.labels.flatten().bincount(minlength=len(self.classes)).tolist()
        total = max(sum(counts), 1)
        names: Sequence[str] = self.classes or [str(index) for index in range(len(counts))]
        return {
            "id": self.id,
            "size": list(self.labels.shape),
            "share": {name: count / total for name, count in zip(names, counts, strict=False) if count},
        }


TOP = 5
"""Classes that `ClassScores` tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """One class for the whole grid."""

    id: str
    scores: Tensor
    """[classes] float32 probabilities on the CPU."""
    classes: tuple[str, ...]

    @property
    def label(self) -> int:
        """The index of the most probable class; the first one of equals."""
        return int(self.scores.argmax())

    def best(self, count: int = TOP) -> list[tuple[str, float]]:
        """The most probable classes with their probabilities, best first."""
        values, places = self.scores.sort(descending=True, stable=True)
        return [(self.classes[i], v) for i, v in zip(places[:count].tolist(), values[:count].tolist(), strict=True)]

    def to_json(self) -> dict[str, Any]:
        """The class, its probability and the best few."""
        (name, score), *_ = best = self.best()
        return {"id": self.id, "class": name, "score": score, "best": [{"class": n, "score": s} for n, s in best]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """A class for each of the n things of a sequence, say the words of a sentence."""

    id: str
    labels: Tensor
    """[n] int64 class indices on the CPU."""
    scores: Tensor
    """[n] float32 probabilities of these classes."""
    classes: tuple[str, ...]

    def names(self) -> list[str]:
        """The classes by name."""
        return [self.classes[label] for label in self.labels.tolist()]

    def to_json(self) -> dict[str, Any]:
        """The classes in order, and their probabilities."""
        return {"id": self.id, "tags": self.names(), "scores": self.scores.tolist()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What is found in the hidden cells of one sample."""

    id: str
    cells: Tensor
    """[n] int64 on the CPU."""
    labels: Tensor
    """[n] int64: the most probable id of each."""
    scores: Tensor
    """[n] float32: its probability."""

    def to_json(self) -> dict[str, Any]:
        """Cells, ids and probabilities."""
        found = {"cells": self.cells.tolist(), "ids": self.labels.tolist(), "scores": self.scores.tolist()}
        return {"id": self.id, **found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detections:
    """The things found in one picture, best first."""

    id: str
    boxes: Tensor
    """[n 4] float32 on the CPU: left, top, right, bottom edges in pixels of the original picture."""
    labels: Tensor
    """[n] int64 class indices."""
    scores: Tensor
    """[n] float32 confidences, 0 to 1."""
    classes: tuple[str, ...]
    size: Window
    """[height width] of the original picture."""
    masks: Tensor | None = None
    """[n height width] bool, where the task finds them."""
    sure: float = 0.0
    """Things of a lower score are listed, but too doubtful to be drawn."""

    def __len__(self) -> int:
        return len(self.boxes)

    def certain(self) -> Detections:
        """Only what is not doubtful."""
        return self.chosen(self.scores >= self.sure)

    def chosen(self, which: Tensor) -> Detections:
        """Those of [m] indices or an [n] mask."""
        masks = None if self.masks is None else self.masks[which]
        return replace(self, boxes=self.boxes[which], labels=self.labels[which], scores=self.scores[which], masks=masks)

    def to_json(self) -> dict[str, Any]:
        """Every thing with class, score and box [left, top, width, height], as COCO writes them; where there are masks,
        each as COCO's compressed run lengths (`segmentation`) with the number of its pixels (`area`)."""
        rows = zip(self.boxes.tolist(), self.labels.tolist(), self.scores.tolist(), strict=True)
        things = [
            {"class": self.classes[label], "score": score, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for (x1, y1, x2, y2), label, score in rows
        ]
        if self.masks is not None:
            areas = self.masks.sum((1, 2)).tolist()
            for thing, runs, covered in zip(things, encoded(self.masks.numpy()), areas, strict=True):
                thing |= {"segmentation": runs, "area": covered}
        return {"id": self.id, "size": list(self.size), "objects": things}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keypoints:
    """The points of the things that were looked at in one picture."""

    id: str
    points: Tensor
    """[n k 3] float32 on the CPU: x and y in pixels of the original picture, and a score of 0 to 1."""
    boxes: Tensor
    """[n 4] float32: left, top, right, bottom edges of where each was looked for."""
    names: tuple[str, ...]
    """Of the k points."""
    skeleton: tuple[tuple[int, int], ...]
    """Points that a line joins, counted from 0."""
    size: Window
    """[height width] of the original picture."""
    found: Detections | None = None
    """As what each was found, where the things were not given."""

    def __len__(self) -> int:
        return len(self.points)

    def to_json(self) -> dict[str, Any]:
        """Every thing with its score (the mean of its points', times that of the thing where it was found), box [left,
        top, width, height] and `keypoints` [x, y, 2] in a row, as COCO writes them (0 is the middle of the first
        pixel), and the points' own scores; skeleton counted from 0."""
        things: list[dict[str, Any]] = [
            {
                "score": sum(score for _, _, score in rows) / max(len(rows), 1),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "keypoints": [value for x, y, _ in rows for value in (x - 0.5, y - 0.5, 2)],
                "num_keypoints": len(rows),
                "scores": [score for _, _, score in rows],
            }
            for rows, (x1, y1, x2, y2) in zip(self.points.tolist(), self.boxes.tolist(), strict=True)
        ]
        if self.found is not None:
            for thing, label, score in zip(things, self.found.labels.tolist(), self.found.scores.tolist(), strict=True):
                thing |= {"score": thing["score"] * score, "class": self.found.classes[label], "found": score}
        about = {"names": list(self.names), "skeleton": [list(pair) for pair in self.skeleton]}
        return {"id": self.id, "size": list(self.size), **about, "objects": things}


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word that was heard."""

    text: str
    start: float
    """Seconds from the beginning of the sound, where the word begins to be heard ..."""
    end: float
    """... and ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What is said in one sound."""

    id: str
    text: str
    words: tuple[Word, ...]
    """The words of the text with their times."""
    score: float
    """Mean probability of the best path's steps, 0 to 1: lower where the model was in doubt."""
    units: tuple[str, ...]
    """What texts are spelled with: a transcript's target is their indices."""

    def spelled(self, target: Sequence[int]) -> str:
        """The text of a target."""
        return "".join(self.units[index] for index in target if index >= 0)

    def to_json(self) -> dict[str, Any]:
        """The text and every word with its times in seconds."""
        words = [{"word": word.text, "start": round(word.start, 3), "end": round(word.end, 3)} for word in self.words]
        return {"id": self.id, "text": self.text, "score": self.score, "words": words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What several tasks say about one sample."""

    id: str
    answers: dict[str, Any]
    """Task -> its prediction."""

    def to_json(self) -> dict[str, Any]:
        """Every answer under the name of its task."""
        each = {name: answer.to_json() for name, answer in self.answers.items()}
        return {"id": self.id, **{name: {k: v for k, v in found.items() if k != "id"} for name, found in each.items()}}


Prediction = LabelMap | ClassScores | Tags | Filled | Detections | Keypoints | Transcript | Answers
"""What a task returns for one sample."""
