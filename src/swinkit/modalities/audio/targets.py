"""What is learnt from a sound: the index of its class, or those of the units of its transcript."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swinkit.files import DataError

UNLABELLED = -1
"""The class of samples that have none, and what fills up transcripts, in a batch."""


def target_of(target: Any, name: Path | str) -> Tensor | None:
    """The index of a class [] or of every unit of a transcript [units], int64."""
    if target is None:
        return None
    found = np.asarray(target)
    if found.dtype.kind not in "iu" or found.ndim > 1:
        raise DataError(name, f"wanted the index of a class or of every unit, got {target!r}", field="target")
    return torch.from_numpy(found.astype(np.int64))


def stacked(targets: Sequence[Tensor | None]) -> Tensor | None:
    """Of a batch: classes [b], or transcripts [b units] filled up with -1; None where no sample has a target."""
    known = [target for target in targets if target is not None]
    if not known:
        return None
    if not known[0].ndim:
        return torch.stack([torch.tensor(UNLABELLED) if target is None else target for target in targets])
    rows = [torch.tensor([UNLABELLED]) if target is None else target for target in targets]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=UNLABELLED)
