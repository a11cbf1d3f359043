"""Named points of one thing: top-down pose, after the thing was found."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from swinkit.files import ConfigError
from swinkit.heads import FPN, Deconvolutions, SimCC
from swinkit.metrics import KeypointError
from swinkit.ops import affine
from swinkit.ops.points import REACH, divergence, expectations, gaussians, held, held_in_map, peaks
from swinkit.ops.resize import extent
from swinkit.types import Batch, Keypoints, Levels, Objects, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """Where the named points of a thing are, in a picture that shows that thing (a sample's region).

    Every point is a distribution over cells, of the grid or of each axis, and learns a Gaussian about its place by the
    Kullback-Leibler divergence. Points that are not labelled count nowhere.
    """

    points: tuple[str, ...]
    """Names, in the order of the data."""
    pairs: tuple[tuple[int, int], ...] = ()
    """Points that change places in a mirror, counted from 0."""
    skeleton: tuple[tuple[int, int], ...] = ()
    """Points that a line joins, counted from 0."""
    sigmas: tuple[float, ...] = ()
    """How far people disagree about each point, as a share of the thing's size, for OKS; () leaves OKS out."""
    torso: tuple[int, ...] = ()
    """The two points that span the torso, for the second PCK; () leaves it out."""
    decoder: Literal["fpn", "deconvolutions", "simcc"] = "fpn"
    """The head: a heatmap from all levels, light and fine; the heatmap of SimpleBaseline from the coarsest one; or a
    place on each axis (SimCC)."""
    channels: int | None = None
    """Width of the decoder; None is its own: 96 for fpn, 256 for deconvolutions."""
    detail: int = 1
    """fpn: cells of the heatmap per finest token and axis."""
    size: Window = ()
    """simcc: [height width] of the grid, which the head is built for."""
    split: int = 2
    """simcc: cells per pixel of the grid."""
    sigma: float = 4.0
    """Deviation of the Gaussian that a point learns, in pixels of the grid."""
    flip: bool = False
    """Prediction averages over the grid and its mirror image, in which left and right points change places."""
    near: float = 0.2
    """PCK counts points within this share of the longer side of the box."""

    answers: ClassVar[type] = Keypoints
    ranks: ClassVar[tuple[int, ...]] = (2,)
    answering: ClassVar[tuple[str, ...]] = ("flip",)

    def __post_init__(self) -> None:
        count = len(self.points)
        if not count or len(set(self.points)) < count:
            raise ConfigError(f"points: {self.points} is not a list of different names")
        for name in ("pairs", "skeleton"):
            if any(len(pair) != 2 or not all(0 <= index < count for index in pair) for pair in getattr(self, name)):
                raise ConfigError(f"{name}: {getattr(self, name)} are not pairs of 0 to {count - 1}")
        if self.torso and (len(self.torso) != 2 or not all(0 <= index < count for index in self.torso)):
            raise ConfigError(f"torso: {self.torso} is not two of 0 to {count - 1}")
        if self.sigmas and (len(self.sigmas) != count or min(self.sigmas) <= 0):
            raise ConfigError(f"sigmas: {self.sigmas} is not one positive number for each of {count} points")
        for name in ("sigma", "near", "detail", "split"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name}: {getattr(self, name)} has to be positive")
        self._check_decoder()

    def _check_decoder(self) -> None:
        if self.decoder not in ("fpn", "deconvolutions", "simcc"):
            raise ConfigError(f"decoder: no {self.decoder!r}: there are fpn, deconvolutions and simcc")
        if self.decoder == "simcc" and (len(self.size) != 2 or min(self.size) < 1):
            raise ConfigError(f"size: {self.size}: simcc is built for one [height, width], that of modality.size")
        if self.decoder != "fpn" and self.detail != 1:
            raise ConfigError(f"detail: {self.detail} does not go with {self.decoder}, only with fpn")

    @property
    def outputs(self) -> tuple[int, ...] | None:
        """The stages that the head sees: all for fpn, else the coarsest."""
        return None if self.decoder == "fpn" else (-1,)

    def head(self, levels: Levels) -> nn.Module:
        """The decoder, with this task's points."""
        count = len(self.points)
        if self.decoder == "simcc":
            return SimCC(levels, count, size=self.size, split=self.split)
        if self.decoder == "deconvolutions":
            return Deconvolutions(levels, count, channels=self.channels or 256)
        return FPN(levels, count, channels=self.channels or 96, detail=self.detail)

    def losses(self, model: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, Tensor]]:
        """The divergence from a Gaussian about each labelled point (simcc: the sum over both axes); the weight is
        their number."""
        if batch.target is None:
            raise ValueError("the batch has no target: only labelled samples have a loss")
        output = model(batch.grid, batch.valid)
        places, labelled = self._targets(batch)
        maps = [output["y"], output["x"]] if self.decoder == "simcc" else [output["logits"]]
        cells = [maps[0].shape[-1], maps[1].shape[-1]] if self.decoder == "simcc" else maps[0].shape[2:]
        wanted = [
            self._gaussian(places[..., axis], length, count)
            for axis, (length, count) in enumerate(zip(batch.grid.shape[2:], cells, strict=True))
        ]
        if self.decoder != "simcc":
            maps, wanted = [maps[0].flatten(2)], [(wanted[0][..., :, None] * wanted[1][..., None, :]).flatten(2)]
        found = torch.stack([divergence(one, other) for one, other in zip(maps, wanted, strict=True)]).sum(0)
        return {"points": ((found * labelled).sum(), labelled.sum().to(found))}

    def predict(self, model: nn.Module, batch: Batch) -> list[Keypoints]:
        """The points of every sample's thing, in pixels of its original picture; the caller has put the model in
        evaluation mode. A point's score is the probability within `REACH` deviations of it."""
        places, scores = (found.detach().cpu() for found in self._decoded(model, batch))
        height, width = batch.grid.shape[2:]
        corners = np.array([[0, 0], [0, width], [height, 0], [height, width]])
        found: list[Keypoints] = []
        for index, matrix in enumerate(_matrices(batch)):
            size = tuple(batch.sizes[index]) if batch.sizes else (height, width)
            back = np.linalg.inv(matrix)
            points = affine.transform(back, places[index].double().numpy())[:, ::-1]
            seen = affine.transform(back, corners).clip(0, size)[:, ::-1]
            found.append(
                Keypoints(
                    id=batch.ids[index] if batch.ids else str(index),
                    points=torch.cat([torch.tensor(points.copy()), scores[index, :, None]], 1).float()[None],
                    boxes=torch.tensor([[*seen.min(0), *seen.max(0)]], dtype=torch.float32),
                    names=self.points,
                    skeleton=self.skeleton,
                    size=size,
                )
            )
        return found

    def metrics(self) -> KeypointError:
        """PCK, distances and OKS average precision."""
        return KeypointError(self.points, sigmas=self.sigmas, torso=self.torso, near=self.near)

    @classmethod
    def example(cls, rank: int) -> tuple[Pose, Batch]:
        """The smallest task and a batch to learn by heart; tests ask every task in the table for one."""
        grid = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
        points = torch.tensor([[[6.3, 9.1, 2], [25.0, 20.2, 1]], [[15.7, 28.4, 2], [0, 0, 0]]])
        target = [
            Objects(
                boxes=torch.tensor([[2.0, 2.0, 30.0, 30.0]]),
                labels=torch.zeros(1, dtype=torch.int64),
                crowd=torch.zeros(1, dtype=torch.bool),
                points=one[None],
            )
            for one in points
        ]
        task = cls(points=("left", "right"), pairs=((0, 1),), skeleton=((0, 1),), sigmas=(0.1, 0.1), sigma=2.0)
        return task, Batch(grid=grid, target=target, ids=("a", "b"), sizes=((32, 32), (32, 32)))

    def _gaussian(self, places: Tensor, length: int, cells: int) -> Tensor:
        """[b k cells] along an axis of `length` pixels that is cut into cells."""
        step = self._step(length, cells)
        return gaussians(places / step, cells, self.sigma / step)

    def _step(self, length: int, cells: int) -> float:
        """Pixels a cell; grids are padded at the high end before they are cut."""
        return 1 / self.split if self.decoder == "simcc" else ceil(length / cells)

    def _targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """[b k 2] rows and columns in the grid, and [b k] which are labelled."""
        count = len(self.points)
        points = np.zeros((len(batch.target), count, 3))
        for row, things, matrix in zip(points, batch.target, _matrices(batch), strict=True):
            if len(things) > 1 or (things.points is not None and things.points.shape[1] != count):
                raise ValueError(f"a sample has {len(things)} things: wanted one, with {count} points")
            if len(things) and things.points is not None:
                own = things.points[0].double().cpu().numpy()
                row[:, :2], row[:, 2] = affine.transform(matrix, own[:, 1::-1]), own[:, 2]
        found = torch.from_numpy(points).to(batch.grid.device, torch.float32)
        return found[..., :2], found[..., 2] > 0

    def _decoded(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """[b k 2] rows and columns in the grid, and [b k] scores."""
        views = self._views(model, batch)
        height, width = batch.grid.shape[2:]
        if self.decoder == "simcc":
            reach = ceil(REACH * self.sigma * self.split)
            places = torch.stack([expectations(view, reach) for view in views], -1) / self.split
            return places, (held(views[0], reach) * held(views[1], reach)).clamp(0, 1)
        (maps,) = views
        steps = [self._step(n, cells) for n, cells in zip((height, width), maps.shape[2:], strict=True)]
        places = peaks(maps.clamp_min(1e-12).log()) * maps.new_tensor(steps)
        return places, held_in_map(maps, ceil(REACH * self.sigma / steps[0])).clamp(0, 1)

    def _views(self, model: nn.Module, batch: Batch) -> list[Tensor]:
        """Probabilities [b k h w], or [b k rows] and [b k columns]; the mean over the mirror image too, if asked."""
        found = self._probabilities(model, batch.grid, batch.valid)
        if not self.flip:
            return found
        width, cells = batch.grid.shape[-1], found[-1].shape[-1]
        if self.decoder != "simcc" and width % cells:
            raise ConfigError(f"flip: a grid {width} wide is not cut into {cells} equal cells: give another size")
        order = list(range(len(self.points)))
        for one, other in self.pairs:
            order[one], order[other] = other, one
        mirrored = self._probabilities(
            model, batch.grid.flip(-1), None if batch.valid is None else batch.valid.flip(-1)
        )
        mirrored[-1] = mirrored[-1].flip(-1)
        return [(one + other[:, order]) / 2 for one, other in zip(found, mirrored, strict=True)]

    def _probabilities(self, model: nn.Module, grid: Tensor, valid: Tensor | None) -> list[Tensor]:
        output = model(grid, valid)
        if self.decoder == "simcc":
            return [output[axis].float().softmax(-1) for axis in ("y", "x")]
        logits = output["logits"].float()
        return [logits.flatten(2).softmax(-1).view_as(logits)]


def _matrices(batch: Batch) -> list[np.ndarray]:
    """For every sample the map from its original picture to the grid."""
    found: list[np.ndarray] = []
    space = tuple(batch.grid.shape[2:])
    for index in range(len(batch.grid)):
        matrix = batch.matrices[index] if batch.matrices else None
        if matrix is None:
            box = extent(batch.valid[index]) if batch.valid is not None else tuple(slice(0, n) for n in space)
            filled = [part.stop - part.start for part in box]
            matrix = affine.resizing(batch.sizes[index] if batch.sizes else filled, filled)
        found.append(matrix)
    return found
