"""Sounds of any length, transcribed piece by piece in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swinkit.files.sounds import sound_blocks, sound_length
from swinkit.ops.ctc import Heard
from swinkit.ops.seams import joined
from swinkit.recipes.predictor import Predictor
from swinkit.types import Sample, Transcript

PIECE, OVERLAP = 40.0, 8.0
"""Seconds of a piece, and how many of them it shares with the one before."""
QUIET = 0.25
"""Seconds to each side of a seam that should be quiet."""


def is_long(predictor: Predictor, source: Path) -> bool:
    """Whether a file is transcribed in pieces: it lasts longer than one of them. Raises DataError."""
    recipe = predictor.recipe
    takes = getattr(recipe.task, "answers", None) is Transcript and getattr(recipe.modality, "source", "") == "sound"
    return takes and sound_length(source) > PIECE


def listen(
    predictor: Predictor,
    source: Path,
    *,
    piece: float = PIECE,
    overlap: float = OVERLAP,
    progress: Callable[[int, int], None] | None = None,
) -> Transcript:
    """What is said in a file of any length; memory does not grow with it, but for the text.

    Every piece is heard with `overlap` seconds of the piece before; they are joined in the middle of that, where both
    are surest that nothing is said, so no word is lost, doubled or cut. Each piece is normalised by itself.

    Args:
        piece, overlap: seconds.
        progress: is told how many seconds were heard, and of how many.

    Raises:
        DataError: the file cannot be read.
    """
    task: Any = predictor.recipe.task
    space = task.classes.index(" ") + 1 if " " in task.classes else None
    heard: list[Heard] = []
    certain, done, frames = 0.0, 0, np.zeros((0, len(task.classes) + 1), np.float32)
    seconds, length = task.hop, round(sound_length(source))
    for start, samples in _pieces(predictor, source, piece, overlap):
        scores, stride = _scores(predictor, samples)
        seconds = stride * task.hop
        first = round(start / seconds)  # of this piece's frames, in the whole sound
        if not first:
            frames = scores
            continue
        shared = min(done + len(frames) - first, len(scores), len(frames))
        kept, rest = joined(frames, scores, shared, space=space, quiet=max(1, round(QUIET / seconds)))
        certain += _hear(task, kept, done, heard)
        done, frames = done + len(kept), rest
        if progress is not None:
            progress(round(done * seconds), length)
    certain += _hear(task, frames, done, heard)
    total = done + len(frames)
    return task.transcript(source.stem, heard, float(np.exp(certain / max(total, 1))), round(seconds / task.hop))


def _hear(task: Any, scores: np.ndarray, first: int, heard: list[Heard]) -> float:
    """Add what these frames say, of which `first` is the number of the first; the logarithms of the best path."""
    heard += [Heard(unit, start + first, end + first) for unit, start, end in task.heard(scores)] if len(scores) else []
    return float(scores.max(1).sum()) if len(scores) else 0.0


def _scores(predictor: Predictor, samples: np.ndarray) -> tuple[np.ndarray, int]:
    modality: Any = predictor.recipe.modality
    task: Any = predictor.recipe.task
    sample = Sample(id="piece", grid=torch.from_numpy(samples)[None], size=(len(samples),))
    batch = modality.collate([modality.standard(sample)]).to(predictor.device)
    with torch.inference_mode():
        (scores,), stride = task.scores(predictor.model, batch)
    return scores, stride


def _pieces(predictor: Predictor, source: Path, piece: float, overlap: float) -> Iterator[tuple[float, np.ndarray]]:
    """(second where it begins, samples) of every piece; the last is at least as long as the overlap."""
    rate = predictor.recipe.modality.rate  # type: ignore[attr-defined]
    length, step = round(piece * rate), round((piece - overlap) * rate)
    held, first = np.zeros(0, np.float32), 0
    for block in sound_blocks(source, rate):
        held = np.concatenate([held, block])
        while len(held) >= length + round(overlap * rate):  # what is left fills a piece of its own
            yield first / rate, held[:length]
            held, first = held[step:].copy(), first + step
    if len(held) > length:
        yield first / rate, held[:length]
        held, first = held[step:], first + step
    yield first / rate, held
