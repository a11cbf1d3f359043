"""Window attention: one door, any rank; backends in order of preference, each saying why it refuses a call."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from swinkit.ops.attention import fused, reference, sdpa
from swinkit.ops.attention.select import Backend, Call, Inputs, Score, select
from swinkit.ops.precision import full_precision

BACKENDS: tuple[Backend, ...] = (sdpa.BACKEND, reference.BACKEND, fused.BACKEND)
"""The first that takes a call runs it; `fused` is last until it was measured on a card, so it has to be asked for."""

__all__ = ["BACKENDS", "Backend", "Call", "Inputs", "Score", "select", "window_attention"]


def window_attention(inputs: Inputs, *, score: Score, backend: str | None = None) -> Float[Tensor, "b cells heads d"]:
    """Attention inside the windows of `inputs.plan`. Raises ValueError when no backend takes the call, with every
    reason."""
    q, plan = inputs.q, inputs.plan
    call = Call(
        score=score,
        rank=len(plan.cut.window),
        tokens=plan.cut.tokens,
        head_width=q.shape[-1],
        dtype=inputs.v.dtype,
        device=q.device.type,
        grad=torch.is_grad_enabled() and (q.requires_grad or inputs.v.requires_grad),
        valid=inputs.valid is not None,
        attends=plan.attends,
    )
    chosen = select(call, BACKENDS, backend)
    with full_precision(q.device):  # the caller has chosen the types: scores must not be narrowed again
        return chosen.run(inputs)
