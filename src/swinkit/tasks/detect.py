"""The things in a picture: their boxes and classes, each said once, and their masks where the data has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinkit.files import ConfigError
from swinkit.heads import DenseBoxes
from swinkit.heads.boxes import View, views
from swinkit.heads.placing import factors, filled, known_masks, masks_of, on_grid
from swinkit.metrics import AveragePrecision
from swinkit.ops.assignment import aligned, leading, near
from swinkit.ops.boxes import area, ciou, clipped
from swinkit.ops.fusion import find_in_views
from swinkit.ops.instance_masks import apart, reduced
from swinkit.ops.sliding import check_views
from swinkit.ops.tiles import Things, find_in_tiles, stride_for
from swinkit.types import Batch, Detections, Levels, Objects, Window

Terms = tuple[Tensor, Tensor]
BRANCHES: tuple[Literal["many", "one"], ...] = ("many", "one")


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
    """Things predicted in one picture, or in one window of it, at most."""
    window: Window = ()
    """Prediction looks at windows of this size and joins what it finds in them; () looks at the whole grid at once."""
    stride: Window = ()
    """Distance of the windows; () has them overlap by `largest`, at least by a third and at most by half."""
    largest: Window = ()
    """[height width] of the largest thing in the training data, in pixels of its picture."""
    scales: tuple[float, ...] = (1.0,)
    """Prediction fuses what is found at these sizes of the grid."""
    flip: bool = False
    """Prediction fuses what is found in the grid and in its mirror image."""

    answers: ClassVar[type] = Detections
    ranks: ClassVar[tuple[int, ...]] = (2,)
    answering: ClassVar[tuple[str, ...]] = ("threshold", "sure", "most", "window", "stride", "scales", "flip")

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
        check_views(self.window, self.stride, self.scales)
        for name in ("window", "largest"):
            if len(getattr(self, name)) not in (0, 2):
                raise ConfigError(f"{name}: {getattr(self, name)}: give [height, width]")

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
        if self._looks_often:
            return self._views(model, batch)
        output = model(batch.grid, batch.valid)
        return [self._answer(view, batch, index) for index, view in enumerate(views(output, "one"))]

    def metrics(self) -> AveragePrecision:
        """COCO's average precision, of masks beside boxes where there are some."""
        return AveragePrecision(self.classes, sure=self.sure, masks=self.masks and not self._looks_often)

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

    @property
    def _looks_often(self) -> bool:
        return bool(self.window) or self.flip or self.scales != (1.0,)

    def _compare(self, seen: list[View], batch: Batch, branch: str) -> list[Terms]:
        """(sum, weight) of the losses of classes, boxes and masks, one sample after the other."""
        top = self.top if branch == "many" else 1
        rows = [self._sample(view, batch, index, top) for index, view in enumerate(seen)]
        sums, weights = (torch.stack([torch.stack(row[part]) for row in rows]).sum(0) for part in (0, 1))
        shares = sums.new_tensor([1.0, self.box, self.shape][: len(sums)])
        return list(zip(shares * sums, weights, strict=True))

    def _sample(self, view: View, batch: Batch, index: int, top: int) -> tuple[list[Tensor], list[Tensor]]:
        """Sums and weights."""
        truth, counted = on_grid(batch, index), view.valid
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
            which, size = leading(thing, quality, self.cells), filled(batch, index)
            drawn, stride = view.masks(which, size, self.detail)
            true = reduced(known_masks(real, batch, index), size, stride)[thing[which]]
            sums.append((apart(drawn, true) * quality[which]).sum())
            weights.append(quality[which].sum())
        return sums, weights

    def _views(self, model: nn.Module, batch: Batch) -> list[Detections]:
        """The same from windows, scales and mirror images, each looked at plainly; boxes alone, since masks are not
        joined."""
        plain = replace(self, window=(), stride=(), scales=(1.0,), flip=False, masks=False)

        def look(grid: Tensor, valid: Tensor | None) -> list[Things]:
            found = plain.predict(model, Batch(grid=grid, valid=valid))
            return [Things(each.boxes, each.labels, each.scores) for each in found]

        if self.window:
            wide, high, *_ = torch.stack([factors(batch, index) for index in range(len(batch.grid))]).amax(0).tolist()
            reach = (max(self.scales) * high, max(self.scales) * wide)
            stride = self.stride or stride_for(self.window, self.largest, reach)
            look = partial(find_in_tiles, look, window=self.window, stride=stride)
        each = find_in_views(look, batch.grid, batch.valid, scales=self.scales, flip=self.flip)
        return [self._told(found, batch, index)[0] for index, found in enumerate(each)]

    def _answer(self, view: View, batch: Batch, index: int) -> Detections:
        scores = view.logits.sigmoid() * view.valid[:, None]
        best, places = scores.flatten().topk(min(self.most, scores.numel()))
        which, labels = places // len(self.classes), places % len(self.classes)
        answer, kept = self._told(Things(view.boxes[which], labels, best), batch, index)
        if not self.masks:
            return answer
        return replace(
            answer, masks=masks_of(view, which[kept], answer.boxes.to(which.device), batch, index, self.detail)
        )

    def _told(self, found: Things, batch: Batch, index: int) -> tuple[Detections, Tensor]:
        """What is found in the grid, in pixels of the original picture, and which of it is told."""
        size = tuple(map(int, batch.sizes[index] if batch.sizes else batch.grid.shape[2:]))
        boxes = clipped(found.boxes / factors(batch, index).to(found.boxes), size)
        kept = (found.scores >= self.threshold) & (area(boxes) > 0)
        told = Detections(
            id=batch.ids[index] if batch.ids else str(index),
            boxes=boxes[kept].cpu(),
            labels=found.labels[kept].cpu(),
            scores=found.scores[kept].cpu(),
            classes=self.classes,
            size=size,
            sure=self.sure,
        )
        return told, kept


def _nothing(batch: Batch, names: Sequence[str]) -> list[Terms]:
    zero = batch.grid.new_zeros(())
    return [(zero, zero) for _ in names]
