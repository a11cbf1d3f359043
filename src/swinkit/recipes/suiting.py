"""What several recipes choose alike: from the size of the pictures and from the machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from swinkit.files.pictures import picture_size
from swinkit.types import Dataset

CROP = 512
"""Longest side of the training view; larger pictures are cropped, and reduced where they are much larger."""


SMALL_TRAINING: dict[str, Any] = {
    "optimiser": "muon",
    "weight_decay": 0.05,
    "betas": [0.9, 0.98],
    "warmup": 0.1,
    "schedule": "cosine",
    "clip": 1.0,
    "ema": 0.998,
}
"""How our small models are trained from scratch, whatever the task; chosen on the validation split of digit scenes."""


def fast_precision() -> str:
    """bf16 where the machine multiplies in it, else fp32."""
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() else "fp32"


def suitable_model(sizes: Sequence[tuple[int, int]]) -> str:
    """Small pictures leave a deep pyramid nothing to look at."""
    return "swin_nano" if np.median([max(size) for size in sizes]) <= 128 else "swin_micro"


def picture_sizes(split: Dataset) -> list[tuple[int, int]]:
    """[height, width] of pictures spread over the split."""
    records = [split[index] for index in spread(len(split), 64)]
    return [tuple(r.source.shape[:2]) if isinstance(r.source, np.ndarray) else picture_size(r.source) for r in records]


def training_view(sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The training view: whole pictures where all have one moderate size, else crops of one size."""
    if len(set(sizes)) == 1 and max(sizes[0]) <= CROP:
        return {}
    shorter = float(np.median([min(size) for size in sizes]))
    reduced = min(1.0, CROP / shorter) if shorter > 1.5 * CROP else 1.0
    height, width = (float(np.median([size[axis] for size in sizes])) * reduced for axis in (0, 1))
    crop = [max(32, min(CROP, int(side) // 32 * 32)) for side in (height, width)]
    return {"size": crop, **({"shorter": CROP} if reduced < 1 else {})}


def spread(count: int, most: int) -> list[int]:
    """Up to `most` of `count` indices, evenly spread."""
    return sorted({int(index) for index in np.linspace(0, count - 1, min(count, most))}) if count else []
