"""Predicting takes other ways through a block than training: they agree."""

from __future__ import annotations

import copy

import pytest
import torch
from tiny_models import tiny

from swinkit.layers import mlp
from swinkit.layers.mlp import Mlp
from swinkit.models import prepared


@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize("mixing", ["shifted", "cross_block"])
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("rank, sizes", [(1, [(32,), (33,)]), (2, [(16, 24), (15, 24)]), (3, [(8, 16, 8), (8, 9, 16)])])
def test_what_a_model_predicts_is_what_it_computes_in_training(rank, sizes, version, mixing, samples):
    model = tiny(rank, version, mixing=mixing)
    for size in sizes:
        grid = torch.randn(samples, 2, *size)
        learned = [y.detach() for y in model.features(grid)]
        with torch.no_grad():
            ready = prepared(model, [size]).model
            for got in (model.features(grid), ready.features(grid), copy.deepcopy(ready).features(grid)):
                for a, b in zip(got, learned, strict=True):
                    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_lengths_of_samples_are_kept_to():
    model = tiny(2, small_map="pad")
    grid, valid = torch.randn(3, 2, 16, 24), torch.ones(3, 16, 24, dtype=torch.bool)
    valid[1, :, 9:] = False
    valid[2, 5:] = False
    learned = [y.detach() for y in model.features(grid, valid)]
    with torch.no_grad():
        for got in (model.features(grid, valid), prepared(model, [(16, 24)]).model.features(grid, valid)):
            for a, b in zip(got, learned, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_many_tokens_go_through_the_network_in_parts(dtype, monkeypatch):
    network = Mlp(8, 32).to(dtype)
    x = torch.randn(2, 37, 8, dtype=dtype)
    with torch.no_grad():
        whole = network(x)
        seen = []
        network.fc1.register_forward_hook(lambda _, args, __: seen.append(len(args[0])))
        monkeypatch.setattr(mlp, "CACHED", 32 * 10)
        parts = network(x)
    assert seen == [10] * 7 + [4]
    torch.testing.assert_close(parts, whole)
    assert network(x).requires_grad  # and learning sees all of them at once
    assert seen[-1] == 2


def test_a_prepared_copy_may_change_its_type():
    model, grid = tiny(2), torch.randn(1, 2, 16, 16)
    ready = prepared(model, [(16, 16)]).to(torch.float64).model
    with torch.no_grad():
        for a, b in zip(ready.features(grid.double()), model.double().features(grid.double()), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
