"""Everything in which the published versions differ, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from swinkit.layers.bias import LogOffsetMlp, OffsetTable
from swinkit.layers.residual import Residual, post_norm, pre_norm
from swinkit.ops.attention import Score
from swinkit.types import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The choices of one version."""

    score: Score
    bias: Callable[[Window, Window, int], nn.Module]
    residual: Residual
    norm_before_reduction: bool
    """Merging normalises the joined neighbours (V1) or the projected token (V2)."""
    zero_branches: bool
    """Norms of the branches start at zero, so that fresh blocks are identities."""


RULES: dict[str, Rules] = {
    "v1": Rules(score="dot", bias=OffsetTable, residual=pre_norm, norm_before_reduction=True, zero_branches=False),
    "v2": Rules(score="cosine", bias=LogOffsetMlp, residual=post_norm, norm_before_reduction=False, zero_branches=True),
}
