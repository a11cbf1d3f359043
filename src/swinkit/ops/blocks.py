"""Blocks of tokens that each open with a marker, and the two attentions between them (mixing `cross_block`).

A block is a window of a grid of any rank, never shifted. Inside it, tokens and marker attend to each other; across
blocks, every token and marker attends to what the markers of all blocks have gathered.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from swinkit.ops.partition import from_windows, into_windows
from swinkit.ops.windows import REFUSED, Plan


def open_blocks(
    x: Float[Tensor, "b cells c"], marker: Float[Tensor, "*each c"], plan: Plan
) -> Float[Tensor, "b blocks rows c"]:
    """Tokens in raster order -> blocks of 1 + tokens rows, the marker (of all, or [b blocks 1 c]) first; slots of
    padding hold zeros."""
    blocks = into_windows(x, plan).unflatten(1, (-1, plan.cut.tokens))
    return torch.cat([marker.to(x.dtype).expand_as(blocks[:, :, :1]), blocks], 2)


def close_blocks(x: Float[Tensor, "b blocks rows c"], plan: Plan) -> Float[Tensor, "b cells c"]:
    """The inverse: tokens in raster order, the markers dropped."""
    return from_windows(x[:, :, 1:].flatten(1, 2), plan)


def empty_padding(x: Float[Tensor, "b blocks rows c"], plan: Plan) -> Float[Tensor, "b blocks rows c"]:
    """Zeros in the slots of padding, which earlier layers have filled."""
    if not plan.padded:
        return x
    real = F.pad(plan.real.unflatten(0, (-1, plan.cut.tokens)), (1, 0), value=True)
    return torch.where(real[..., None], x, 0.0)


def key_masks(
    plan: Plan, valid: Bool[Tensor, "b cells"] | None
) -> tuple[Float[Tensor, "_ blocks rows"] | None, Float[Tensor, "_ blocks"] | None]:
    """What to add to the scores of keys inside blocks and across them (for all samples or each), or None where nothing
    is masked.

    Padding is a key inside its block where the plan says so; markers always are. Across blocks, one without a token of
    the sample is no key.
    """
    if not plan.padded and valid is None:
        return None, None
    key, real = (slots.unflatten(0, (-1, plan.cut.tokens))[None] for slots in (plan.key, plan.real))
    if valid is not None:
        held = valid.index_select(1, plan.order).unflatten(1, (-1, plan.cut.tokens))
        key, real = key & (held | ~real), real & held
    rows = torch.where(F.pad(key, (1, 0), value=True), 0.0, REFUSED)
    return rows, torch.where(real.any(-1), 0.0, REFUSED)


def attend_inside(
    q: Float[Tensor, "bb heads rows d"],
    k: Float[Tensor, "bb heads rows d"],
    v: Float[Tensor, "bb heads rows d"],
    bias: Float[Tensor, "heads rows rows"],
    mask: Float[Tensor, "_ blocks rows"] | None,
) -> Float[Tensor, "bb heads rows d"]:
    """Softmax attention of each block's rows to each other; bb = samples * blocks. `mask` as `key_masks` gives it."""
    added = bias[None]
    if mask is not None:
        samples = q.shape[0] // mask.shape[1]
        added = added + mask.expand(samples, -1, -1).flatten(0, 1)[:, None, None]
    return _plain(q, k, v, added) if _must_be_plain(q, bias) else _fused(q, k, v, added)


