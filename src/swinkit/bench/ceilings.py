"""What the machine can do at most, measured beside the contenders."""

from __future__ import annotations

from collections.abc import Callable

import torch


def ceilings(device: torch.device, dtype: torch.dtype) -> tuple[dict[str, Callable[[], object]], dict[str, float]]:
    """Two more contenders, `matmul` and `copy`, and how many FLOP or bytes a call of each of them is.

    A square product in `dtype`, and a copy of as many bytes as no cache holds (read and written: counted twice).
    """
    large = device.type == "cuda"
    side, count = (8192 if large else 1024), (1 << 30 if large else 1 << 26)
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    source = torch.empty(count, dtype=torch.uint8, device=device).fill_(1)
    goal = torch.empty_like(source)
    return {"matmul": lambda: a @ b, "copy": lambda: goal.copy_(source)}, {
        "matmul": 2.0 * side**3,
        "copy": 2.0 * count,
    }
