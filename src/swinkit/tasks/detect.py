"""The things in a picture: their boxes and classes, each said once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinkit.files import ConfigError
from swinkit.heads import DenseBoxes
from swinkit.heads.boxes import Cells, Found
from swinkit.metrics import AveragePrecision
from swinkit.ops.assignment import aligned, near
from swinkit.ops.boxes import area, ciou, clipped
from swinkit.ops.fusion import find_in_views
from swinkit.ops.resize import extent
from swinkit.ops.sliding import check_views
from swinkit.ops.tiles import Things, find_in_tiles, stride_for
from swinkit.types import Batch, Detections, Levels, Objects, Window

Terms = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detect:
    """Object detection in pictures: a dense head without anchors and without suppression of doubles."""

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
        for name in ("channels", "levels", "top", "most"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: {getattr(self, name)} is too few, wanted at least 1")
        for name, most in (("depth", None), ("power", None), ("box", None), ("threshold", 1), ("sure", 1)):
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
        """The detector, with this task's classes."""
        return DenseBoxes(levels, len(self.classes), channels=self.channels, depth=self.depth, count=self.levels)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """For both branches: binary cross-entropy of the scores with how well each cell should do, less what is left
        of it at best, and 1 - CIoU of the boxes.
        """
        if batch.target is None:
            raise ValueError("the batch has no target: only labelled samples have a loss")
        output = model(batch.grid, batch.valid)
        things = [_on_grid(batch, index) for index in range(len(batch.grid))]
        found: dict[str, Terms] = {}
        for branch, top in (("many", self.top), ("one", 1)):
            pairs = self._compare(output[branch], output["cells"], things, top) if branch in output else _nothing(batch)
            found |= {f"{branch}_{name}": pair for name, pair in zip(("class", "box"), pairs, strict=True)}
        return found

    def predict(self, model: nn.Module, batch: Batch) -> list[Detections]:
        """What is found in every sample, best first, in pixels of its original picture; the caller has put the model in
        evaluation mode.
        """
        if self.window or self.flip or self.scales != (1.0,):
            return self._views(model, batch)
        output = model(batch.grid, batch.valid)
        cells: Cells = output["cells"]
        scores, boxes = output["one"].logits.sigmoid(), output["one"].boxes
        if cells.valid is not None:
            scores = scores * cells.valid[..., None]
        return [self._answer(scores[index], boxes[index], batch, index) for index in range(len(scores))]

    def metrics(self) -> AveragePrecision:
        """COCO's average precision."""
        return AveragePrecision(self.classes, sure=self.sure)

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

    def _compare(self, found: Found, cells: Cells, things: list[Objects], top: int) -> tuple[Terms, Terms]:
        """(sum, weight) of the losses of classes and boxes, one sample after the other."""
        pairs = [
            self._sample(found.logits[index], found.boxes[index], cells, index, truth, top)
            for index, truth in enumerate(things)
        ]
        sums, weights = (torch.stack([torch.stack(pair[part]) for pair in pairs]).sum(0) for part in (0, 1))
        return (sums[0], weights[0]), (self.box * sums[1], weights[1])

    def _sample(
        self, logits: Tensor, boxes: Tensor, cells: Cells, index: int, truth: Objects, top: int
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        real, crowd = truth.chosen(~truth.crowd), truth.chosen(truth.crowd)
        counted = torch.ones_like(boxes[:, 0], dtype=torch.bool) if cells.valid is None else cells.valid[index]
        with torch.no_grad():
            allowed = near(cells.centres[index], real.boxes, float(cells.strides.min())) & counted
            thing, quality = aligned(logits, boxes, allowed, real.boxes, real.labels, top=top, power=self.power)
            counted = counted & ((thing >= 0) | ~near(cells.centres[index], crowd.boxes, 0.0).any(0))
            learnt = (thing >= 0).nonzero()[:, 0]
            wanted = torch.zeros_like(logits)
            wanted[learnt, real.labels[thing[learnt]]] = quality[learnt]
            rest = torch.special.entr(wanted) + torch.special.entr(1 - wanted)
        scored = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none") - rest
        apart = 1 - ciou(boxes[learnt], real.boxes[thing[learnt]])
        share = quality.sum()
        sums = (scored.sum(1) * counted).sum(), (apart * quality[learnt]).sum()
        return sums, (share.clamp_min(1), share)

    def _views(self, model: nn.Module, batch: Batch) -> list[Detections]:
        """The same from windows, scales and mirror images, each looked at plainly."""
        plain = replace(self, window=(), stride=(), scales=(1.0,), flip=False)

        def look(grid: Tensor, valid: Tensor | None) -> list[Things]:
            found = plain.predict(model, Batch(grid=grid, valid=valid))
            return [Things(each.boxes, each.labels, each.scores) for each in found]

        if self.window:
            wide, high, *_ = torch.stack([_factors(batch, index) for index in range(len(batch.grid))]).amax(0).tolist()
            factors = (max(self.scales) * high, max(self.scales) * wide)
            stride = self.stride or stride_for(self.window, self.largest, factors)
            look = partial(find_in_tiles, look, window=self.window, stride=stride)
        each = find_in_views(look, batch.grid, batch.valid, scales=self.scales, flip=self.flip)
        return [self._told(found, batch, index) for index, found in enumerate(each)]

    def _answer(self, scores: Tensor, boxes: Tensor, batch: Batch, index: int) -> Detections:
        best, places = scores.flatten().topk(min(self.most, scores.numel()))
        return self._told(Things(boxes[places // len(self.classes)], places % len(self.classes), best), batch, index)

    def _told(self, found: Things, batch: Batch, index: int) -> Detections:
        """What is found in the grid, in pixels of the original picture."""
        height, width = batch.sizes[index] if batch.sizes else batch.grid.shape[2:]
        boxes = clipped(found.boxes / _factors(batch, index).to(found.boxes), (height, width))
        kept = (found.scores >= self.threshold) & (area(boxes) > 0)
        return Detections(
            id=batch.ids[index] if batch.ids else str(index),
            boxes=boxes[kept].cpu(),
            labels=found.labels[kept].cpu(),
            scores=found.scores[kept].cpu(),
            classes=self.classes,
            size=(int(height), int(width)),
            sure=self.sure,
        )


def _on_grid(batch: Batch, index: int) -> Objects:
    """The things of a sample in pixels of the grid."""
    things: Objects = batch.target[index]
    return replace(things, boxes=things.boxes * _factors(batch, index).to(things.boxes))


def _factors(batch: Batch, index: int) -> Tensor:
    """[4] pixels of the grid for one of the original picture, along x, y, x, y; 1 in a training view."""
    space = batch.grid.shape[2:]
    if batch.valid is not None:
        space = [part.stop for part in extent(batch.valid[index])]
    high, wide = (here / there for here, there in zip(space, batch.sizes[index] if batch.sizes else space, strict=True))
    return torch.tensor([wide, high, wide, high], device=batch.grid.device)


def _nothing(batch: Batch) -> tuple[Terms, Terms]:
    zero = batch.grid.new_zeros(())
    return (zero, zero), (zero, zero)
