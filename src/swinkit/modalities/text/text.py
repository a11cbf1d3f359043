"""Text: words, byte pairs or bytes as ids; targets are classes, or a class for every word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import ClassVar, get_args

import numpy as np
import torch
from torch import Tensor

from swinkit.files import ConfigError, DataError
from swinkit.files.texts import read_plain, usable
from swinkit.modalities.text import drawing
from swinkit.modalities.text.encoder import UNKNOWN, Encoder, Kind, Parts, learn
from swinkit.types import Batch, Dataset, Prediction, Record, Sample

CHARACTERS = 16
"""Of a token, at most on the mean: so much of a text is looked at."""
UNLABELLED = -1
"""The class of samples, and of cells, that have none."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """How texts become grids [1 + grams length] of ids; 0 is padding, 1 what is unknown, 2 what is hidden.

    The tokenizer is learnt from the training split when a run begins and kept with it as `file`.
    """

    tokens: Kind = "words"
    """`words` (letters and digits in a row, or one other sign), `bpe` (pairs of bytes, joined by how frequent they are:
    nothing is unknown) or `bytes`."""
    vocabulary: int = 8192
    """Ids of tokens; of words and pairs those that training texts have most often."""
    grams: int = 0
    """Parts of every token that get an id of their own, as in fastText (Bojanowski et al. 2017): beginnings, ends, and
    what lies between. A word that training never saw is then known by its parts."""
    pairs: bool = False
    """Every token and the one before it have an id together (Joulin et al. 2016)."""
    buckets: int = 8192
    """Ids that parts and pairs share, by their hash."""
    lower: bool = True
    """Capitals are read as small letters."""
    tokenizer: str | None = None
    """A tokenizer JSON to use instead of learning one, say that of a run whose weights this one starts from."""
    per_word: bool = False
    """Answers are for every word, which is what stands between spaces, at its first token."""
    length: int = 512
    """Training: tokens of a text that a step sees, a random stretch of longer ones."""
    longest: int = 1 << 16
    """Tokens that are read of a text."""
    drop: float = 0.0
    """Training: probability that a token is read as unknown."""
    delete: float = 0.0
    """Training: probability that a token is left out, where it has no class of its own."""

    file: ClassVar[str] = "tokenizer.json"
    """What is kept in the run folder."""

    def __post_init__(self) -> None:
        if self.tokens not in get_args(Kind):
            raise ConfigError(f"tokens {self.tokens!r}: there are {', '.join(get_args(Kind))}")
        least = {"words": 16, "bpe": 300, "bytes": 259}[self.tokens]
        if self.vocabulary < least or self.grams < 0 or self.buckets < 1 or min(self.length, self.longest) < 1:
            raise ConfigError(
                f"vocabulary {self.vocabulary}, grams {self.grams}, buckets {self.buckets}, length {self.length}, "
                f"longest {self.longest}: {self.tokens} need {least} ids, the others numbers above 0 (grams: or 0)"
            )
        if not (0 <= self.drop < 1 and 0 <= self.delete < 1):
            raise ConfigError(f"drop {self.drop}, delete {self.delete}: give probabilities of 0 to below 1")

    @property
    def rank(self) -> int:
        """Number of axes of the grid."""
        return 1

    @property
    def channels(self) -> int:
        """Ids of a cell: the token and the parts of its word."""
        return self._parts.channels

    @property
    def ids(self) -> int:
        """Different ids: the rows of the model's table."""
        return self.vocabulary + (self.buckets if self.channels > 1 else 0)

    def learn(self, data: Dataset) -> bytes:
        """The tokenizer JSON for a training split; or the file that was given instead.

        Raises:
            ConfigError: that file cannot be read or is no tokenizer.
            DataError: a text cannot be read.
        """
        if self.tokenizer is None:
            texts = (self._text(data[index]) for index in range(len(data)))
            return learn(self.tokens, texts, self.vocabulary, lower=self.lower)
        try:
            return Path(self.tokenizer).read_bytes()
        except OSError as error:
            raise ConfigError(f"modality.tokenizer: {self.tokenizer}: cannot be read: {error.strerror}") from error

    def learnt(self, content: bytes) -> Text:
        """The same with that tokenizer; ConfigError where it is none, or has more ids than `vocabulary`."""
        encoder = Encoder(content, self._parts)
        if encoder.size > self.vocabulary:
            raise ConfigError(f"a tokenizer of {encoder.size} ids came for a vocabulary of {self.vocabulary}")
        found = replace(self)
        found.__dict__["_encoder"] = encoder
        return found

    def exact(self) -> Text:
        """A view that keeps every byte and needs no learning, to look for equal texts with."""
        return replace(self, tokens="bytes", vocabulary=259, grams=0, pairs=False, lower=False, tokenizer=None)

    def read(self, record: Record) -> Sample:
        """Text and target as ids. Raises DataError: file and field, where one cannot be used."""
        text, name = self._text(record), record.source if isinstance(record.source, Path) else record.id
        words = text.split() if self.per_word else None
        most = self.longest * (1 if self.tokens == "bytes" else CHARACTERS)
        found = self._encoder(text[:most] if words is None else words)
        if not found.ids:
            raise DataError(name, "holds no word", field="text")
        if words is not None and found.starts[-1] >= self.longest:
            raise DataError(name, f"has more than {self.longest} tokens: cut it into parts", field="text")
        grid = torch.tensor(found.ids[: self.longest], dtype=torch.int64).T.contiguous()
        return Sample(
            id=record.id,
            grid=grid,
            target=_target(record.target, found.starts, grid.shape[1], name),
            size=(len(found.starts) if words is not None else grid.shape[1],),
            places=None if words is None else np.array(found.starts),
            text=text,
        )

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """The training view: a stretch of a long text, some of its tokens unknown or left out."""
        grid, target = sample.grid, sample.target
        labelled = isinstance(target, Tensor) and target.ndim == 1
        if (surplus := grid.shape[1] - self.length) > 0:
            start = int(rng.integers(surplus + 1))
            grid = grid[:, start : start + self.length]
            target = target[start : start + self.length] if labelled else target
        if self.delete and not labelled:
            kept = torch.from_numpy(rng.random(grid.shape[1]) >= self.delete)
            grid = grid[:, kept] if bool(kept.any()) else grid
        if self.drop:
            grid = grid.clone()
            gone = torch.from_numpy(rng.random(grid.shape[1]) < self.drop)
            grid[:, gone] = 0
            grid[0, gone] = UNKNOWN
            if self.pairs:
                grid[-1, 1:][gone[:-1]] = 0  # or the next token would tell
        return Sample(id=sample.id, grid=grid, target=target, size=(grid.shape[1],))

    def standard(self, sample: Sample) -> Sample:
        """The evaluation view: the whole text."""
        return sample

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Ids [b c length], padded at the end with zeros; classes of words with -1, as samples without a target."""
        lengths = [sample.grid.shape[1] for sample in samples]
        longest = max(lengths)
        grid = torch.zeros(len(samples), self.channels, longest, dtype=torch.int64)
        for place, sample, length in zip(grid, samples, lengths, strict=True):
            place[:, :length] = sample.grid
        valid = torch.arange(longest) < torch.tensor(lengths)[:, None]
        return Batch(
            grid=grid,
            valid=None if bool(valid.all()) else valid,
            target=_stacked([sample.target for sample in samples], longest),
            ids=tuple(sample.id for sample in samples),
            sizes=tuple(sample.size for sample in samples),
            places=tuple(s.places for s in samples) if any(s.places is not None for s in samples) else (),
        )

    def decode(self, grid: Tensor) -> str:
        """A text of the ids [c length]: the same for bytes and byte pairs that keep capitals, readable for words."""
        return self._encoder.text(grid[0].tolist())

    def draw(self, sample: Sample, prediction: Prediction) -> np.ndarray:
        """[h w 3] uint8: the text, with its most probable classes below it or every word's class beside it."""
        return drawing.draw(sample.text or self.decode(sample.grid), prediction)

    def draw_target(self, sample: Sample, classes: Sequence[str]) -> np.ndarray:
        """[h w 3] uint8: the text, and every word's class where the truth has them."""
        target = sample.target
        if isinstance(target, Tensor) and target.ndim == 1 and sample.places is not None:
            return drawing.tagged(sample.text.split(), target[sample.places].tolist(), classes)
        return drawing.written(sample.text or self.decode(sample.grid))

    def _text(self, record: Record) -> str:
        if isinstance(record.source, Path):
            return read_plain(record.source)
        source = record.source
        if source.dtype != np.uint8 or source.ndim != 1:
            raise DataError(record.id, f"is an array {source.dtype} {source.shape}: texts are [bytes] uint8, UTF-8")
        return usable(source.tobytes(), record.id)

    @cached_property
    def _encoder(self) -> Encoder:
        if self.tokens != "bytes":
            raise ConfigError(f"modality.tokens: {self.tokens} are learnt from the training split: train first")
        return Encoder(learn("bytes", (), self.vocabulary, lower=self.lower), self._parts)

    @property
    def _parts(self) -> Parts:
        return Parts(self.grams, self.pairs, self.vocabulary, self.buckets)


def _target(target: object, starts: Sequence[int], length: int, name: Path | str) -> Tensor | None:
    """The index of a class [], or of every cell [length], -1 where a cell has none."""
    if target is None:
        return None
    if isinstance(target, (int, np.integer)):
        return torch.tensor(int(target))
    if len(target) != len(starts):  # type: ignore[arg-type]
        raise DataError(name, f"{len(target)} labels for {len(starts)} words: give one each", field="label")  # type: ignore[arg-type]
    cells = torch.full((length,), UNLABELLED)
    cells[list(starts)] = torch.as_tensor(np.asarray(target), dtype=torch.int64)
    return cells


def _stacked(targets: Sequence[Tensor | None], longest: int) -> Tensor | None:
    known = [target for target in targets if target is not None]
    if not known:
        return None
    if known[0].ndim == 0:
        return torch.stack([torch.tensor(UNLABELLED) if target is None else target for target in targets])
    stacked = torch.full((len(targets), longest), UNLABELLED)
    for row, target in zip(stacked, targets, strict=True):
        if target is not None:
            row[: len(target)] = target
    return stacked
