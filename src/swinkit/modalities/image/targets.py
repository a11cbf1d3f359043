"""What a picture is labelled with: a mask, the index of a class, or the things in it. Read, moved with the picture,
put into batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from swinkit.files import DataError
from swinkit.files.masks import IGNORE, MaskFile, read_ids
from swinkit.ops import affine
from swinkit.ops.warp import warp_mask
from swinkit.types import Keypoints, Objects, Prediction, Sample

UNLABELLED = -1
"""The class of samples that have none, in a batch where others do."""
SEEN = 0.25
"""Things of which less than this share is left in a view are neither right nor wrong to find (`Objects.crowd`)."""


def read(target: Any, name: Path | str, size: tuple[int, int]) -> Any:
    """A mask [h w] or the index of a class [], int64, or `Objects`; DataError where it does not fit the picture."""
    if target is None:
        return None
    if isinstance(target, Mapping):
        return {task: read(value, name, size) for task, value in target.items()}
    if isinstance(target, Objects):
        return target
    if isinstance(target, (int, np.integer)):
        return torch.tensor(int(target))
    mask = _mask(target, name)
    if mask.shape != size:
        raise DataError(
            target.path if isinstance(target, MaskFile) else name,
            f"is {_by(mask.shape)} px, but its picture {Path(name).name} is {_by(size)} "
            "(after EXIF rotation): export it at the size of the picture",
            field="mask",
        )
    return torch.from_numpy(mask.astype(np.int64))


def warped(target: Any, matrix: affine.Matrix, size: tuple[int, int]) -> Any:
    """The target of the view [*size] that `matrix` draws from the picture."""
    if isinstance(target, Mapping):
        return {task: warped(value, matrix, size) for task, value in target.items()}
    if isinstance(target, Objects):
        return _moved(target, matrix, size)
    if isinstance(target, Tensor) and target.ndim == 2:
        mask = warp_mask(target.numpy().astype(np.uint8), matrix, size, IGNORE)
        return torch.from_numpy(mask.astype(np.int64))
    return target


def seen(prediction: Prediction, matrix: affine.Matrix) -> Prediction:
    """An answer where the view of `matrix` has it; only points are moved."""
    if isinstance(prediction, Keypoints):
        return replace(prediction, points=_mapped(prediction.points, matrix))
    return prediction


def stacked(samples: Sequence[Sample]) -> Any:
    """The targets of a batch: [b h w] masks (255 beyond their ends), [b] classes, a list of `Objects`, or for several
    tasks {task: (rows that have its target, their targets)}."""
    targets = [sample.target for sample in samples]
    known = [target for target in targets if target is not None]
    if not known:
        return None
    if isinstance(known[0], Mapping):
        tasks = dict.fromkeys(task for target in known for task in target)
        return {task: _of_task(samples, task) for task in tasks}
    if isinstance(known[0], Objects):
        none = known[0].chosen(torch.zeros(0, dtype=torch.int64))
        return [none if target is None else target for target in targets]
    if known[0].ndim == 0:
        return torch.stack([torch.tensor(UNLABELLED) if target is None else target for target in targets])
    return _masks(samples)


def _of_task(samples: Sequence[Sample], task: str) -> tuple[Tensor, Any]:
    rows = [index for index, sample in enumerate(samples) if (sample.target or {}).get(task) is not None]
    return torch.tensor(rows), stacked([replace(samples[row], target=samples[row].target[task]) for row in rows])


def _masks(samples: Sequence[Sample]) -> Tensor:
    spaces = [sample.size if sample.target is None else tuple(sample.target.shape) for sample in samples]
    height, width = (max(sides) for sides in zip(*spaces, strict=True))
    targets = torch.full((len(samples), height, width), IGNORE)
    for place, sample in zip(targets, samples, strict=True):
        if sample.target is not None:
            place[: sample.target.shape[0], : sample.target.shape[1]] = sample.target
    return targets


def _mask(target: MaskFile | Path | np.ndarray, name: Path | str) -> np.ndarray:
    """[h w] uint8 class indices."""
    mask = target.read() if isinstance(target, MaskFile) else target
    if isinstance(mask, Path):
        mask = read_ids(mask)
    if mask.ndim != 2 or mask.dtype.kind not in "ui" or mask.size and not 0 <= mask.min() <= mask.max() <= 255:
        raise DataError(name, f"{mask.dtype} {mask.shape} array: masks are [height width] indices 0..255", field="mask")
    return mask.astype(np.uint8)


def _moved(things: Objects, matrix: affine.Matrix, size: tuple[int, int]) -> Objects:
    """Every thing where the view has it; those outside are left out."""
    boxes = things.boxes.numpy().astype(np.float64)
    corners = boxes[:, [[1, 0], [1, 2], [3, 0], [3, 2]]]  # [n 4 2], rows first as in affine maps
    moved = affine.transform(matrix, corners)
    hull = np.concatenate([moved.min(1)[:, ::-1], moved.max(1)[:, ::-1]], 1)
    ends = np.array([size[1], size[0]] * 2, np.float64)
    clipped = np.clip(hull, 0, ends)
    area, left = _areas(hull), _areas(clipped)
    kept = left > 0
    share = np.divide(left, area, out=np.zeros_like(left), where=area > 0)
    new = replace(
        things,
        boxes=torch.from_numpy(clipped.astype(np.float32)),
        crowd=things.crowd | torch.from_numpy(share < SEEN),
        masks=None if things.masks is None else _each_mask(things.masks, matrix, size),
        points=None if things.points is None else _points(things.points, things.pairs, matrix, size),
        areas=None if things.areas is None else things.areas * abs(float(np.linalg.det(matrix))),
    )
    return new.chosen(torch.from_numpy(np.flatnonzero(kept)))


def _each_mask(masks: Tensor, matrix: affine.Matrix, size: tuple[int, int]) -> Tensor:
    rows = [torch.from_numpy(warp_mask(mask.numpy().astype(np.uint8), matrix, size, 0)) for mask in masks]
    return torch.stack(rows).bool() if rows else masks.new_zeros(0, *size)


def _points(points: Tensor, pairs: Sequence[tuple[int, int]], matrix: affine.Matrix, size: tuple[int, int]) -> Tensor:
    """Moved [n k 3]; what leaves the view is not labelled there, and in a mirror left and right change places."""
    points = _mapped(points, matrix)
    inside = ((points[..., :2] >= 0) & (points[..., :2] <= torch.tensor([size[1], size[0]]))).all(-1)
    points[..., 2] *= inside
    if np.linalg.det(matrix) < 0:
        for one, other in pairs:
            points[:, [one, other]] = points[:, [other, one]]
    return points


def _mapped(points: Tensor, matrix: affine.Matrix) -> Tensor:
    """[n k 3] float32, x and y moved."""
    moved = affine.transform(matrix, points[..., [1, 0]].numpy())[..., ::-1]
    return torch.cat([torch.from_numpy(moved.astype(np.float32)), points[..., 2:].float()], -1)


def _areas(boxes: np.ndarray) -> np.ndarray:
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), 1)


def _by(shape: Sequence[int]) -> str:
    return f"{shape[0]}x{shape[1]}"
