"""What the core promises (design section 4), for every rank and version: locality, any size, no state, padded
batches."""

from __future__ import annotations

import copy
import itertools
from typing import get_args

import pytest
import torch
from tiny_models import randomise, tiny
from torch import Tensor, nn

from swinkit.backbone import Convolutions, Patches, SwinConfig, Tokens
from swinkit.models import Model, build
from swinkit.ops.windows import PadTokens, SmallMap

RANKS = (1, 2, 3)
VERSIONS = ("v1", "v2")
MIXINGS = ("shifted", "cross_block")
POLICIES = list(itertools.product(get_args(SmallMap), get_args(PadTokens)))


def one_block(model: Model, x: Tensor, block: int) -> Tensor:
    """[b c *space] through one block of the first stage, channels last."""
    tokens, _ = model.stem(x)
    stage, space = model.backbone.stages[0], tuple(tokens.shape[1:-1])
    plans = stage.plans(space, x.device)
    return stage.blocks[block](tokens.flatten(1, -2), plans[block]).unflatten(1, space)


def window_of(position: int, size: int, window: int, shift: int) -> int:
    """A name for the set of positions that attend to each other along one axis, by the published rule."""
    padded = -(-size // window) * window
    rolled = (position - shift) % padded
    strip = position < shift
    return (rolled // window) * 2 + strip


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("small_map, pad_tokens", POLICIES)
@pytest.mark.parametrize("space", [(8,), (11,), (3,), (8, 8), (9, 6), (3, 10), (4, 8, 6), (5, 3, 9)], ids=str)
def test_locality_a_change_reaches_its_window_and_nothing_else(version, small_map, pad_tokens, space):
    model = tiny(len(space), version, small_map=small_map, pad_tokens=pad_tokens).double()
    x = torch.randn(1, 2, *space, dtype=torch.float64)
    small = [s <= 4 for s in space]
    for block in (0, 1):
        still = any(small) if small_map == "shrink_block" else None
        shift = [0 if block == 0 or (small_map != "pad" and (f if still is None else still)) else 2 for f in small]
        before = one_block(model, x, block)
        for cell in itertools.islice(itertools.product(*(range(s) for s in space)), 0, None, 7):
            changed = x.clone()
            changed[(0, slice(None), *cell)] += 1.0
            moved = (one_block(model, changed, block) != before).any(-1)[0]
            expected = torch.zeros(space, dtype=torch.bool)
            for other in itertools.product(*(range(s) for s in space)):
                expected[other] = all(
                    window_of(a, s, 4, k) == window_of(b, s, 4, k)
                    for a, b, s, k in zip(cell, other, space, shift, strict=True)
                )
            assert moved.equal(expected), f"block {block}, cell {cell}"


def test_rolling_before_padding_reaches_other_rows_c1():
    """C1 as timm has it: on 16 rows with window 7, row 15 then touches {0, 10..15}; published and ours {10..15}."""
    torch.manual_seed(0)
    weight = torch.randn(1, 16, 1, 4)

    def rolled_first(x: Tensor) -> Tensor:
        x = torch.roll(x, -3, 1)
        x = nn.functional.pad(x, (0, 0, 0, 0, 0, 5)).view(1, 3, 7, 1, 4)
        label = torch.cat([torch.zeros(14), torch.ones(4), torch.full((3,), 2.0)]).view(3, 7)
        mask = (label[:, :, None] != label[:, None]) * -100.0
        scores = torch.einsum("bwqhc,bwkhc->bwqk", x, x) + mask
        x = torch.einsum("bwqk,bwkhc->bwqhc", scores.softmax(-1), x).reshape(1, 21, 1, 4)[:, :16]
        return torch.roll(x, 3, 1)

    changed = weight.clone()
    changed[0, 15] += 1
    wrong = set((rolled_first(changed) != rolled_first(weight)).any(-1).nonzero()[:, 1].tolist())
    assert wrong == {0, 10, 11, 12, 13, 14, 15}
    model = tiny(1, window=7)
    x = torch.randn(1, 2, 16)
    changed = x.clone()
    changed[..., 15] += 1
    right = (one_block(model, changed, 1) != one_block(model, x, 1)).any(-1).nonzero()[:, 1]
    assert set(right.tolist()) == {10, 11, 12, 13, 14, 15}


@pytest.mark.parametrize("version, mixing", list(itertools.product(VERSIONS, MIXINGS)))
def test_one_instance_takes_any_size_and_is_not_changed_by_it(version, mixing):
    """C2, C6, S4: 1x1, wide, square, odd, and the first again, with equal outputs and an unchanged module."""
    torch.manual_seed(0)
    config = SwinConfig(version=version, mixing=mixing, width=16, depths=(2, 2, 2, 2), heads=(1, 2, 4, 8),
                        conditional_position=version == "v1")  # fmt: skip
    model = Model(config, lambda levels: nn.Identity()).eval()
    randomise(model)
    state, attributes = copy.deepcopy(model.state_dict()), repr(model)
    buffers = {name: b.clone() for name, b in model.named_buffers()}
    first = model.features(torch.ones(1, 3, 224, 224))
    for size in ((1, 1), (31, 200), (224, 224), (225, 225), (7, 500), (224, 224)):
        features = model.features(torch.ones(2, 3, *size))
        assert all(f.isfinite().all() for f in features)
        assert [tuple(f.shape[2:]) for f in features] == [tuple(-(-s // (4 * 2**i)) for s in size) for i in range(4)]
    again = model.features(torch.ones(1, 3, 224, 224))
    assert all(a.equal(b) for a, b in zip(first, again, strict=True))
    assert all(v.equal(state[k]) for k, v in model.state_dict().items()) and repr(model) == attributes
    assert all(b.equal(buffers[name]) for name, b in model.named_buffers())


@pytest.mark.parametrize("rank, mixing", list(itertools.product(RANKS, MIXINGS)))
def test_hundred_random_sizes(rank, mixing):
    """Both versions, all policies and conditional positions take turns over the sizes."""
    models = [
        tiny(rank, version, patch=2, mixing=mixing, small_map=small_map, pad_tokens=pad_tokens,
             conditional_position=number % 3 == 0)
        for number, (version, (small_map, pad_tokens)) in enumerate(itertools.product(VERSIONS, POLICIES))
    ]  # fmt: skip
    states = [copy.deepcopy(model.state_dict()) for model in models]
    generator = torch.Generator().manual_seed(rank)
    limit = {1: 300, 2: 60, 3: 20}[rank]
    for number in range(100):
        size = torch.randint(1, limit, (rank,), generator=generator).tolist()
        model = models[number % len(models)]
        with torch.no_grad():
            assert all(f.isfinite().all() for f in model.features(torch.randn(1, 2, *size)))
    for model, state in zip(models, states, strict=True):
        assert all(value.equal(state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("rank, version, mixing", list(itertools.product(RANKS, VERSIONS, MIXINGS)))
@pytest.mark.parametrize("change", ["load_state_dict", "data", "swap", "dtype"])
def test_nothing_remembers_old_weights(rank, version, mixing, change):
    """S4: forward holds no cache, so every way of changing weights shows at once."""
    model, other = tiny(rank, version, mixing=mixing), tiny(rank, version, mixing=mixing)
    for p in other.parameters():
        p.data.mul_(1.5)
    x = torch.randn(1, 2, *(9,) * rank)
    before, expected = model.features(x)[-1], other.features(x)[-1]
    if change == "load_state_dict":
        model.load_state_dict(other.state_dict())
    elif change == "data":
        for p, q in zip(model.parameters(), other.parameters(), strict=True):
            p.data = q.data
    elif change == "swap":
        with torch.no_grad():
            for p, q in zip(model.parameters(), other.parameters(), strict=True):
                p.copy_(q)
    else:
        torch.testing.assert_close(model.double().features(x.double())[-1].float(), before, atol=2e-4, rtol=1e-3)
        return
    after = model.features(x)[-1]
    assert after.equal(expected) and not after.equal(before)


@pytest.mark.parametrize("rank, version, mixing", list(itertools.product(RANKS, VERSIONS, MIXINGS)))
def test_a_padded_batch_gives_each_sample_what_it_gets_alone(rank, version, mixing):
    """S11: under small_map=pad, pad_tokens=mask, with `valid` carried through; patches, and convolutions throughout."""
    for stem in (Patches(size=(2,) * rank, channels=2), Convolutions(size=(2,) * rank, channels=2)):
        model = tiny(rank, version, stages=3, stem=stem, small_map="pad", pad_tokens="mask", mixing=mixing,
                     conditional_position=isinstance(stem, Convolutions))  # fmt: skip
        sizes = [(5,) * rank, (9,) * rank, (12,) * rank, tuple(range(6, 6 + rank)), (1,) * rank]
        common = tuple(max(s[a] for s in sizes) + 4 for a in range(rank))
        grid, valid = torch.zeros(len(sizes), 2, *common), torch.zeros(len(sizes), *common, dtype=torch.bool)
        for i, size in enumerate(sizes):
            box = tuple(slice(0, s) for s in size)
            grid[(i, slice(None), *box)] = torch.randn(2, *size)
            valid[(i, *box)] = True
        together = model.features(grid, valid)
        for i, size in enumerate(sizes):
            box = tuple(slice(0, s) for s in size)
            alone = model.features(grid[(slice(i, i + 1), slice(None), *box)])
            for level, feature in zip(together, alone, strict=True):
                part = level[(i, slice(None), *[slice(0, s) for s in feature.shape[2:]])]
                assert (part - feature[0]).norm() <= 1e-5 * feature.norm()
                outside = level[i].clone()
                outside[(slice(None), *[slice(0, s) for s in feature.shape[2:]])] = 0
                assert not outside.any(), "cells that a sample lacks are zero"


def test_tokens_of_text_with_padding():
    torch.manual_seed(0)
    config = SwinConfig(stem=Tokens(vocabulary=30), width=8, depths=(2, 2), heads=(1, 2), window=((4,),),
                        merge=((1,), (1,)), small_map="pad")  # fmt: skip
    model = Model(config, lambda levels: nn.Identity()).eval()
    randomise(model)
    ids = torch.randint(0, 30, (2, 1, 13))
    valid = torch.arange(13) < torch.tensor([[13], [6]])
    together = model.features(ids, valid)[-1]
    alone = model.features(ids[1:, :, :6])[-1]
    assert together.shape == (2, 8, 13)
    torch.testing.assert_close(together[1:, :, :6], alone, rtol=1e-5, atol=1e-5)


def test_fresh_v2_blocks_are_identities_and_v1_drops_both_branches():
    """C5: V2's branch norms start at zero; stochastic depth acts on attention and on the MLP."""
    model = build("swin_v2_t", width=48, heads=(3, 6, 12, 24))
    stage = model.backbone.stages[0]
    x = torch.randn(1, 64, 48)
    assert stage.blocks[1](x, stage.plans((8, 8), x.device)[1]).equal(x)
    block = tiny(2, drop_path=0.9).backbone.stages[1].blocks[1].train()
    assert block.drop_path.rate == 0.9
    plans = tiny(2).backbone.stages[1].plans((4, 4), x.device)
    results = set()
    for seed in range(200):
        torch.manual_seed(seed)
        with torch.no_grad():
            results.add(tuple(block(torch.ones(1, 16, 16), plans[0])[0, 0].tolist()))
    assert len(results) == 4  # neither, attention only, MLP only, both


def test_weight_decay_spares_norms_biases_tables_scales_and_cpb():
    """C7."""
    for name in ("swin_t", "swin_v2_t"):
        with torch.device("meta"):
            model = build(name)
        groups = {name: (depth, decays) for name, depth, decays in model.parameter_groups()}
        assert set(groups) == {name for name, _ in model.named_parameters()}
        decayed = [name for name, (_, decays) in groups.items() if decays]
        assert all(name.endswith("weight") for name in decayed)
        assert not [n for n in decayed if "norm" in n or ".attention.bias." in n or "log_scale" in n]
        assert [n for n in decayed if n.endswith("qkv.weight")] and [n for n in decayed if n.endswith("fc2.weight")]
        depths = [depth for depth, _ in groups.values()]
        assert set(depths) == set(range(max(depths) + 1)) and max(depths) == sum(model.config.depths) + 1


def test_channels_and_rank_are_checked_at_the_door():
    model = tiny(2)
    with pytest.raises(ValueError, match=r"\(1, 3, 8, 8\) came, \[batch, 2 channels, 2 axes\] was wanted"):
        model(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="2 axes"):
        model(torch.zeros(1, 2, 8))


def test_half_precision_is_finite_for_zero_and_constant_pictures():
    """N3, and the fp16 normalisation of zeros in V2."""
    for version, dtype, value in itertools.product(VERSIONS, (torch.bfloat16,), (0.0, 1.0, 100.0)):
        model = tiny(2, version, stages=3)
        with torch.autocast("cpu", dtype), torch.no_grad():
            features = model.features(torch.full((1, 2, 17, 17), value))
        assert all(f.isfinite().all() for f in features)
