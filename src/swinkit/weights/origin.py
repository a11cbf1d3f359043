"""Weights under our names, together with where they came from."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from swinkit.backbone.config import SwinConfig
from swinkit.types import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where weights came from: what is needed to write them back exactly as they were."""

    layout: str
    size: Window | None = None
    """Input cells along each axis that the file was made for, where shift masks or the caller told it."""
    buffers: tuple[tuple[str, str], ...] = ()
    """The kinds of buffer the file had, each with its kind of number (`float32`)."""
    prefix: str = ""
    """What stood before every name."""
    place: str = ""
    """What stood before the names of the backbone after that: one of the layout's prefixes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights under our names, and the configuration of the model that they are of."""

    config: SwinConfig
    state: dict[str, Tensor]
    leftovers: dict[str, Tensor] = field(default_factory=dict)
    """Tensors, under their foreign names, that have no place here; they are written back untouched."""
    origin: Origin

    @property
    def classes(self) -> int | None:
        """Rows of the classification head, or None without one."""
        weight = self.state.get("head.linear.weight")
        return None if weight is None else weight.shape[0]
