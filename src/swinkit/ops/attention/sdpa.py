"""Window attention through torch's scaled_dot_product_attention, bias and masks merged into its one additive mask."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from swinkit.ops.attention.reference import grid, valid_mask, windows
from swinkit.ops.attention.select import Backend, Call, Inputs


def _run(x: Inputs) -> Tensor:
    plan = x.plan
    q, k, v = windows(x.q, plan, None), windows(x.k, plan, x.pad_key), windows(x.v, plan, x.pad_value)
    bias = x.bias[None, None]  # [1 1 heads tokens tokens]
    if plan.mask is not None:
        bias = bias + plan.mask[:, None]
    if x.valid is not None:
        bias = bias + valid_mask(x.valid, plan)
    b, count, heads, tokens, d = q.shape
    values = v.dtype
    if q.dtype != v.dtype:  # cosine scores stay in float32
        v = v.to(q.dtype)
    if plan.mask is None and x.valid is None:  # windows are alike: fold them into the batch
        q, k, v = (y.reshape(b * count, heads, tokens, d) for y in (q, k, v))
        bias = bias[0]
    else:  # each window has its own mask: fold them into the heads, so that the mask is shared by the batch
        q, k, v = (y.reshape(b, count * heads, tokens, d) for y in (q, k, v))
        bias = bias.reshape(bias.shape[0], count * heads, tokens, tokens)
    if q.dtype == torch.float16:  # -1e9 would be -inf, and a row of it NaN
        bias = bias.clamp(min=-3e4)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype), scale=1.0)
    return grid(out.view(b, count, heads, tokens, d).to(values), plan)


def _refuses(call: Call) -> list[str]:
    why: list[str] = []
    if call.dtype == torch.float16 and call.device == "cpu":
        why.append("float16 on the CPU sums in float16")
    return why


BACKEND = Backend(
    name="sdpa",
    run=_run,
    refuses=_refuses,
    tolerance={torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 2e-2, torch.float16: 4e-3},
)
