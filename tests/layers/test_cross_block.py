"""Cross-block attention against its formulas, written out with loops (design section 5)."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from tiny_models import tiny
from torch.nn import functional as F

from swinkit.ops.blocks import open_blocks


def by_hand(attention, blocks, real, key, places):
    """One sample: [blocks rows c] by loops over blocks, heads and rows; `places` are the blocks' coordinates."""
    c = blocks.shape[-1]
    z = blocks.clone()
    z[:, 1:][~real] = 0
    zero = torch.zeros(c, dtype=z.dtype)
    dot = attention.score == "dot"
    biases = (attention.qkvc.bias, attention.marker_kv.bias)
    if not dot:
        inside = torch.cat([attention.query_bias, zero, attention.value_bias, attention.cross_query_bias])
        biases = (inside, torch.cat([zero, attention.cross_value_bias]))
    q, k, v, asked = (z @ attention.qkvc.weight.T + biases[0]).split(c, -1)
    scales = (None, None) if dot else (attention.log_scale, attention.cross_log_scale)
    local = torch.stack([
        rows_by_hand(q[i], k[i], v[i], inside_bias(attention), [0, *(1 + key[i].nonzero()[:, 0]).tolist()], scales[0])
        for i in range(len(blocks))
    ])  # fmt: skip
    keys, values = (local[:, 0] @ attention.marker_kv.weight.T + biases[1]).split(c, -1)
    offered = [i for i in range(len(blocks)) if real[i].any()]
    cross = torch.stack([
        rows_by_hand(asked[i], keys, values, across_bias(attention, places, i, z), offered, scales[1])
        for i in range(len(blocks))
    ])  # fmt: skip
    return attention.projection(torch.cat([local, cross], -1))


def rows_by_hand(q, k, v, bias, keys, scale):
    """Every row of one block, head by head: softmax over `keys` of score + bias(head, row, key)."""
    out, heads = torch.zeros_like(q), bias.heads
    for head, row in itertools.product(range(heads), range(len(q))):
        d = q.shape[1] // heads
        part = slice(head * d, (head + 1) * d)
        scores = []
        for other in keys:
            if scale is None:
                score = q[row, part] @ k[other, part] / math.sqrt(d)
            else:
                cosine = F.normalize(q[row, part], dim=0) @ F.normalize(k[other, part], dim=0)
                score = cosine * scale[head, 0, 0].clamp(max=math.log(100)).exp()
            scores.append(score + bias(head, row, other))
        out[row, part] = torch.stack(scores).softmax(0) @ v[keys][:, part]
    return out


def inside_bias(attention):
    """The version's bias between tokens; a learned number to the marker, from it, and for itself."""
    table, (to, out_of, own) = attention.bias(), attention.marker_bias

    def bias(head, row, other):
        if row and other:
            return table[head, row - 1, other - 1]
        return own[head] if row == other else to[head] if row else out_of[head]

    bias.heads = attention.heads
    return bias


def across_bias(attention, places, block, like):
    """The network on sign(d) log2(1 + |d|) of the offset between two blocks."""

    def bias(head, row, other):
        apart = [a - b for a, b in zip(places[block], places[other], strict=True)]
        offset = torch.tensor(apart, dtype=like.dtype)
        return attention.distance(offset.sign() * (offset.abs() + 1).log2())[head]

    bias.heads = attention.heads
    return bias


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("pad_tokens", ["mask", "attend"])
@pytest.mark.parametrize("space", [(11,), (8,), (3,), (5, 6)])
def test_the_formulas(space, version, pad_tokens):
    model = tiny(len(space), version, mixing="cross_block", pad_tokens=pad_tokens, window=4 if len(space) == 1 else 3)
    model = model.double()
    stage = model.backbone.stages[1]
    attention, (plan,) = stage.blocks[0].attention, stage.plans(space, torch.device("cpu"))
    x = torch.randn(2, math.prod(space), 16, dtype=torch.float64)
    blocks = open_blocks(x, stage.marker, plan) + torch.randn(1, 1, 1, 16, dtype=torch.float64)  # padding is filled
    found = attention(blocks, plan)
    counts = [-(-s // w) for s, w in zip(space, plan.cut.window, strict=True)]
    places = [
        tuple(p) for p in torch.cartesian_prod(*(torch.arange(n) for n in counts)).reshape(-1, len(space)).tolist()
    ]
    real, key = (t.view(len(places), -1) for t in (plan.real, plan.key))
    for sample, result in zip(blocks, found, strict=True):
        wanted = by_hand(attention, sample, real, key, places)
        kept = torch.cat([torch.ones(len(places), 1, dtype=torch.bool), real], 1)
        torch.testing.assert_close(result[kept], wanted[kept], rtol=1e-9, atol=1e-9)


def test_every_block_hears_of_every_other_within_one_layer():
    """What the marker is for: a change in the last block is seen in the first one. Shifted windows need many layers."""
    x = torch.randn(1, 2, 64)
    changed = x.clone()
    changed[..., 63] += 1
    for mixing, reached in (("cross_block", True), ("shifted", False)):
        model = tiny(1, mixing=mixing, stages=1)
        moved = (model.features(changed)[0] - model.features(x)[0]).abs().amax((0, 1)) > 0
        assert moved[0].item() is reached and moved[63]


def test_order_is_visible_at_any_distance():
    """Two far blocks changing places changes what a third one sees, by the bias on their distance."""
    model = tiny(1, mixing="cross_block", stages=1).double()
    x = torch.randn(1, 2, 40, dtype=torch.float64)
    swapped = x.clone()
    swapped[..., 16:20], swapped[..., 32:36] = x[..., 32:36], x[..., 16:20]
    assert (model.features(x)[0][..., :4] - model.features(swapped)[0][..., :4]).abs().max() > 1e-6
    for block in model.backbone.stages[0].blocks:
        torch.nn.init.zeros_(block.attention.distance[2].weight)
    torch.testing.assert_close(model.features(x)[0][..., :4], model.features(swapped)[0][..., :4])


def test_nothing_of_it_is_decayed_but_projections():
    groups = {name: decays for name, _, decays in tiny(2, "v2", mixing="cross_block").parameter_groups()}
    inside = {name.split(".attention.")[1] for name, decays in groups.items() if decays and ".attention." in name}
    assert inside == {"qkvc.weight", "marker_kv.weight", "projection.weight"}
    assert not groups["backbone.stages.0.marker"]
