"""The things in a picture: their boxes and classes, each said once, and their masks where the data has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinkit.files import ConfigError, DataError
from swinkit.heads import DenseBoxes
from swinkit.heads.boxes import View, views
from swinkit.metrics import AveragePrecision
from swinkit.ops.assignment import aligned, leading, near
from swinkit.ops.boxes import area, ciou, clipped
from swinkit.ops.instance_masks import apart, painted, reduced
from swinkit.ops.resize import extent
from swinkit.types import Batch, Detections, Levels, Objects, Window

Terms = tuple[Tensor, Tensor]
BRANCHES: tuple[Literal["many", "one"], ...] = ("many", "one")
GROUP = 16
"""Things whose masks are made at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detect:
    """Object detection in pictures: a dense head without anchors and without suppression of doubles; with `masks`,
    instance segmentation."""

    classes: tuple[str, ...]
    """Names, in the order of the labels of the things."""
    channels: int = 96
    """Width of the head."""
    depth: int = 2
    """Convolutions in each of its towers."""
    levels: int = 3
    """Stages of the backbone that things are found on, from the coarsest; one more finds smaller things at four times
    the cells."""
    top: int = 10
    """Cells that learn each thing while training; the prediction's own branch learns from one."""
    power: float = 6.0
    """How much more the overlap counts than the score in choosing them."""
    box: float = 2.0
    """Weight of the loss of the boxes beside that of the classes."""
    masks: bool = False
    """Things have masks too, as pixels of their own boxes; targets must hold them."""
    detail: int = 2
    """Cells of a mask for each token of the finest of those stages and axis."""
    shape: float = 2.0
    """Weight of the loss of the masks beside that of the classes."""
    cells: int = 100
    """Cells of one picture that learn masks, at most: the best of every thing first. The rest saves memory."""
    threshold: float = 0.01
    """Predictions leave out what scores less; average precision also looks at what is unlikely."""
    sure: float = 0.25
    """Drawings leave out what scores less."""
    most: int = 100
    """Things predicted in one picture, at most."""

    answers: ClassVar[type] = Detections
    ranks: ClassVar[tuple[int, ...]] = (2,)

    def __post_init__(self) -> None:
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise ConfigError(f"classes: {self.classes} is not a list of one or more different names")
        for name in ("channels", "levels", "top", "most", "detail", "cells"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)} is too few, wanted at least 1")
        free = dict.fromkeys(("depth", "power", "box", "shape"))
        for name, most in {**free, "threshold": 1, "sure": 1}.items():
            value: float = getattr(self, name)
            if value < 0 or (most is not None and value > most):
                raise ConfigError(
                    f"{name}: {value} is out of range, wanted 0 or more{f', at most {most}' if most else ''}"
                )

    @property
    def outputs(self) -> tuple[int, ...]:
        """The stages whose features the head sees."""
        return tuple(range(-self.levels, 0))

    def head(self, levels: Levels) -> nn.Module:
        """The detector, with this task's classes.

        Raises:
            ConfigError: masks of that detail would be finer than the grid.
        """
        detail = self.detail if self.masks else 0
        finest = levels.strides[-self.levels :][0]
        if detail and any(stride % detail for stride in finest):
            raise ConfigError(f"detail: {detail} does not divide the finest stride {finest}: 1 always does")
        settings = {"channels": self.channels, "depth": self.depth, "count": self.levels, "detail": detail}
        return DenseBoxes(levels, len(self.classes), **settings)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """For both branches: binary cross-entropy of the scores with how well each cell should do, less what is left
        of it at best, 1 - CIoU of the boxes, and how far masks are apart (`ops.instance_masks.apart`).

        Raises:
            DataError: a sample lacks masks, and they are to be learnt.
        """
        if batch.target is None:
            raise ValueError("the batch has no target: only labelled samples have a loss")
        output = model(batch.grid, batch.valid)
        names = ("class", "box", *(("mask",) if self.masks else ()))
        found: dict[str, Terms] = {}
        for branch in BRANCHES:
            pairs = self._compare(views(output, branch), batch, branch) if branch in output else _nothing(batch, names)
            found |= {f"{branch}_{name}": pair for name, pair in zip(names, pairs, strict=True)}
        return found

    def predict(self, model: nn.Module, batch: Batch) -> list[Detections]:
        """What is found in every sample, best first, in pixels of its original picture; the caller has put the model in
        evaluation mode.
        """
        output = model(batch.grid, batch.valid)
        return [self._answer(view, batch, index) for index, view in enumerate(views(output, "one"))]

    def metrics(self) -> AveragePrecision:
        """COCO's average precision, of masks beside boxes where there are some."""
        return AveragePrecision(self.classes, sure=self.sure, masks=self.masks)

    @classmethod
    def example(cls, rank: int) -> tuple[Detect, Batch]:
        """The smallest task and a batch to learn by heart; tests ask every task in the table for one."""
        if rank not in cls.ranks:
            raise ValueError(f"there are no boxes in grids of {rank} axes, only in pictures, which have 2")
        valid = torch.ones(2, 16, 16, dtype=torch.bool)
        valid[0, ..., -2:] = False  # the first sample is smaller than the second
        grid = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * valid[:, None]
        rows = [([[1, 1, 7, 7]], [0], [False]), ([[0, 8, 8, 16], [8, 2, 14, 8], [9, 10, 15, 16]], [1, 0, 0], [0, 0, 1])]
        target = [
            Objects(boxes=torch.tensor(boxes).float(), labels=torch.tensor(labels), crowd=torch.tensor(crowd).bool())
            for boxes, labels, crowd in rows
        ]
        return cls(classes=("thing", "other"), channels=32, depth=1, levels=2, top=1, box=1.0), Batch(
            grid=grid, valid=valid, target=target, ids=("small", "large"), sizes=((16, 14), (16, 16))
        )

    def _compare(self, seen: list[View], batch: Batch, branch: str) -> list[Terms]:
        """(sum, weight) of the losses of classes, boxes and masks, one sample after the other."""
        top = self.top if branch == "many" else 1
        rows = [self._sample(view, batch, index, top) for index, view in enumerate(seen)]
        sums, weights = (torch.stack([torch.stack(row[part]) for row in rows]).sum(0) for part in (0, 1))
        factors = sums.new_tensor([1.0, self.box, self.shape][: len(sums)])
        return list(zip(factors * sums, weights, strict=True))

    def _sample(self, view: View, batch: Batch, index: int, top: int) -> tuple[list[Tensor], list[Tensor]]:
        """Sums and weights."""
        truth, counted = _on_grid(batch, index), view.valid
        real, crowd = truth.chosen(~truth.crowd), truth.chosen(truth.crowd)
        with torch.no_grad():
            allowed = near(view.centres, real.boxes, float(view.strides.min())) & counted
            found = aligned(view.logits, view.boxes, allowed, real.boxes, real.labels, top=top, power=self.power)
            thing, quality = found
            counted = counted & ((thing >= 0) | ~near(view.centres, crowd.boxes, 0.0).any(0))
            learnt = (thing >= 0).nonzero()[:, 0]
            wanted = torch.zeros_like(view.logits)
            wanted[learnt, real.labels[thing[learnt]]] = quality[learnt]
            rest = torch.special.entr(wanted) + torch.special.entr(1 - wanted)
        scored = F.binary_cross_entropy_with_logits(view.logits, wanted, reduction="none") - rest
        away = 1 - ciou(view.boxes[learnt], real.boxes[thing[learnt]])
        share = quality.sum()
        sums, weights = [(scored.sum(1) * counted).sum(), (away * quality[learnt]).sum()], [share.clamp_min(1), share]
        if self.masks:
            which, size = leading(thing, quality, self.cells), _extent(batch, index)
            drawn, stride = view.masks(which, size, self.detail)
            true = reduced(_known(real, batch, index), size, stride)[thing[which]]
            sums.append((apart(drawn, true) * quality[which]).sum())
            weights.append(quality[which].sum())
        return sums, weights

    def _answer(self, view: View, batch: Batch, index: int) -> Detections:
        size = tuple(map(int, batch.sizes[index] if batch.sizes else batch.grid.shape[2:]))
        scores = view.logits.sigmoid() * view.valid[:, None]
        best, places = scores.flatten().topk(min(self.most, scores.numel()))
        which, labels = places // len(self.classes), places % len(self.classes)
        boxes = clipped(view.boxes[which] / _factors(batch, index), size)
        kept = (best >= self.threshold) & (area(boxes) > 0)
        return Detections(
            id=batch.ids[index] if batch.ids else str(index),
            boxes=boxes[kept].cpu(),
            labels=labels[kept].cpu(),
            scores=best[kept].cpu(),
            classes=self.classes,
            size=size,
            masks=self._painted(view, which[kept], boxes[kept], batch, index) if self.masks else None,
            sure=self.sure,
        )

    def _painted(self, view: View, which: Tensor, boxes: Tensor, batch: Batch, index: int) -> Tensor:
        """[n height width] bool on the CPU: the masks that some cells say, a few made at once, in original pixels."""
        filled = _extent(batch, index)
        size = batch.sizes[index] if batch.sizes else filled
        masks = torch.empty(len(which), *size, dtype=torch.bool)
        for few, edges, place in zip(*(each.split(GROUP) for each in (which, boxes, masks)), strict=True):
            drawn, stride = view.masks(few, filled, self.detail)
            scale = [here / there / step for here, there, step in zip(filled, size, stride, strict=True)]
            place.copy_(painted(drawn, edges, size, (scale[0], scale[1])))
        return masks


