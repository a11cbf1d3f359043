"""Losses over maps of any rank, each as (sum, weight): divide at the very end, after adding over batches and processes.

A mean of means is wrong as soon as cells are ignored: a batch with three labelled cells would count as much as one with
a million. A batch without any labelled cell gives (0, 0) and a zero gradient.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

Terms = tuple[Tensor, Tensor]
"""(sums [k], weights [k]) of k losses."""

BUDGET = 1 << 22
"""Logits at full resolution that are alive at once: 16 MB of float32, which stays near the processor."""


def cross_entropy(
    logits: Float[Tensor, "b c *space"],
    target: Int[Tensor, " b *space"],
    *,
    ignore: int = 255,
    weights: Float[Tensor, " c"] | None = None,
    smoothing: float = 0.0,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Negative log likelihood over the cells that are not `ignore`; the weight is the sum of their class weights."""
    logits = _wide(logits)
    if weights is not None:
        weights = weights.to(logits)
    total = F.cross_entropy(logits, target, weights, ignore_index=ignore, reduction="sum", label_smoothing=smoothing)
    counted = target != ignore
    if weights is None:
        return total, counted.sum().to(total)
    return total, (weights[target.where(counted, 0)] * counted).sum()


def dice(
    logits: Float[Tensor, "b c *space"], target: Int[Tensor, " b *space"], *, ignore: int = 255
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """1 - 2 sum(p t) / (sum(p) + sum(t)) of every class that a sample holds, p the softmax (Milletari et al. 2016).

    Added over samples and classes; the weight is their number. Sums run over one sample, never the batch, so the result
    does not depend on how a batch is split among processes.
    """
    axes = tuple(range(2, logits.ndim))
    counted = (target != ignore)[:, None]
    classes = torch.arange(logits.shape[1], device=logits.device).view(1, -1, *(1 for _ in axes))
    truth = (target[:, None] == classes) & counted
    probability = _wide(logits).softmax(1)
    overlap, predicted = (probability * truth).sum(axes), (probability * counted).sum(axes)
    size = truth.sum(axes)
    present = size > 0
    share = 2 * overlap / (predicted + size).clamp_min(1e-6)
    return ((1 - share) * present).sum(), present.sum().to(probability)


def in_parts(loss: Callable[[Tensor, slice], Terms], logits: Float[Tensor, "b c *cells"], cells: int) -> Terms:
    """Sum `loss(logits[part], part)` over parts of the batch, keeping only one part's intermediate values in memory.

    Segmentation resizes coarse logits to `cells` full-resolution cells a sample; kept for the backward pass, that map,
    its log-softmax and their gradients would be several times larger than everything else. As a sum's gradient is known
    but for a factor, each part's is computed at once, with respect to the coarse logits, and the rest is dropped.
    """
    step = max(1, BUDGET // max(1, cells * logits.shape[1]))
    sums, weights = _Parts.apply(logits, loss, step)  # pyright: ignore[reportGeneralTypeIssues]
    return sums, weights


class _Parts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, loss: Callable[[Tensor, slice], Terms], step: int) -> Terms:
        wanted = ctx.needs_input_grad[0]
        sums, weights, slopes = [], [], []
        for first in range(0, len(logits), step):
            part = slice(first, first + step)
            x = _wide(logits[part].detach()).requires_grad_(wanted)
            with torch.set_grad_enabled(wanted):
                values, weight = loss(x, part)
                if wanted:
                    grads = [torch.autograd.grad(value, x, retain_graph=True)[0] for value in values]
                    slopes.append(torch.stack(grads))
            sums.append(values.detach())
            weights.append(weight.detach())
        total, weight = torch.stack(sums).sum(0), torch.stack(weights).sum(0)
        ctx.mark_non_differentiable(weight)
        ctx.dtype = logits.dtype
        ctx.save_for_backward(*([torch.cat(slopes, 1)] if wanted else []))
        return total, weight

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grad_outputs: Tensor
    ) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        factors = grad_outputs[0].to(slopes).view(-1, *(1 for _ in slopes.shape[1:]))
        return (factors * slopes).sum(0).to(ctx.dtype), None, None


def median_frequency(
    counts: Sequence[int], totals: Sequence[int] | None = None, *, power: float = 1.0
) -> tuple[float, ...]:
    """Class weights median(f) / f, f = cells of a class / cells of all pictures that hold it (Eigen and Fergus 2015).

    `counts` are the cells of every class, `totals` the cells of the pictures that hold it (default: all cells). A class
    that never occurs gets 1. `power` below 1 softens the weights, which helps where classes are very rare.
    """
    totals = [sum(counts)] * len(counts) if totals is None else totals
    if len(totals) != len(counts):
        raise ValueError(f"{len(counts)} counts but {len(totals)} totals: give one of each per class")
    shares = [count / total if count else 0.0 for count, total in zip(counts, totals, strict=True)]
    seen = [share for share in shares if share]
    middle = statistics.median(seen) if seen else 1.0
    return tuple((middle / share) ** power if share else 1.0 for share in shares)


def frequencies(counts: Sequence[int], *, least: float = 1e-3) -> tuple[float, ...]:
    """Share of every class, none below `least` (an initial bias of log 0 would never be unlearned), adding up to 1."""
    total = sum(counts)
    shares = [max(count / total, least) if total else 1.0 for count in counts]
    return tuple(share / math.fsum(shares) for share in shares)


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))
