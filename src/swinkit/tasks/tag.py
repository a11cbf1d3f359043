"""A class for every word of a text: parts of speech, chunks, names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinkit.files import ConfigError
from swinkit.heads import CellLinear
from swinkit.metrics import TagAccuracy
from swinkit.types import Batch, Levels, Tags

NONE = -1
"""The class of cells that have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A class for each thing of a sequence; one that fills several cells (a word in pieces) is at its first."""

    classes: tuple[str, ...]
    """Names, in the order of the model's answers. Spans are counted where they are O, B-NAME and I-NAME."""
    smoothing: float = 0.0
    """Label smoothing: this share of every label is spread over all classes."""

    outputs: ClassVar[tuple[int, ...]] = (-1,)
    answers: ClassVar[type] = Tags
    ranks: ClassVar[tuple[int, ...]] = (1,)

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ConfigError(f"classes: {self.classes} is not a list of two or more different names")
        if not 0 <= self.smoothing < 1:
            raise ConfigError(f"smoothing: {self.smoothing} is out of range; 0 turns it off")

    def head(self, levels: Levels) -> nn.Module:
        """A linear layer on every cell of the coarsest map."""
        return CellLinear(levels.channels[-1], len(self.classes))

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy over the cells with a class; the weight is their number."""
        if batch.target is None:
            raise ValueError("the batch has no target: only labelled samples have a loss")
        logits, target = model(batch.grid, batch.valid).float(), batch.target.long()
        total = F.cross_entropy(
            logits, target, ignore_index=NONE, reduction="sum", label_smoothing=self.smoothing
        )  # fmt: skip
        return {"cross_entropy": (total, (target != NONE).sum().to(logits))}

    def predict(self, model: nn.Module, batch: Batch) -> list[Tags]:
        """The classes of every sample's words; the caller has put the model in evaluation mode."""
        scores, labels = (each.cpu() for each in model(batch.grid, batch.valid).float().softmax(1).max(1))
        ids = batch.ids or tuple(map(str, range(len(labels))))
        found: list[Tags] = []
        for row, name in enumerate(ids):
            cells = batch.cells(row)
            found.append(Tags(id=name, labels=labels[row][cells], scores=scores[row][cells], classes=self.classes))
        return found

    def metrics(self) -> TagAccuracy:
        """Accuracy, figures a class, and the F1 of spans."""
        return TagAccuracy(self.classes)

    @classmethod
    def example(cls, rank: int) -> tuple[Tag, Batch]:
        """The smallest task and a batch to learn by heart."""
        random = torch.Generator().manual_seed(0)
        valid = torch.ones(3, 32, dtype=torch.bool)
        valid[0, -4:] = False
        grid = torch.randn(3, 3, 32, generator=random) * valid[:, None]
        target = torch.randint(3, (3, 8), generator=random).repeat_interleave(4, 1).masked_fill(~valid, NONE)
        target[2] = NONE
        batch = Batch(grid=grid, valid=valid, target=target, ids=("short", "long", "unlabelled"),
                      sizes=((28,), (32,), (32,)))  # fmt: skip
        return cls(classes=("O", "B-x", "I-x")), batch
