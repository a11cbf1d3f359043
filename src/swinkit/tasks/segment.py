"""A class for every cell of the grid: pictures, volumes and signals alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from swinkit.files import ConfigError, DataError, did_you_mean
from swinkit.heads import FPN, HEADS, UNet, UPerNet
from swinkit.metrics import DiceScore, MeanIou
from swinkit.ops.losses import Terms, cross_entropy, dice, in_parts
from swinkit.ops.resize import best_classes, extent, fit, stretch
from swinkit.ops.sliding import average_views, check_views, slabs, slide
from swinkit.types import Batch, LabelMap, Levels, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Semantic segmentation of a grid of any rank."""

    classes: tuple[str, ...]
    """Names, in the order of the ids in the masks."""
    ignore: int = 255
    """The id of cells that have no label."""
    also_ignore: tuple[int, ...] = ()
    """Further ids that are treated like `ignore`."""
    decoder: Literal["fpn", "upernet", "unet"] = "fpn"
    """The head: light and fast, as published with Swin, or that of Swin UNETR for volumes."""
    channels: int | None = None
    """Width of the decoder; None is its own: 96 for fpn, 512 for upernet, the finest level's for unet."""
    inputs: int = 1
    """unet: channels of the grid."""
    detail: int = 1
    """fpn: cells labelled per finest token and axis; 2 sharpens edges at almost no cost."""
    dice: float = 0.0
    """Weight of the Dice loss beside the cross-entropy."""
    auxiliary: float | None = None
    """Weight of a cross-entropy on an inner level while training; None is the decoder's own: fpn 0, upernet 0.4."""
    class_weights: tuple[float, ...] | None = None
    """Factor of every class in the cross-entropy (see `ops.losses.median_frequency`)."""
    smoothing: float = 0.0
    """Label smoothing of the cross-entropy."""
    prior: tuple[float, ...] | None = None
    """Share of every class in the training data: the classifier's bias starts at the best constant answer."""
    window: Window = ()
    """Prediction looks at windows of this size and blends them; () looks at the whole grid at once."""
    stride: Window = ()
    """Distance of the windows; () is two thirds of their size."""
    scales: tuple[float, ...] = (1.0,)
    """Prediction averages the probabilities found at these sizes of the grid."""
    flip: bool = False
    """Prediction averages over the grid and its mirror image along the last axis."""
    scores: bool = False
    """Predictions carry the probability of the chosen class."""
    measure: Literal["iou", "dice"] = "iou"
    """What is reported: intersection over union of the whole split, or Dice and surface distance case by case, the
    first class being the background."""

    answering: ClassVar[tuple[str, ...]] = ("window", "stride", "scales", "flip", "scores")

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ConfigError(f"classes: {self.classes} is not a list of two or more different names")
        for value in (self.ignore, *self.also_ignore):
            if 0 <= value < len(self.classes):
                raise ConfigError(f"ignore: {value} is the id of class {self.classes[value]!r}; choose another id")
        self._check_numbers()
        if self.decoder not in HEADS:
            raise ConfigError(f"decoder: no {self.decoder!r}: {did_you_mean(self.decoder, HEADS)}")
        if self.detail < 1 or (self.detail > 1 and self.decoder != "fpn"):
            raise ConfigError(f"detail: {self.detail} does not go with {self.decoder}; fpn takes 1 or more, others 1")

    def _check_numbers(self) -> None:
        for name, low in (("class_weights", 0.0), ("prior", 1e-12)):
            values: tuple[float, ...] | None = getattr(self, name)
            if values is not None and (len(values) != len(self.classes) or min(values) < low):
                raise ConfigError(
                    f"{name}: {values} is not one positive number for each of {len(self.classes)} classes"
                )
        for name in ("dice", "auxiliary", "smoothing"):
            if not 0 <= (getattr(self, name) or 0) < (1 if name == "smoothing" else float("inf")):
                raise ConfigError(f"{name}: {getattr(self, name)} is out of range; 0 turns it off")
        check_views(self.window, self.stride, self.scales)

    def head(self, levels: Levels) -> nn.Module:
        """The decoder, with this task's classes."""
        classes, prior = len(self.classes), self._start()
        if self.decoder == "upernet":
            auxiliary = 256 if self._auxiliary else 0
            return UPerNet(levels, classes, channels=self.channels or 512, auxiliary=auxiliary, prior=prior)
        if self.decoder == "unet":
            return UNet(levels, classes, channels=self.channels, inputs=self.inputs, prior=prior)
        channels = self.channels or 96
        auxiliary = channels if self._auxiliary else 0
        return FPN(levels, classes, channels=channels, detail=self.detail, auxiliary=auxiliary, prior=prior)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy over all labelled cells and, where asked for, Dice and an auxiliary cross-entropy."""
        output = model(batch.grid, batch.valid)
        names = ["cross_entropy", "dice"] if self.dice else ["cross_entropy"]
        found = dict(zip(names, self._compare(output["logits"], batch, names), strict=True))
        if self._auxiliary and "auxiliary" in output:
            (found["auxiliary"],) = self._compare(output["auxiliary"], batch, ["cross_entropy"])
        factors = {"dice": self.dice, "auxiliary": self._auxiliary}
        return {name: (factors.get(name, 1.0) * total, weight) for name, (total, weight) in found.items()}

    def predict(self, model: nn.Module, batch: Batch) -> list[LabelMap]:
        """A label map for every sample, at its original size; the caller has put the model in evaluation mode."""
        space, boxes = _space(batch), _boxes(batch)
        sizes = batch.sizes or [tuple(part.stop - part.start for part in box) for box in boxes]
        small = len(space) == 3 and len(self.classes) <= 256
        rows = self._evaluate(model, batch.grid, batch.valid)
        found = best_classes(rows, space, boxes, sizes, dtype=torch.uint8 if small else torch.int64, scores=self.scores)
        return [
            LabelMap(id=id, labels=labels, classes=self.classes, scores=scores)
            for id, (labels, scores) in zip(batch.ids or map(str, range(len(found))), found, strict=True)
        ]

    def metrics(self) -> MeanIou | DiceScore:
        """Mean IoU, pixel accuracy and IoU per class; or Dice and surface distance."""
        return (DiceScore if self.measure == "dice" else MeanIou)(self.classes, (self.ignore, *self.also_ignore))

    @classmethod
    def example(cls, rank: int) -> tuple[Segment, Batch]:
        """The smallest task of that rank and a batch to learn by heart; tests ask every task in the table for one."""
        side = {1: 32, 2: 16, 3: 8}[rank]
        space = (side,) * rank
        target = torch.zeros(2, *space, dtype=torch.int64)
        target[(0, *(slice(side // 2, None),) * rank)] = 1
        target[(1, ..., slice(0, side // 2))] = 2
        target[(1, *(slice(0, 2),) * rank)] = 255
        valid = torch.ones(2, *space, dtype=torch.bool)
        valid[0, ..., -2:] = False  # the first sample is smaller than the second
        grid = torch.randn(2, 3, *space, generator=torch.Generator().manual_seed(0)) * valid[:, None]
        sizes = ((*space[:-1], side - 2), space)
        return cls(classes=("rest", "corner", "half")), Batch(
            grid=grid, valid=valid, target=target, ids=("small", "large"), sizes=sizes
        )

    @property
    def _auxiliary(self) -> float:
        return (0.4 if self.decoder == "upernet" else 0.0) if self.auxiliary is None else self.auxiliary

    def _start(self) -> tuple[float, ...] | None:
        """The best constant answer: the prior, as the class weights see it."""
        if self.prior is None or self.class_weights is None:
            return self.prior
        seen = [share * weight for share, weight in zip(self.prior, self.class_weights, strict=True)]
        return tuple(max(value / sum(seen), 1e-4) for value in seen) if sum(seen) else self.prior

    def _compare(self, logits: Tensor, batch: Batch, names: Sequence[str]) -> list[tuple[Tensor, Tensor]]:
        """(sum, weight) of each loss, the logits resized to the targets."""
        space, targets = _space(batch), self._targets(batch)
        boxes = [] if isinstance(targets, Tensor) else _boxes(batch)

        def loss(x: Tensor, part: slice) -> Terms:
            if isinstance(targets, Tensor):
                return self._terms(stretch(x, space), targets[part], names)
            terms = []
            for row, index in enumerate(range(*part.indices(len(targets)))):
                target = targets[index]
                fitted = fit(x[row : row + 1], space, boxes[index], tuple(target.shape))
                terms.append(self._terms(fitted, target[None], names))
            sums, weights = zip(*terms, strict=True)
            return torch.stack(sums).sum(0), torch.stack(weights).sum(0)

        cells = max(target.numel() for target in targets)
        return list(zip(*in_parts(loss, logits, cells), strict=True))

    def _terms(self, logits: Tensor, target: Tensor, names: Sequence[str]) -> Terms:
        weights = None if self.class_weights is None else logits.new_tensor(self.class_weights)
        found = [
            dice(logits, target, ignore=self.ignore)
            if name == "dice"
            else cross_entropy(logits, target, ignore=self.ignore, weights=weights, smoothing=self.smoothing)
            for name in names
        ]
        return torch.stack([total for total, _ in found]), torch.stack([weight for _, weight in found])

    def _targets(self, batch: Batch) -> Tensor | list[Tensor]:
        """Targets with one ignored id: a tensor where all have the grid's size, else a map a sample at its own size."""
        target, space = batch.target, _space(batch)
        if target is None:
            raise ValueError("the batch has no target: only labelled samples have a loss")
        if not isinstance(target, Tensor) or tuple(target.shape[1:]) != space:
            maps = [self._one_ignored(labels, batch, index) for index, labels in enumerate(target)]
            return [
                m[tuple(slice(n) for n in size)] for m, size in zip(maps, batch.sizes or [()] * len(maps), strict=True)
            ]
        target = self._one_ignored(target, batch)
        return target if batch.valid is None else target.where(batch.valid, self.ignore)

    def _one_ignored(self, labels: Tensor, batch: Batch, index: int | None = None) -> Tensor:
        labels = labels.long()
        for value in self.also_ignore:
            labels = labels.where(labels != value, self.ignore)
        if labels.device.type == "cpu":  # elsewhere it would wait for the device, which says so itself
            wrong = (labels != self.ignore) & ((labels < 0) | (labels >= len(self.classes)))
            if wrong.any():
                names = ", ".join(batch.ids if index is None else batch.ids[index : index + 1]) or "batch"
                raise DataError(
                    names,
                    f"id {int(labels[wrong][0])} is no class (0 to {len(self.classes) - 1}) and not ignored "
                    f"({self.ignore}): name it in classes or in also_ignore",
                    field="target",
                )
        return labels

    def _evaluate(self, model: nn.Module, grid: Tensor, valid: Tensor | None) -> Iterable[tuple[slice, Tensor]]:
        """Rows of the grid and their logits [b classes *cells], from windows, scales and mirror images as configured;
        all rows at once, where it is not windows alone."""

        def whole(grid: Tensor, valid: Tensor | None) -> Tensor:
            return model(grid, valid)["logits"].float()

        def full(grid: Tensor, valid: Tensor | None) -> Tensor:
            return stretch(whole(grid, valid), tuple(grid.shape[2:]))

        look, plain = whole, self.scales == (1.0,) and not self.flip
        if self.window:
            stride = self.stride or tuple(max(1, 2 * size // 3) for size in self.window)
            if plain:
                return slabs(full, grid, valid, window=self.window, stride=stride)
            look = partial(slide, full, window=self.window, stride=stride)
        if plain:
            return [(slice(0, grid.shape[2]), look(grid, valid))]
        views = average_views(look, grid, valid, scales=self.scales, flip=self.flip)
        return [(slice(0, grid.shape[2]), views.clamp_min(1e-30).log())]


def _space(batch: Batch) -> Window:
    return tuple(batch.grid.shape[2:])


def _boxes(batch: Batch) -> list[tuple[slice, ...]]:
    """What each sample fills of the batch's grid."""
    if batch.valid is None:
        return [tuple(slice(0, n) for n in _space(batch))] * len(batch.grid)
    return [extent(valid) for valid in batch.valid]
