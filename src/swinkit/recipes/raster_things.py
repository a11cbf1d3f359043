"""Things in pictures that do not fit in memory: window by window, joined at the seams as `ops.tiles` joins them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture

from swinkit.files import ConfigError
from swinkit.files.rasters import open_raster
from swinkit.modalities.image import drawing
from swinkit.ops.tiles import TOGETHER, Things, gathered, stride_for, tiles_of
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.rasters import PREVIEW, WINDOW
from swinkit.types import Detections, Record, Window


def find_in_raster(
    predictor: Predictor,
    source: Path,
    preview: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Find the things in `source` and write a reduced overlay; returns what predictions.json says about it, boxes in
    pixels of the whole raster.

    Memory: a band of rows as high as a window, and what was found.

    Raises:
        ConfigError: the run looks at pictures in a way that needs the whole of one.
    """
    modality, task = predictor.recipe.modality, predictor.recipe.task
    whole = Predictor(
        replace(predictor.recipe, task=replace(task, window=(), stride=(), masks=False)),
        predictor.model,
        predictor.device,
    )
    each: list[Things] = []
    with open_raster(source) as raster:
        window, stride = _windows(predictor)
        tiles = tiles_of(raster.size, window, stride)
        places = tiles.long().tolist()
        for top in dict.fromkeys(place[1] for place in places):
            row = [place for place in places if place[1] == top]
            band = raster.read(top, row[0][3])
            for first in range(0, len(row), TOGETHER):
                parts = [band[:, left:right] for left, _, right, _ in row[first : first + TOGETHER]]
                samples = [
                    modality.standard(modality.read(Record(id="window", source=np.ascontiguousarray(part))))
                    for part in parts
                ]
                each += [Things(found.boxes, found.labels, found.scores) for found in whole.predict(samples)]  # type: ignore[union-attr]
                if progress is not None:
                    progress(len(each), len(places))
        found = gathered(each, tiles, raster.size)
        answer = Detections(
            id=source.stem, boxes=found.boxes, labels=found.labels, scores=found.scores, classes=task.classes,
            size=raster.size, sure=task.sure,
        )  # fmt: skip
        reduced = raster.reduced(PREVIEW)
    factor = reduced.shape[1] / answer.size[1]
    shown = replace(answer, boxes=answer.boxes * factor)
    Picture.fromarray(drawing.draw(reduced, shown)).save(preview)
    return {"source": str(source), **answer.to_json()}


def _windows(predictor: Predictor) -> tuple[Window, Window]:
    """Their size and distance in pixels of the raster."""
    task, modality = predictor.recipe.task, predictor.recipe.modality
    if getattr(modality, "shorter", None) is not None:
        raise ConfigError(
            "modality.shorter: a raster is read in parts, which have no shorter side to go by: say how far to reduce "
            "it, --set modality.shorter=null --set modality.scale=0.5"
        )
    scale = getattr(modality, "scale", 1.0)
    in_grid: Window = task.window or getattr(modality, "size", None) or (WINDOW, WINDOW)
    window = tuple(ceil(side / scale) for side in in_grid)
    stride = tuple(max(1, int(side / scale)) for side in task.stride) or stride_for(window, task.largest)
    return window, stride
