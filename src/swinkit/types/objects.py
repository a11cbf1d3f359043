"""The things in one picture: what detection, instance masks and pose learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """n things, in pixels of the original picture until a training view was drawn from it."""

    boxes: Tensor
    """[n 4] float32: left, top, right, bottom edges."""
    labels: Tensor
    """[n] int64 class indices."""
    crowd: Tensor
    """[n] bool: regions that hold many, or that are too hard: neither right nor wrong to find (COCO's `iscrowd`, VOC's
    `difficult`)."""
    masks: Tensor | None = None
    """[n height width] bool; None where only boxes are known."""
    points: Tensor | None = None
    """[n k 3] float32: x, y (pixel i covers i to i + 1) and COCO's visibility (0 not labelled, 1 hidden, 2
    seen)."""
    areas: Tensor | None = None
    """[n] float32: pixels that a thing covers, where the data says it (COCO's `area`)."""
    pairs: tuple[tuple[int, int], ...] = ()
    """Points that change places in a mirror: left and right ones."""

    def __len__(self) -> int:
        return len(self.boxes)

    def to(self, device: Any, *, non_blocking: bool = False) -> Objects:
        """The same on `device`."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Objects:
        """The same in page-locked memory."""
        return self._each(Tensor.pin_memory)

    def chosen(self, which: Tensor) -> Objects:
        """Those of [m] indices or an [n] mask."""
        return self._each(lambda tensor: tensor[which])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Objects:
        return Objects(
            boxes=change(self.boxes),
            labels=change(self.labels),
            crowd=change(self.crowd),
            masks=None if self.masks is None else change(self.masks),
            points=None if self.points is None else change(self.points),
            areas=None if self.areas is None else change(self.areas),
            pairs=self.pairs,
        )
