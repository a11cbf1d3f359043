"""What is said in a sound: characters by connectionist temporal classification, words with their times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinkit.files import ConfigError, DataError
from swinkit.files.arpa import read_arpa
from swinkit.heads.ctc import FrameLinear, FrameScores
from swinkit.metrics import WordError
from swinkit.ops.ctc import BLANK, Heard, aligned, beam_search, frames_needed, greedy
from swinkit.ops.masking import hide
from swinkit.ops.ngram import Ngram
from swinkit.ops.views import unrolled
from swinkit.types import Batch, Levels, Transcript, Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcribe:
    """Transcription of a grid whose last axis is time."""

    classes: tuple[str, ...]
    """The characters that texts are spelled with, in the order of the model's answers; a space parts words."""
    hop: float = 0.01
    """Seconds from one cell of the grid's time to the next, for the times of words."""
    consistency: float = 0.0
    """Training: every sound is seen twice, each time with other stretches `hidden`, and both answers shall be alike in
    every frame; this is the weight of their divergence (CR-CTC, Yao et al. 2025, there 0.2). A step takes twice as
    long. 0: seen once."""
    hidden: float = 0.25
    """With `consistency`: this share of the time is hidden by the mean, which is 0 ..."""
    stretch: float = 0.2
    """... in stretches of so many seconds."""
    beam: int = 0
    """Beginnings of the text that the search keeps; 0: the best path, without a search."""
    ngram: str | None = None
    """An ARPA file with the words' probabilities, for the search."""
    ngram_weight: float = 0.5
    """How much their logarithm counts."""
    word_bonus: float = 0.0
    """What every word adds to a text's score, against too few words."""

    outputs: ClassVar[tuple[int, ...]] = (-1,)
    averages: ClassVar[bool] = True
    answers: ClassVar[type] = Transcript
    ranks: ClassVar[tuple[int, ...]] = (1, 2)

    def __post_init__(self) -> None:
        wrong = not self.classes or len(set(self.classes)) < len(self.classes)
        if wrong or any(len(unit) != 1 for unit in self.classes):
            raise ConfigError(f"classes: {self.classes} is not a list of different characters")
        if self.hop <= 0 or self.beam < 0:
            raise ConfigError(f"hop {self.hop}, beam {self.beam}: wanted seconds above 0 and a width from 0")
        if self.consistency < 0 or not 0 < self.hidden < 1 or self.stretch <= 0:
            raise ConfigError(
                f"consistency {self.consistency}, hidden {self.hidden}, stretch {self.stretch}: wanted a weight "
                "from 0, a share between 0 and 1, and seconds above 0"
            )
        if self.ngram is not None and not self.beam:
            raise ConfigError("ngram: only a search looks at it: set task.beam, say to 32")

    def head(self, levels: Levels) -> nn.Module:
        """A linear layer on every frame."""
        if levels.rank not in self.ranks:
            raise ConfigError(f"transcribe: sounds are grids of 1 or 2 axes, the model has {levels.rank}")
        return FrameLinear(levels, len(self.classes))

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """The negative logarithm of the transcripts' probabilities, in training with `consistency` the mean of two and
        what divides them; the weight is their number of characters.

        Raises:
            DataError: a transcript has more characters than the frames of its sound can carry; names the sample.
        """
        if batch.target is None:
            raise ValueError("the batch has no target: only transcribed samples have a loss")
        if not (model.training and self.consistency):
            return {"ctc": self._ctc(model, batch.grid, batch)[:2]}
        (one, count, first), (other, _, second) = (self._ctc(model, self._hiding(batch), batch) for _ in range(2))
        return {"consistent_ctc": ((one + other + self.consistency * _apart(first, second)) / 2, count)}

    def _ctc(self, model: nn.Module, grid: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The loss, the number of characters, and the log-probabilities [frames symbols] of all known frames."""
        found: FrameScores = model(grid, batch.valid)
        known = batch.target[:, 0] >= 0
        counts = (batch.target >= 0).sum(1)
        self._check(batch, counts, found)
        scores, lengths = found.logits.float().log_softmax(-1)[known], found.lengths[known]
        if not known.any():
            return found.logits.sum() * 0, counts.sum(), scores.flatten(0, 1)
        target = batch.target[known].clamp_min(0) + 1
        loss = F.ctc_loss(scores.transpose(0, 1), target, lengths, counts[known], blank=BLANK, reduction="sum")
        there = torch.arange(scores.shape[1], device=lengths.device) < lengths[:, None]
        return loss, counts.sum(), scores[there]

    def _hiding(self, batch: Batch) -> Tensor:
        """The grid with stretches of time that are 0."""
        grid = batch.grid
        every = torch.ones(len(grid), grid.shape[-1], dtype=torch.bool, device=grid.device)
        gone = hide(every, self.hidden, (max(1, round(self.stretch / self.hop)),))
        return grid.masked_fill(gone.view(len(grid), *[1] * (grid.ndim - 2), -1), 0.0)

    def predict(self, model: nn.Module, batch: Batch) -> list[Transcript]:
        """The text of every sample; the caller has put the model in evaluation mode."""
        scores, stride = self.scores(model, batch)
        ids = batch.ids or tuple(map(str, range(len(scores))))
        sure = [float(np.exp(each.max(1).mean())) if len(each) else 0.0 for each in scores]
        rows = zip(ids, scores, sure, strict=True)
        return [self.transcript(name, self.heard(each), score, stride) for name, each, score in rows]

    def scores(self, model: nn.Module, batch: Batch) -> tuple[list[np.ndarray], int]:
        """Log-probabilities [frames symbols] of every sample, without its padding, and cells of time a frame; of
        several views the logarithm of their mean."""
        grid, valid = batch.grid, batch.valid
        if batch.views > 1:
            grid, valid = unrolled(grid, valid, batch.views)
        found: FrameScores = model(grid, valid)
        views = found.logits.float().log_softmax(-1).unflatten(0, (batch.views, -1))
        logs = (views.logsumexp(0) - math.log(batch.views)).cpu()
        lengths = found.lengths[: len(logs)].tolist()
        return [row[:length].numpy() for row, length in zip(logs, lengths, strict=True)], found.stride

    def heard(self, scores: np.ndarray) -> list[Heard]:
        """The units of the text with their frames, as the settings say."""
        if not self.beam:
            return greedy(scores)
        model = None if self.ngram is None else _language(self.ngram)
        settings = {"units": self.classes, "model": model, "weight": self.ngram_weight, "bonus": self.word_bonus}
        return aligned(scores, beam_search(scores, self.beam, **settings))

    def transcript(self, name: str, heard: list[Heard], score: float, stride: int) -> Transcript:
        """The answer for units that were heard in these frames of `stride` cells of time."""
        text = "".join(self.classes[each.unit] for each in heard)
        words = tuple(self._words(heard, stride * self.hop))
        return Transcript(id=name, text=" ".join(text.split()), words=words, score=score, units=self.classes)

    def metrics(self) -> WordError:
        """Word and character error rates."""
        return WordError()

    @classmethod
    def example(cls, rank: int) -> tuple[Transcribe, Batch]:
        """The smallest task of that rank and a batch to learn by heart; tests ask every task in the table for one."""
        space = {1: (32,), 2: (8, 32)}[rank]
        valid = torch.ones(3, *space, dtype=torch.bool)
        valid[0, ..., -4:] = False  # the first sample is shorter than the others
        grid = torch.randn(3, 3, *space, generator=torch.Generator().manual_seed(0)) * valid[:, None]
        target = torch.tensor([[0, -1, -1], [1, 2, 0], [-1, -1, -1]])
        sizes = ((28,), (32,), (32,))
        ids = ("short", "long", "unlabelled")
        return cls(classes=("a", "b", " ")), Batch(grid=grid, valid=valid, target=target, ids=ids, sizes=sizes)

    def _check(self, batch: Batch, counts: Tensor, found: FrameScores) -> None:
        """DataError for a transcript that is no path."""
        lengths = found.lengths.tolist()
        for index, (row, count) in enumerate(zip(batch.target.tolist(), counts.tolist(), strict=True)):
            units = row[:count]
            name = batch.ids[index] if batch.ids else "batch"
            if units and max(units) >= len(self.classes):
                raise DataError(name, f"{max(units)} is no character (0 to {len(self.classes) - 1})", field="target")
            if (needed := frames_needed(units)) > lengths[index]:
                text = (
                    f"its {count} characters need {needed} frames, its sound gives {lengths[index]}: let fewer stages "
                    "merge time (model.changes), lower modality.speed, or check the transcript"
                )
                raise DataError(name, text, field="text")

    def _words(self, heard: list[Heard], seconds: float) -> list[Word]:
        """A word is heard from its first character's first frame to its last one's last."""
        words: list[Word] = []
        part: list[Heard] = []
        for each in [*heard, None]:
            if each is not None and self.classes[each.unit] != " ":
                part.append(each)
            elif part:
                text = "".join(self.classes[one.unit] for one in part)
                words.append(Word(text=text, start=part[0].first * seconds, end=(part[-1].last + 1) * seconds))
                part = []
        return words


def _apart(first: Tensor, second: Tensor) -> Tensor:
    """The sum over frames [frames symbols] of both divergences of log-probabilities, each towards the other as it is
    (Yao et al. 2025, section 3)."""
    pairs = ((first, second.detach()), (second, first.detach()))
    return sum(F.kl_div(own, other, log_target=True, reduction="sum") for own, other in pairs)  # type: ignore[return-value]


@lru_cache(maxsize=4)
def _language(path: str) -> Ngram:
    return Ngram(*read_arpa(Path(path)))
