"""How many words and characters of transcripts are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from swinkit.files import MissingExtra
from swinkit.types import Batch, Transcript

KINDS = ("hits", "substitutions", "deletions", "insertions")


class WordError:
    """Word and character error rate over all transcripts together, by jiwer: substitutions, deletions and insertions
    over the words (characters, spaces among them) of the truth. They may exceed 1. Samples without a transcript do not
    count."""

    main: ClassVar[str] = "character_accuracy"

    def __init__(self) -> None:
        self.words = dict.fromkeys(KINDS, 0)
        self.characters = dict.fromkeys(KINDS, 0)
        self.right = self.samples = 0

    def update(self, predictions: Sequence[Transcript], batch: Batch) -> None:
        """Count one batch; `batch.target` [b units] holds the indices of the units, padded with -1."""
        if len(predictions) != len(batch.target):
            raise ValueError(f"{len(predictions)} predictions for {len(batch.target)} targets: pass one for each")
        for prediction, row in zip(predictions, batch.target.tolist(), strict=True):
            if row[0] >= 0:
                truth = prediction.spelled(row)
                _add(self.words, _counted(truth, prediction.text, words=True))
                _add(self.characters, _counted(truth, prediction.text, words=False))
                self.right += truth.split() == prediction.text.split()
                self.samples += 1

    def score(self, prediction: Transcript, batch: Batch) -> float | None:
        """1 less the character error rate, not below 0."""
        row = batch.target[0].tolist()
        if row[0] < 0:
            return None
        return max(0.0, 1 - _rate(_counted(prediction.spelled(row), prediction.text, words=False)))

    def merge(self, other: WordError) -> None:
        """Add what another process counted."""
        _add(self.words, other.words)
        _add(self.characters, other.characters)
        self.right += other.right
        self.samples += other.samples

    def result(self) -> dict[str, float]:
        """`wer`, `cer`, `character_accuracy` (1 - cer, not below 0) and `sentence_accuracy`: transcripts without any
        error."""
        if not self.samples:
            return {}
        cer = _rate(self.characters)
        return {
            "wer": _rate(self.words),
            "cer": cer,
            "character_accuracy": max(0.0, 1 - cer),
            "sentence_accuracy": self.right / self.samples,
        }

    def details(self) -> dict[str, Any]:
        """How many words and characters are right, replaced, missing and too many."""
        return {"words": dict(self.words), "characters": dict(self.characters)}


def _counted(truth: str, said: str, *, words: bool) -> dict[str, int]:
    try:
        import jiwer
    except ImportError as error:
        raise MissingExtra("jiwer", "audio") from error
    if not truth.strip():
        return dict.fromkeys(KINDS, 0) | {"insertions": len(said.split() if words else said)}
    found = (jiwer.process_words if words else jiwer.process_characters)(truth, said)
    return {kind: getattr(found, kind) for kind in KINDS}


def _rate(counts: dict[str, int]) -> float:
    truth = counts["hits"] + counts["substitutions"] + counts["deletions"]
    return (counts["substitutions"] + counts["deletions"] + counts["insertions"]) / max(truth, 1)


def _add(counts: dict[str, int], more: dict[str, int]) -> None:
    for kind in KINDS:
        counts[kind] += more[kind]
