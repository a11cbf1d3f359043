"""Masked pre-training: what stands in the hidden cells?"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinkit.files import ConfigError
from swinkit.heads import HiddenTokens
from swinkit.metrics import Recovered
from swinkit.ops.masking import hide
from swinkit.types import Batch, Filled, Levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruct:
    """Some tokens are replaced with one learnt vector behind the stem (`Model.forward(token_mask=)`) and told from the
    others (Devlin et al. 2019); the weights then start another task (`model.weights=RUN`)."""

    vocabulary: int
    """Different ids that a cell can hold."""
    first: int = 3
    """Smaller ids are never asked for: padding, unknown and hidden tokens."""
    share: float = 0.15
    """Of the cells, about so many are hidden."""
    unit: int = 1
    """Cells in a row that are hidden together."""

    outputs: ClassVar[tuple[int, ...]] = (-1,)
    answers: ClassVar[type] = Filled
    ranks: ClassVar[tuple[int, ...]] = (1,)
    random: ClassVar[bool] = True
    """A loss depends on what is hidden, which is drawn anew for every batch in training."""

    def __post_init__(self) -> None:
        if self.vocabulary < 2 or not 0 <= self.first < self.vocabulary:
            raise ConfigError(f"vocabulary {self.vocabulary}, first {self.first}: give two ids or more")
        if not 0 < self.share < 1 or self.unit < 1:
            raise ConfigError(f"share {self.share}, unit {self.unit}: give a share between 0 and 1, and cells")

    def head(self, levels: Levels) -> nn.Module:
        """What turns the features of a hidden cell into scores of every id."""
        return HiddenTokens(levels.channels[-1], self.vocabulary)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy over the hidden cells; the weight is their number."""
        hidden = self._hidden(batch, fixed=not model.training)
        logits = self._logits(model, batch, hidden)
        total = F.cross_entropy(logits, batch.grid[:, 0][hidden], reduction="sum")
        return {"cross_entropy": (total, hidden.sum().to(logits))}

    def predict(self, model: nn.Module, batch: Batch) -> list[Filled]:
        """What is found in the cells that are hidden of every sample, always the same ones."""
        hidden = self._hidden(batch, fixed=True)
        scores, labels = (each.cpu() for each in self._logits(model, batch, hidden).softmax(1).max(1))
        rows, cells = (each.cpu() for each in hidden.nonzero(as_tuple=True))
        ids = batch.ids or tuple(map(str, range(len(hidden))))
        return [
            Filled(id=name, cells=cells[rows == row], labels=labels[rows == row], scores=scores[rows == row])
            for row, name in enumerate(ids)
        ]

    def metrics(self) -> Recovered:
        """The share of hidden cells that is found."""
        return Recovered()

    @classmethod
    def example(cls, rank: int) -> tuple[Reconstruct, Batch]:
        """The smallest task and a batch to learn by heart: every text repeats one token."""
        grid = torch.tensor([4, 5, 6]).view(3, 1, 1).repeat(1, 1, 32)
        valid = torch.ones(3, 32, dtype=torch.bool)
        valid[0, -2:] = False
        batch = Batch(grid=grid * valid[:, None], valid=valid, ids=("a", "b", "c"), sizes=((30,), (32,), (32,)))
        return cls(vocabulary=8), batch

    def _hidden(self, batch: Batch, *, fixed: bool) -> Tensor:
        """[b length] bool; `fixed`: drawn from the samples' names alone."""
        allowed = batch.grid[:, 0] >= self.first
        allowed = allowed if batch.valid is None else allowed & batch.valid
        if not fixed:
            return hide(allowed, self.share, (self.unit,))
        rows = [
            hide(row[None, : self._length(batch, index)], self.share, (self.unit,), _generator(batch, index))
            for index, row in enumerate(allowed)
        ]
        longest = allowed.shape[1]
        return torch.cat([F.pad(row, (0, longest - row.shape[1])) for row in rows])

    def _length(self, batch: Batch, index: int) -> int:
        return int(batch.sizes[index][0]) if batch.sizes else batch.grid.shape[2]

    def _logits(self, model: nn.Module, batch: Batch, hidden: Tensor) -> Tensor:
        """[hidden cells vocabulary] float32."""
        features = model(batch.grid, batch.valid, token_mask=hidden)
        return model.head.scores(features.movedim(1, -1)[hidden]).float()  # type: ignore[union-attr,operator]


def _generator(batch: Batch, index: int) -> torch.Generator:
    name = batch.ids[index] if batch.ids else str(index)
    return torch.Generator().manual_seed(zlib.crc32(name.encode()))
