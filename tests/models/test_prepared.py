"""Inference copies: equal results, few masks, read-only, untouched by later training."""

from __future__ import annotations

import pytest
import torch
from tiny_models import tiny

from swinkit.models import prepared


@pytest.mark.parametrize("small_map, pad_tokens", [("shrink", "mask"), ("pad", "attend")])
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("rank, size", [(1, (37,)), (2, (32, 48)), (2, (27, 35)), (3, (13, 16, 9))])
def test_a_prepared_copy_predicts_the_same(rank, size, version, small_map, pad_tokens):
    model = tiny(rank, version, small_map=small_map, pad_tokens=pad_tokens, conditional_position=version == "v1")
    ready = prepared(model, [size])
    for space in (size, tuple(s + 3 for s in size)):  # prepared for the first only
        grid = torch.randn(2, 2, *space)
        with torch.no_grad():
            expected, got = model.features(grid), ready.model.features(grid)
        for a, b in zip(expected, got, strict=True):
            torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-5)


def test_valid_samples_and_the_reference_backend_agree_too():
    model = tiny(2, small_map="pad")
    grid, valid = torch.randn(2, 2, 27, 35), torch.ones(2, 27, 35, dtype=torch.bool)
    valid[1, 20:] = False
    ready = prepared(model, [(27, 35)])
    for backend in ("sdpa", "reference"):
        for module in ready.modules():
            if hasattr(module, "backend"):
                module.backend = backend
        with torch.no_grad():
            for a, b in zip(model.features(grid, valid), ready.model.features(grid, valid), strict=True):
                torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_masks_are_one_a_kind_and_never_one_a_window(rank):
    size = {1: (201,), 2: (65, 91), 3: (19, 23, 21)}[rank]
    ready = prepared(tiny(rank, small_map="pad"), [size])
    for stage in ready.model.backbone.stages:
        for plans in stage.ready.values():
            for p in plans:
                assert p.mask is not None and len(p.kinds) == len(p.mask) <= 3**rank
                assert sum(p.kinds) == p.order.numel() // p.cut.tokens


def test_a_prepared_copy_is_read_only_and_its_model_is_free():
    model = tiny(2)
    ready = prepared(model, [(16, 16)])
    grid = torch.randn(1, 2, 16, 16)
    before = ready.model.features(grid)[-1]
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(2)
    assert ready.model.features(grid)[-1].equal(before)
    assert not any(p.requires_grad for p in ready.parameters()) and not ready.training
    assert not model.backbone.stages[0].ready
    with pytest.raises(RuntimeError, match="cannot be trained"):
        ready.train()
    with pytest.raises(RuntimeError, match="prepare it again"):
        ready.load_state_dict(model.state_dict())
