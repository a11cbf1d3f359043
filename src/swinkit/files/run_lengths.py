"""Masks as COCO's run lengths (Lin et al. 2014): cells that are out and in by turns, counted down the columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Runs = dict[str, Any]
"""{"size": [height, width], "counts": numbers, or COCO's letters for them}."""


def encoded(masks: np.ndarray) -> list[Runs]:
    """[n height width] bool -> each with its counts as letters, plain text."""
    from faster_coco_eval.core import mask as library  # pyright: ignore[reportMissingTypeStubs]  # slow to import

    rows = [library.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in masks]  # one by one: copies are small
    return [{"size": [int(side) for side in row["size"]], "counts": row["counts"].decode()} for row in rows]


def decoded(shape: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
    """[height width] bool; the inverse of `encoded`.

    Raises:
        ValueError: these are no run lengths, or those of another size.
    """
    counts = shape.get("counts")
    if shape.get("size") != list(size):
        raise ValueError(f"run lengths for {shape.get('size')}, the picture has {list(size)} (height, width)")
    runs: Any = _letters(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        raise ValueError("run lengths are whole numbers from 0")
    if sum(runs) != size[0] * size[1]:
        raise ValueError(f"run lengths add up to {sum(runs)}, the picture has {size[0] * size[1]} pixels")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(size[1], size[0]).T


def _letters(text: str) -> list[int]:
    """COCO's compressed counts: 5 bits a letter, low ones first; from the fourth on differences to the last but one."""
    runs: list[int] = []
    value = shift = 0
    for letter in text.encode("utf-8", "replace"):
        bits = letter - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError("run lengths hold a letter that COCO does not use")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("run lengths end early")
    return runs
