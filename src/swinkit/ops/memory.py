"""Where a tensor's numbers lie in memory."""

from __future__ import annotations

import torch
from torch import Tensor


def in_order(x: Tensor) -> Tensor:
    """`x` itself; while a program is traced for every size, a copy in the order of its axes: of other strides torch
    cannot prove what convolutions and reshapes ask."""
    return x.clone(memory_format=torch.contiguous_format) if torch.compiler.is_exporting() else x