def attend_across(
    q: Float[Tensor, "bb heads rows d"],
    k: Float[Tensor, "b heads blocks d"],
    v: Float[Tensor, "b heads blocks d"],
    bias: Float[Tensor, "heads blocks blocks"],
    mask: Float[Tensor, "_ blocks"] | None,
) -> Float[Tensor, "bb heads rows d"]:
    """Softmax attention of every row of every block to one set of keys, a key a block."""
    samples, (heads, rows) = k.shape[0], q.shape[1:3]
    if _must_be_plain(q, bias):  # one product for all rows
        q = q.unflatten(0, (samples, -1)).transpose(1, 2).flatten(2, 3)
        added = bias[None] if mask is None else bias + mask[:, None, None]
        wide = torch.promote_types(v.dtype, torch.float32)
        scores = (q.to(wide) @ k.to(wide).transpose(-1, -2)).unflatten(2, (-1, rows)) + added[:, :, :, None]
        out = scores.softmax(-1).to(v.dtype).flatten(2, 3) @ v
        return out.unflatten(2, (-1, rows)).transpose(1, 2).flatten(0, 1)
    blocks = k.shape[2]
    k, v = (x[:, None].expand(-1, blocks, -1, -1, -1).flatten(0, 1) for x in (k, v))
    added = bias.transpose(0, 1)[None, :, :, None]
    if mask is not None:
        added = added + mask[:, None, None, None]
    return _fused(q, k, v, added.expand(samples, -1, heads, rows, -1).flatten(0, 1))


def _must_be_plain(q: Tensor, bias: Tensor) -> bool:
    """On the CPU torch has no fused kernel for a bias that learns, and sums in float16."""
    learns = torch.is_grad_enabled() and (q.requires_grad or bias.requires_grad)
    return q.device.type == "cpu" and (learns or q.dtype == torch.float16)


def _plain(q: Tensor, k: Tensor, v: Tensor, added: Tensor) -> Tensor:
    wide = torch.promote_types(v.dtype, torch.float32)
    scores = q.to(wide) @ k.to(wide).transpose(-1, -2) + added
    return scores.softmax(-1).to(v.dtype) @ v


def _fused(q: Tensor, k: Tensor, v: Tensor, added: Tensor) -> Tensor:
    """Cosine queries and keys stay in float32; in float16, -1e9 would be -inf, and a row of it NaN."""
    added = (added.clamp(min=-3e4) if q.dtype == torch.float16 else added).to(q.dtype)
    return F.scaled_dot_product_attention(q, k, v.to(q.dtype), attn_mask=added, scale=1.0).to(v.dtype)


def distances(counts: tuple[Any, ...], like: Tensor) -> Float[Tensor, "offsets rank"]:
    """sign(d) log2(1 + |d|) of every offset d between two blocks, along each axis; never divided by the grid's size.

    On the device and in the type of `like`.
    """
    axes = [torch.arange(2 * n - 1, device=like.device, dtype=like.dtype) - (n - 1) for n in counts]
    logs = [a.sign() * (a.abs() + 1).log2() for a in axes]
    grids = torch.meshgrid(*logs, indexing="ij")
    return torch.stack([g.reshape(-1) for g in grids], -1)


def spread(table: Float[Tensor, "offsets heads"], counts: tuple[Any, ...]) -> Float[Tensor, "heads blocks blocks"]:
    """[i, j] = the row of `table` for the offset from block j to block i (first axis slowest).

    Without a gather, whose gradient torch sums in any order: rows are laid out one step apart along each axis.
    """
    if torch.compiler.is_exporting():  # for every size at once, and nothing is differentiated
        return _gathered(table, counts)
    heads, rank = table.shape[1], len(counts)
    x = table.t().reshape(heads, *(2 * n - 1 for n in counts))
    for n in counts:  # the axis in front becomes two at the end: [2n-1, ...] -> [..., n, n]
        x = x.flip(1).movedim(1, -1)
        x = F.pad(x[..., None, :].expand(*x.shape[:-1], n, 2 * n - 1), (0, 1)).flatten(-2)
        x = x[..., : n * (2 * n - 1)].unflatten(-1, (n, 2 * n - 1))[..., n - 1 :]
    order = [0, *(1 + 2 * axis for axis in range(rank)), *(2 + 2 * axis for axis in range(rank))]
    total = math.prod(counts)
    return x.permute(order).reshape(heads, total, total)


def _gathered(table: Tensor, counts: tuple[Any, ...]) -> Tensor:
    index: Any = 0
    for places, n in zip(torch.meshgrid(*(torch.arange(n) for n in counts), indexing="ij"), counts, strict=True):
        place = places.to(table.device).reshape(-1)
        index = index * (2 * n - 1) + place[:, None] - place + (n - 1)
    return table.t()[:, index]
