"""Films longer than the clips a run learnt from, watched a clip at a time in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swinkit.files.clips import Clip
from swinkit.ops.captions import timeline
from swinkit.recipes.predictor import Predictor
from swinkit.types import ClassScores, Record, Sample

SHOWN = 8
"""Frames in the picture of a film."""
BANDS = 5
"""Classes whose course is drawn."""
TOGETHER = 4
"""Clips that are computed at once."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Watched:
    """What happens in a film, clip by clip and as a whole."""

    whole: ClassScores
    """The mean of all clips."""
    scores: np.ndarray
    """[clips classes] float32 probabilities."""
    firsts: tuple[int, ...]
    """The first frame of every clip."""
    frames: tuple[int, int]
    """How many were watched, and how many the file claims."""
    rate: float
    """Frames a second."""
    shown: Sample
    """Frames from the beginning to the end."""

    def to_json(self) -> dict[str, Any]:
        """The class of the whole, and what is most probable in every clip."""
        windows = [
            {
                "frame": first, "second": first / self.rate,
                "class": self.whole.classes[int(row.argmax())], "score": float(row.max()),
            }
            for first, row in zip(self.firsts, self.scores, strict=True)
        ]  # fmt: skip
        watched, claimed = self.frames
        return {**self.whole.to_json(), "frames_watched": watched, "frames_claimed": claimed, "windows": windows}

    def draw(self, predictor: Predictor) -> np.ndarray:
        """[height width 3] uint8: frames, the answer, and below it how probable each class was over time."""
        picture = predictor.recipe.modality.draw(self.shown, self.whole)
        order = self.scores.max(0).argsort()[::-1][:BANDS]
        return timeline(picture, [(self.whole.classes[index], self.scores[:, index].tolist()) for index in order])


def is_long(predictor: Predictor, source: Path) -> bool:
    """Whether a film is watched a clip at a time: it lasts half a clip longer than one. Raises DataError."""
    span = getattr(predictor.recipe.modality, "span", None)
    if span is None:
        return False
    clip = Clip(source)
    return clip.rate > 0 and clip.count >= 1.5 * span * clip.rate


def watch(
    predictor: Predictor, source: Path, name: str, *, progress: Callable[[int, int], None] | None = None
) -> Watched:
    """What a film of any length shows; memory does not grow with it, but for the answers.

    The film is cut into equal parts, each about as long as a clip that the run learnt from and looked at like one.

    Args:
        progress: is told how many frames were watched, and how many the film claims.

    Raises:
        DataError: the film cannot be read.
    """
    modality: Any = predictor.recipe.modality
    clip = Clip(source)
    parts = min(max(1, round(clip.count / (modality.span * clip.rate))), clip.count)
    bounds = [round(index * clip.count / parts) for index in range(parts + 1)]
    each = -(-SHOWN // parts)
    rows: list[torch.Tensor] = []
    waiting: list[Sample] = []
    shown: list[np.ndarray] = []
    watched = 0
    for frames, count in _clips(modality, clip, bounds):
        watched += count
        waiting.append(modality.standard(modality.read(Record(id=name, source=np.stack(frames)))))
        if len(waiting) == TOGETHER:
            rows += _scores(predictor, waiting)
            waiting = []
        if progress is not None:
            progress(watched, max(clip.count, watched))
        if len(shown) * parts <= SHOWN * (len(rows) + len(waiting) - 1):
            shown += [frames[int((index + 0.5) * len(frames) / each)] for index in range(each)]
    rows += _scores(predictor, waiting) if waiting else []
    scores = torch.stack(rows)
    return Watched(
        whole=ClassScores(id=name, scores=scores.mean(0), classes=tuple(predictor.recipe.task.classes)),  # type: ignore[attr-defined]
        scores=scores.numpy(), firsts=tuple(bounds[: len(rows)]), frames=(watched, clip.count), rate=clip.rate,
        shown=modality.read(Record(id=name, source=np.stack(shown))),
    )  # fmt: skip


def _clips(modality: Any, clip: Clip, bounds: list[int]) -> Iterator[tuple[list[np.ndarray], int]]:
    """Of every part the frames that a clip of its length is read by, reduced, and how many frames it has."""
    frames = clip.frames()
    for begin, end in pairwise(bounds):
        wanted, held, count = set(modality.places(end - begin)), [], 0
        for count, frame in enumerate(islice(frames, end - begin), start=1):
            if count - 1 in wanted:
                held.append(modality.reduced(frame))
        if held:
            yield held, count
        if count < end - begin:  # it ends earlier than it claims
            return


def _scores(predictor: Predictor, samples: list[Sample]) -> list[torch.Tensor]:
    return [answer.scores for answer in predictor.predict(samples)]  # type: ignore[attr-defined]
