"""Cosine scores in half precision: as exact as what they are made from, and never formed in it."""

from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch

import swinkit.layers.attention as layer
from swinkit.backbone.rules import RULES
from swinkit.layers.attention import WindowAttention
from swinkit.ops.attention import Inputs
from swinkit.ops.windows import Cut, plan

SPACE, CHANNELS, HEADS = (16, 16), 64, 2
CUT = Cut(window=(8, 8), shift=(4, 4))


@pytest.fixture
def module() -> WindowAttention:
    torch.manual_seed(0)
    bias = RULES["v2"].bias((8, 8), (8, 8), HEADS)
    attention = WindowAttention(CHANNELS, HEADS, score="cosine", bias=bias)
    torch.nn.init.constant_(attention.log_scale, math.log(100.0))  # where an error in a score weighs most
    return attention.eval()


def wide_scores(attention: WindowAttention, x: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """The answer where queries and keys stay in float32 instead."""
    exact = layer.window_attention

    def keep(inputs: Inputs, **how: object) -> torch.Tensor:
        offset = attention._projection_bias()
        qk = attention.qkv(seen[0], offset).view(*seen[0].shape[:2], 3, HEADS, -1)[:, :, :2].float()
        scale = attention.log_scale.float().clamp(max=layer.LOG_SCALE_LIMIT).exp().view(HEADS, 1)
        unit = qk / torch.linalg.vector_norm(qk, dim=-1, keepdim=True).clamp_min(1e-12)
        q, k = unit[:, :, 0] * scale, unit[:, :, 1]
        return exact(dataclasses.replace(inputs, q=q, k=k), **how)

    seen: list[torch.Tensor] = []
    attention.qkv.register_forward_pre_hook(lambda _, given: seen.append(given[0]) if not seen else None)
    monkeypatch.setattr(layer, "window_attention", keep)
    with torch.no_grad():
        return attention(x, plan(SPACE, CUT, torch.device("cpu")))


def test_rounding_directions_adds_nothing_to_the_error_of_half_precision(module, monkeypatch):
    x = torch.randn(2, 256, CHANNELS)
    cut = plan(SPACE, CUT, torch.device("cpu"))
    with torch.no_grad():
        wanted = copy.deepcopy(module).double()(x.double(), cut)
        half = copy.deepcopy(module).bfloat16()
        narrow = half(x.bfloat16(), cut).double()
    wide = wide_scores(half, x.bfloat16(), monkeypatch).double()
    errors = [float((found - wanted).norm() / wanted.norm()) for found in (narrow, wide)]
    assert not narrow.equal(wide) and errors[0] < 1.25 * errors[1] and errors[0] < 0.15, errors


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_backends_get_directions_in_the_type_of_the_values(module, monkeypatch, dtype):
    given: list[Inputs] = []
    real = layer.window_attention
    monkeypatch.setattr(layer, "window_attention", lambda inputs, **how: given.append(inputs) or real(inputs, **how))
    with torch.no_grad():
        module.to(dtype)(torch.randn(1, 256, CHANNELS, dtype=dtype), plan(SPACE, CUT, torch.device("cpu")))
    (inputs,) = given
    assert inputs.q.dtype == inputs.k.dtype == inputs.v.dtype == dtype
    lengths = torch.linalg.vector_norm(inputs.k.float(), dim=-1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=4e-3, rtol=0)
