"""How much of what was hidden is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from swinkit.types import Batch, Filled


class Recovered:
    """The share of hidden cells whose token is found."""

    main: ClassVar[str] = "accuracy"

    def __init__(self) -> None:
        self.right = self.asked = 0

    def update(self, predictions: Sequence[Filled], batch: Batch) -> None:
        """Count one batch; the truth stands in `batch.grid`."""
        for row, prediction in enumerate(predictions):
            self.right += self._right(prediction, batch, row)
            self.asked += len(prediction.cells)

    def score(self, prediction: Filled, batch: Batch) -> float | None:
        """The same of one sample."""
        return self._right(prediction, batch, 0) / len(prediction.cells) if len(prediction.cells) else None

    def merge(self, other: Recovered) -> None:
        """Add what another process counted."""
        self.right, self.asked = self.right + other.right, self.asked + other.asked

    def result(self) -> dict[str, float]:
        """`accuracy` as a fraction."""
        return {"accuracy": self.right / self.asked} if self.asked else {}

    def details(self) -> dict[str, Any]:
        """The counts."""
        return {"right": self.right, "hidden": self.asked}

    def _right(self, prediction: Filled, batch: Batch, row: int) -> int:
        return int((batch.grid[row, 0].cpu()[prediction.cells] == prediction.labels).sum())
