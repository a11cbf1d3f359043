"""Grids of rectangles, and a detector that finds them without having learnt anything."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from swinkit.datasets import DigitScenes
from swinkit.engine import Training
from swinkit.heads.boxes import Cells, Found
from swinkit.modalities import Image
from swinkit.ops.tiles import Things
from swinkit.recipes import ModelChoice, Predictor, Recipe
from swinkit.tasks import Detect


def look(grid: torch.Tensor, valid: torch.Tensor | None = None) -> list[Things]:
    """Finds every rectangle of ones but specks; channels are classes. The larger, the surer."""
    found = []
    for index, sample in enumerate(grid):
        sample = sample if valid is None else sample * valid[index]
        rows = [
            ([place[1].start, place[0].start, place[1].stop, place[0].stop], label)
            for label, channel in enumerate(sample.numpy())
            for place in ndimage.find_objects(ndimage.label(channel)[0])
            if (place[0].stop - place[0].start) * (place[1].stop - place[1].start) > 6
        ]
        boxes = torch.tensor([box for box, _ in rows], dtype=torch.float32).reshape(-1, 4)
        sides = boxes[:, 2:] - boxes[:, :2]
        scores = 0.3 + 0.6 * sides.prod(1) / 10_000
        found.append(Things(boxes, torch.tensor([label for _, label in rows], dtype=torch.int64), scores))
    return found


def scene(seed: int, size: tuple[int, int], count: int, sides: tuple[int, int]) -> torch.Tensor:
    """[2 h w] rectangles that touch no other of their class."""
    rng = np.random.default_rng(seed)
    grid = np.zeros((2, *size), np.float32)
    for _ in range(count):
        high, wide = rng.integers(sides[0], sides[1] + 1, 2)
        top, left, label = rng.integers(size[0] - high + 1), rng.integers(size[1] - wide + 1), rng.integers(2)
        if not grid[label, max(0, top - 2) : top + high + 2, max(0, left - 2) : left + wide + 2].any():
            grid[label, top : top + high, left : left + wide] = 1
    return torch.from_numpy(grid)


def rows(found: Things) -> list[tuple[float, ...]]:
    return sorted((*box, label) for box, label in zip(found.boxes.tolist(), found.labels.tolist(), strict=True))


class Finder(torch.nn.Module):
    """A model whose cells say the rectangles of a picture: red ones are class 0, blue ones class 1."""

    def forward(self, grid: torch.Tensor, valid: torch.Tensor | None = None) -> dict[str, object]:
        each = look((grid[:, [0, 2]] > 0.5).float(), valid)
        most = max(1, *(len(found.scores) for found in each))
        boxes, logits = torch.zeros(len(grid), most, 4), torch.full((len(grid), most, 2), -20.0)
        for index, (places, labels, scores) in enumerate(each):
            boxes[index, : len(places)] = places
            logits[index, torch.arange(len(places)), labels] = scores.logit()
        cells = Cells(torch.zeros(len(grid), most, 2), torch.ones(len(grid), most, 2), None)
        return {"cells": cells, "one": Found(logits, boxes)}


def picture(seed: int, size: tuple[int, int], count: int, sides: tuple[int, int]) -> np.ndarray:
    """[h w 3] uint8 with such rectangles; those of one colour cover none of the other."""
    red, blue = scene(seed, size, count, sides).numpy()
    found = np.zeros((*size, 3), np.uint8)
    found[red > 0, 0], found[blue > 0, 2] = 255, 255
    return found


def finder(**settings: object) -> Predictor:
    """What predicts with it, without a run."""
    values: dict[str, object] = {"classes": ("red", "blue"), **settings}
    recipe = Recipe(
        task=Detect(**values), data=DigitScenes(), model=ModelChoice(name="swin_nano"), modality=Image(),
        training=Training(steps=1),
    )  # fmt: skip
    return Predictor(recipe, Finder().eval(), torch.device("cpu"))
