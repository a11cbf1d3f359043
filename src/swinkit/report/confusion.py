"""What is taken for what: the confusion matrix in shares and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """Truth that was predicted as something else."""

    truth: str
    prediction: str
    share: float
    """Of the truth's cells, those predicted so."""
    count: int


def shares(counts: np.ndarray) -> np.ndarray:
    """[truth prediction]: every row divided by its sum; rows of classes that never occur are NaN."""
    counts = np.asarray(counts, dtype=np.float64)
    total = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)


def mistakes(counts: np.ndarray, names: Sequence[str], limit: int = 8) -> list[Mistake]:
    """The pairs that lose the largest share of their class, largest first; ties in class order."""
    table = shares(counts)
    wrong = np.nan_to_num(table, nan=0.0)
    np.fill_diagonal(wrong, 0.0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
    pairs = (np.unravel_index(position, wrong.shape) for position in order)
    return [
        Mistake(truth=names[t], prediction=names[p], share=float(wrong[t, p]), count=int(counts[t, p]))
        for t, p in pairs
        if wrong[t, p] > 0
    ]
