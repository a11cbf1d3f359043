"""Which backend runs a call, and why the others do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from swinkit.ops.windows import Plan

Score = Literal["dot", "cosine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What every backend gets: queries, keys and values of the whole grid in raster order, and how it is cut."""

    q: Float[Tensor, "b cells heads d"]
    """Queries with the scale folded in; for the cosine score unit vectors times the logit scale, float32."""
    k: Float[Tensor, "b cells heads d"]
    v: Float[Tensor, "b cells heads d"]
    bias: Float[Tensor, "heads tokens tokens"]
    plan: Plan
    pad_key: Float[Tensor, "heads d"]
    """Key and value of a slot of padding that attends: what the projection makes of zeros."""
    pad_value: Float[Tensor, "heads d"]
    valid: Bool[Tensor, "b cells"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The facts a backend may refuse by."""

    score: Score
    rank: int
    tokens: int
    head_width: int
    dtype: torch.dtype
    device: str
    grad: bool
    valid: bool
    attends: bool
    """Padding takes part as keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One way to compute window attention."""

    name: str
    run: Callable[[Inputs], Float[Tensor, "b cells heads d"]]
    refuses: Callable[[Call], list[str]]
    """Reasons why it cannot take this call; empty when it can."""
    tolerance: Mapping[torch.dtype, float]
    """Largest relative error against the reference, by type of the values."""


def select(call: Call, backends: tuple[Backend, ...], wanted: str | None = None) -> Backend:
    """The first backend that takes the call, or the `wanted` one; ValueError with every reason when none does."""
    if wanted is not None and wanted not in [b.name for b in backends]:
        raise ValueError(f"no attention backend {wanted!r}: there are {', '.join(b.name for b in backends)}")
    refusals: dict[str, list[str]] = {}
    for backend in backends:
        if wanted not in (None, backend.name):
            refusals[backend.name] = ["not asked for"]
            continue
        refusals[backend.name] = backend.refuses(call)
        if not refusals[backend.name]:
            return backend
    reasons = "\n".join(f"  {name}: {'; '.join(why)}" for name, why in refusals.items())
    raise ValueError(f"no attention backend takes {call}:\n{reasons}")