def _on_grid(batch: Batch, index: int) -> Objects:
    """The things of a sample, their boxes in pixels of the grid."""
    things: Objects = batch.target[index]
    return replace(things, boxes=things.boxes * _factors(batch, index).to(things.boxes))


def _extent(batch: Batch, index: int) -> Window:
    """How much of the grid a sample fills."""
    if batch.valid is None:
        return tuple(batch.grid.shape[2:])
    return tuple(part.stop for part in extent(batch.valid[index]))


def _factors(batch: Batch, index: int) -> Tensor:
    """[4] pixels of the grid for one of the original picture, along x, y, x, y; 1 in a training view."""
    space = _extent(batch, index)
    high, wide = (here / there for here, there in zip(space, batch.sizes[index] if batch.sizes else space, strict=True))
    return torch.tensor([wide, high, wide, high], device=batch.grid.device)


def _known(things: Objects, batch: Batch, index: int) -> Tensor:
    """Their masks."""
    if things.masks is None:
        name = batch.ids[index] if batch.ids else str(index)
        text = "the sample has no masks, and they are to be learnt: say data.masks=true, or task.masks=false"
        raise DataError(name, text, field="masks")
    return things.masks


def _nothing(batch: Batch, names: Sequence[str]) -> list[Terms]:
    zero = batch.grid.new_zeros(())
    return [(zero, zero) for _ in names]
