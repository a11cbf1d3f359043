"""One class for a whole grid: pictures, clips, volumes, sounds and sentences alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from swinkit.files import ConfigError, DataError
from swinkit.heads import PeakLinear, PooledLinear
from swinkit.metrics import Accuracy
from swinkit.ops.blend import cutmix, draw_shares, mixup
from swinkit.ops.views import unrolled
from swinkit.types import Batch, ClassScores, Levels

Pool = Literal["mean", "max"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Classify:
    """Classification of a grid of any rank."""

    classes: tuple[str, ...]
    """Names, in the order of the model's answers."""
    pool: Pool = "mean"
    """What the answer looks at: the `mean` over the coarsest map (Liu et al. 2021), or the largest value of every
    channel (Kim 2014), which suits texts, where a word may say it all."""
    smoothing: float = 0.0
    """Label smoothing: this share of every label is spread over all classes."""
    mixup: float = 0.0
    """Training: alpha of the Beta that two samples are mixed by; 0 mixes none. With `cutmix` too, a batch gets one of
    them at random."""
    cutmix: float = 0.0
    """Training: alpha of the Beta of the box that one sample lends another; 0: none."""
    mixed: float = 1.0
    """Training: probability that a batch is mixed at all."""
    consistency: float = 0.0
    """Training: every sample is seen twice, with other neurons and blocks dropped, and both answers shall be alike;
    this is the weight of their symmetric divergence (R-Drop, Liang et al. 2021, there 1 to 5). A step takes twice as
    long. 0: seen once."""
    class_weights: tuple[float, ...] | None = None
    """Factor of every class in the loss."""
    flip: bool = False
    """Prediction averages over the grid and its mirror image along the last axis."""

    outputs: ClassVar[tuple[int, ...]] = (-1,)
    averages: ClassVar[bool] = True
    answers: ClassVar[type] = ClassScores
    answering: ClassVar[tuple[str, ...]] = ("flip",)
    of_one_grid: ClassVar[tuple[str, ...]] = ("mixup", "cutmix", "flip")

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise ConfigError(f"classes: {self.classes} is not a list of two or more different names")
        if self.pool not in get_args(Pool):
            raise ConfigError(f"pool: {self.pool!r}: there are {', '.join(get_args(Pool))}")
        for name in ("smoothing", "mixup", "cutmix", "mixed", "consistency"):
            value: float = getattr(self, name)
            if value < 0 or (name == "smoothing" and value >= 1) or (name == "mixed" and value > 1):
                raise ConfigError(f"{name}: {value} is out of range; 0 turns it off")
        weights = self.class_weights
        if weights is not None and (len(weights) != len(self.classes) or min(weights) < 0):
            raise ConfigError(f"class_weights: {weights} is not one number for each of {len(self.classes)} classes")

    def head(self, levels: Levels) -> nn.Module:
        """A linear layer on the coarsest map, pooled."""
        make = PooledLinear if self.pool == "mean" else PeakLinear
        return make(levels.channels[-1], len(self.classes))

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """Cross-entropy with the labels, smoothed and mixed as configured, and in training with `consistency` both
        answers' mean and what divides them; the weight is that of the labelled samples."""
        if batch.target is None:
            raise ValueError("the batch has no target: only labelled samples have a loss")
        (grid, valid), wanted = batch.inputs, self._wanted(batch)
        if model.training and (self.mixup or self.cutmix) and len(grid) > 1:
            grid, wanted = self._mixed(grid, wanted)
            valid = None if valid is None else valid | valid.roll(1, 0)
        logs = model(grid, valid).float().log_softmax(1)
        total, weight = _cross_entropy(logs, wanted)
        if not (model.training and self.consistency):
            return {"cross_entropy": (total, weight)}
        again = model(grid, valid).float().log_softmax(1)
        shares = wanted.sum(1).repeat(len(logs) // len(wanted))
        apart = (((logs.exp() - again.exp()) * (logs - again)).sum(1) * shares).sum()
        total = (total + _cross_entropy(again, wanted)[0]) / 2
        return {"consistent_cross_entropy": (total + self.consistency / 4 * apart, weight)}

    def predict(self, model: nn.Module, batch: Batch) -> list[ClassScores]:
        """The probabilities of every sample; the caller has put the model in evaluation mode."""
        scores = self._scores(model, *batch.inputs, batch.views)
        if self.flip:
            valid = None if batch.valid is None else batch.valid.flip(-1)
            scores = (scores + self._scores(model, batch.grid.flip(-1), valid, batch.views)) / 2
        ids = batch.ids or tuple(map(str, range(len(scores))))
        rows = zip(ids, scores.cpu(), strict=True)
        return [ClassScores(id=name, scores=row, classes=self.classes) for name, row in rows]

    def metrics(self) -> Accuracy:
        """Accuracy, calibration error and confusion matrix."""
        return Accuracy(self.classes)

    @classmethod
    def example(cls, rank: int) -> tuple[Classify, Batch]:
        """The smallest task of that rank and a batch to learn by heart; tests ask every task in the table for one."""
        space = ({1: 32, 2: 16, 3: 8}[rank],) * rank
        valid = torch.ones(3, *space, dtype=torch.bool)
        valid[0, ..., -2:] = False  # the first sample is smaller than the others
        grid = torch.randn(3, 3, *space, generator=torch.Generator().manual_seed(0)) * valid[:, None]
        sizes = ((*space[:-1], space[-1] - 2), space, space)
        target = torch.tensor([0, 1, -1])
        ids = ("small", "large", "unlabelled")
        return cls(classes=("a", "b")), Batch(grid=grid, valid=valid, target=target, ids=ids, sizes=sizes)

    def _scores(self, model: nn.Module, grid: Any, valid: Any, views: int) -> Tensor:
        """[b classes] probabilities, of several views their mean."""
        if views > 1:
            grid, valid = unrolled(grid, valid, views)
        return model(grid, valid).float().softmax(1).unflatten(0, (views, -1)).mean(0)

    def _wanted(self, batch: Batch) -> Tensor:
        """[b classes] the labels as probabilities, times the weight of their class; zeros where there is none."""
        target, count = batch.target.long(), len(self.classes)
        index = target.clamp_min(0)
        if target.device.type == "cpu" and (wrong := target[(target < -1) | (target >= count)]).numel():
            names = ", ".join(batch.ids) or "batch"
            raise DataError(names, f"{int(wrong[0])} is no class (0 to {count - 1})", field="target")
        labels = F.one_hot(index, count).float()
        labels = labels * (1 - self.smoothing) + self.smoothing / count
        weights = 1.0 if self.class_weights is None else labels.new_tensor(self.class_weights)[index, None]
        return labels * weights * (target >= 0)[:, None]

    def _mixed(self, grid: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """The samples mixed with their neighbours, and their labels likewise."""
        whether, which = torch.rand(2).tolist()
        if whether >= self.mixed:
            return grid, wanted
        cut = bool(self.cutmix) and (not self.mixup or which < 0.5)
        shares = draw_shares(len(grid), self.cutmix if cut else self.mixup, grid.device)
        if cut:
            grid, shares = cutmix(grid, shares)
        else:
            grid = mixup(grid, shares)
        shares = shares.to(wanted)[:, None]
        return grid, wanted * shares + wanted.roll(1, 0) * (1 - shares)


def _cross_entropy(logs: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The sum over the samples and its weight; a model of several inputs also answers to each alone."""
    wanted = wanted.repeat(len(logs) // len(wanted), 1)
    return -(wanted * logs).sum(), wanted.sum().detach()
