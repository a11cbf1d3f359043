"""Label maps of pictures that do not fit in memory: window by window, band by band, as `ops.sliding.slide` blends them.

A cell's values are added up in the same order as there, so where a picture fits both give the same labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Picture
from torch import Tensor

from swinkit.files import ConfigError
from swinkit.files.rasters import Raster, open_raster, write_raster
from swinkit.ops.palette import colours, overlay
from swinkit.ops.resize import stretch
from swinkit.ops.sliding import gaussian_weights, window_starts
from swinkit.recipes.predictor import Predictor
from swinkit.types import LabelMap, Record, Window

WINDOW = 512
"""Side of a window, where the recipe names none."""
PREVIEW = 2048
"""Longest side of the overlay to look at."""


def predict_raster(
    predictor: Predictor,
    source: Path,
    labels: Path,
    preview: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write the label map of `source` as a GeoTIFF and a reduced overlay; returns what predictions.json says about it.

    Memory: a band of rows as high as a window, and float32 values of every class in the rows that two bands share.

    Raises:
        ConfigError: the run labels no cells, or looks at pictures in a way that needs the whole of one.
    """
    window, stride = _windows(predictor)
    counts = np.zeros(256, np.int64)
    with open_raster(source) as raster:
        with write_raster(labels, raster, colours(256)) as target:
            for done, total, part in _parts(predictor, raster, window, stride):
                target.write(part.first, part.left, part.labels)
                counts += np.bincount(part.labels.ravel(), minlength=256)
                if progress is not None:
                    progress(done, total)
        reduced = raster.reduced(PREVIEW)
        with open_raster(labels) as made:
            shown = made.reduced(PREVIEW)[..., 0]
        Picture.fromarray(overlay(reduced, shown)).save(preview)
        names = predictor.recipe.task.classes  # pyright: ignore[reportAttributeAccessIssue]
        share = {name: count / counts.sum() for name, count in zip(names, counts.tolist(), strict=False) if count}
        return {"source": str(source), "size": list(raster.size), "share": share}


@dataclass(frozen=True, slots=True)
class _Part:
    first: int
    left: int
    labels: np.ndarray


def _windows(predictor: Predictor) -> tuple[Window, Window]:
    task, modality = predictor.recipe.task, predictor.recipe.modality
    if getattr(task, "answers", LabelMap) is not LabelMap:
        raise ConfigError("is a raster, in which segment labels cells and detect finds things: this run does neither")
    for name, plain in (("scales", (1.0,)), ("flip", False)):
        if getattr(task, name, plain) != plain:
            raise ConfigError(f"task.{name}: needs the whole picture, and this raster is read in parts: leave it out")
    if getattr(modality, "scale", 1.0) != 1.0 or getattr(modality, "shorter", None) is not None:
        raise ConfigError("modality.scale, modality.shorter: a raster is not rescaled: train at its own resolution")
    window: Window = getattr(task, "window", ()) or getattr(modality, "size", None) or (WINDOW, WINDOW)
    return window, getattr(task, "stride", ()) or tuple(max(1, 2 * size // 3) for size in window)


def _parts(predictor: Predictor, raster: Raster, window: Window, stride: Window) -> Iterator[tuple[int, int, _Part]]:
    """Finished labels, piece by piece, with how many windows are done of how many."""
    window = (min(window[0], raster.size[0]), min(window[1], raster.size[1]))
    rows, columns = (
        window_starts(side, size, step) for side, size, step in zip(raster.size, window, stride, strict=True)
    )
    weights = gaussian_weights(window, predictor.device).cpu()
    shared: tuple[Tensor, Tensor] | None = None
    total = len(rows) * len(columns)
    for band, first in enumerate(rows):
        end = rows[band + 1] if band + 1 < len(rows) else first + window[0]
        picture = raster.read(first, first + window[0])
        sums = _Rolling(shared, window, raster.size[1])
        for index, left in enumerate(columns):
            values = _values(predictor, picture[:, left : left + window[1]])
            sums.add(left, values * weights, weights)
            stop = columns[index + 1] if index + 1 < len(columns) else raster.size[1]
            finished, weight = sums.take(stop, end - first)
            found = (finished / weight).argmax(0).to(torch.uint8).numpy()
            yield band * len(columns) + index + 1, total, _Part(first, stop - found.shape[1], found)
        shared = sums.rest()


class _Rolling:
    """Sums over one band of windows, which move from left to right; the rows that the next band shares are kept."""

    def __init__(self, shared: tuple[Tensor, Tensor] | None, window: Window, width: int) -> None:
        self._above, self._window, self._width = shared, window, width
        self._left = 0
        self._sums: Tensor | None = None
        self._weights: Tensor | None = None
        self._below: tuple[Tensor, Tensor] | None = None

    def add(self, left: int, values: Tensor, weights: Tensor) -> None:
        """Add a window's weighted values [k h w] that begins at column `left`."""
        stop = left + values.shape[2]
        self._reach(stop, values)
        assert self._sums is not None and self._weights is not None
        place = slice(left - self._left, stop - self._left)
        self._sums[:, :, place] += values
        self._weights[:, place] += weights

    def _reach(self, stop: int, like: Tensor) -> None:
        """New columns, up to `stop`, begin with what the band above left."""
        begun = self._left + (0 if self._sums is None else self._sums.shape[2])
        if stop <= begun:
            return
        sums = like.new_zeros(len(like), self._window[0], stop - begun)
        weights = like.new_zeros(self._window[0], stop - begun)
        if self._above is not None:
            high = self._above[0].shape[1]
            sums[:, :high] = self._above[0][:, :, begun:stop]
            weights[:high] = self._above[1][:, begun:stop]
        self._sums = sums if self._sums is None else torch.cat([self._sums, sums], 2)
        self._weights = weights if self._weights is None else torch.cat([self._weights, weights], 1)

    def take(self, stop: int, rows: int) -> tuple[Tensor, Tensor]:
        """Columns before `stop`, which no further window of this band reaches: their first `rows` are finished."""
        assert self._sums is not None and self._weights is not None
        count = stop - self._left
        sums, weights = self._sums[:, :, :count], self._weights[:, :count]
        if rows < self._window[0]:
            if self._below is None:
                high = self._window[0] - rows
                self._below = sums.new_empty(len(sums), high, self._width), weights.new_empty(high, self._width)
            self._below[0][:, :, self._left : stop] = sums[:, rows:]
            self._below[1][:, self._left : stop] = weights[rows:]
        self._sums, self._weights = self._sums[:, :, count:].clone(), self._weights[:, count:].clone()
        self._left = stop
        return sums[:, :rows], weights[:rows]

    def rest(self) -> tuple[Tensor, Tensor] | None:
        """What the next band begins with."""
        return self._below


def _values(predictor: Predictor, picture: np.ndarray) -> Tensor:
    """[k h w] float32 of one window, at every pixel."""
    size, modality = (picture.shape[0], picture.shape[1]), predictor.recipe.modality
    sample = modality.standard(modality.read(Record(id="window", source=np.ascontiguousarray(picture))))
    batch = modality.collate([sample]).to(predictor.device)
    with torch.inference_mode():
        logits = predictor.model(batch.grid, batch.valid)["logits"].float()
        return stretch(logits, size)[0].cpu()
