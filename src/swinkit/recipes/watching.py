"""Films longer than the clips a run learnt from, watched a clip at a time in constant memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
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
    span: int
    """Frames of a clip."""
    rate: float
    """Frames a second; 0: nobody knows."""
    shown: Sample
    """Frames from the beginning to the end."""

    def to_json(self) -> dict[str, Any]:
        """The class of the whole, and what is most probable in every clip."""
        windows = [
            {
                "frame": first, **({"second": first / self.rate} if self.rate else {}),
                "class": self.whole.classes[int(row.argmax())], "score": float(row.max()),
            }
            for first, row in zip(self.firsts, self.scores, strict=True)
        ]  # fmt: skip
        return {**self.whole.to_json(), "frames_a_window": self.span, "windows": windows}

    def draw(self, predictor: Predictor) -> np.ndarray:
        """[height width 3] uint8: frames, the answer, and below it how probable each class was over time."""
        picture = predictor.recipe.modality.draw(self.shown, self.whole)
        order = self.scores.max(0).argsort()[::-1][:BANDS]
        return timeline(picture, [(self.whole.classes[index], self.scores[:, index].tolist()) for index in order])


def is_long(predictor: Predictor, source: Path) -> bool:
    """Whether a film is watched a clip at a time: it has at least half a clip more than one. Raises DataError."""
    span = getattr(predictor.recipe.modality, "span", None)
    return span is not None and 2 * Clip(source).count >= 3 * span


def watch(predictor: Predictor, source: Path, name: str) -> Watched:
    """What a film of any length shows; memory does not grow with it, but for the answers.

    Clips lie side by side; the last one ends with the film and may overlap the one before.

    Raises:
        DataError: the film cannot be read.
    """
    modality: Any = predictor.recipe.modality
    clip = Clip(source)
    wanted = {int((index + 0.5) * clip.count / SHOWN) for index in range(SHOWN)}
    kept: list[np.ndarray] = []
    rows: list[torch.Tensor] = []
    firsts: list[int] = []
    waiting: list[Sample] = []
    for first, sample in _windows(modality, clip, name, wanted, kept):
        firsts.append(first)
        waiting.append(sample)
        if len(waiting) == TOGETHER:
            rows += _scores(predictor, waiting)
            waiting = []
    rows += _scores(predictor, waiting) if waiting else []
    scores = torch.stack(rows)
    return Watched(
        whole=ClassScores(id=name, scores=scores.mean(0), classes=tuple(predictor.recipe.task.classes)),  # type: ignore[attr-defined]
        scores=scores.numpy(), firsts=tuple(firsts), span=modality.span, rate=clip.rate,
        shown=modality.read(Record(id=name, source=np.stack(kept))),
    )  # fmt: skip


def _windows(
    modality: Any, clip: Clip, name: str, wanted: set[int], kept: list[np.ndarray]
) -> Iterator[tuple[int, Sample]]:
    """Every clip in the evaluation view, after the number of its first frame; frames that are wanted are kept."""
    held: deque[np.ndarray] = deque(maxlen=modality.span)
    count = done = 0
    for count, frame in enumerate(clip.frames(), start=1):
        held.append(modality.reduced(frame))
        if count - 1 in wanted or not kept:
            kept.append(held[-1])
        if count - done == modality.span:
            yield done, _clip(modality, held, name)
            done = count
    if done < count:
        yield max(count - modality.span, 0), _clip(modality, held, name)


def _clip(modality: Any, frames: deque[np.ndarray], name: str) -> Sample:
    return modality.standard(modality.read(Record(id=name, source=np.stack(frames))))


def _scores(predictor: Predictor, samples: list[Sample]) -> list[torch.Tensor]:
    return [answer.scores for answer in predictor.predict(samples)]  # type: ignore[attr-defined]
