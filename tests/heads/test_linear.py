from __future__ import annotations

import pytest
import torch

from swinkit.heads import PeakLinear, PooledLinear


@pytest.mark.parametrize("space", [(6,), (3, 4), (2, 3, 2)], ids=str)
def test_the_mean_is_over_valid_tokens_only(space: tuple[int, ...]) -> None:
    head, feature = PooledLinear(5, 3), torch.randn(2, 5, *space)
    valid = torch.rand(2, *space) > 0.4
    valid.view(2, -1)[:, 0] = True
    expected = torch.stack([head.linear(x[:, v].mean(1)) for x, v in zip(feature, valid, strict=True)])
    dirty = torch.where(valid[:, None], feature, float("nan"))
    torch.testing.assert_close(head([dirty], [valid], space), expected)
    torch.testing.assert_close(head([feature], None, space), head.linear(feature.flatten(2).mean(2)))


def test_a_sample_without_tokens_is_finite() -> None:
    head = PooledLinear(5, 3)
    out = head([torch.randn(1, 5, 4)], [torch.zeros(1, 4, dtype=torch.bool)], (4,))
    torch.testing.assert_close(out[0], head.linear.bias)


@pytest.mark.parametrize("space", [(6,), (3, 4), (2, 3, 2)], ids=str)
def test_the_peak_is_over_valid_tokens_only(space: tuple[int, ...]) -> None:
    head, feature = PeakLinear(5, 3), torch.randn(2, 5, *space) - 3  # all below zero, as padding may not be
    valid = torch.rand(2, *space) > 0.4
    valid.view(2, -1)[:, 0] = True
    expected = torch.stack([head.peaks(x[:, v].amax(1)) for x, v in zip(feature, valid, strict=True)])
    dirty = torch.where(valid[:, None], feature, float("nan")).requires_grad_()
    out = head([dirty], [valid], space)
    torch.testing.assert_close(out, expected)
    (slope,) = torch.autograd.grad(out.sum(), dirty)
    assert slope.isfinite().all()
    assert not slope[~valid[:, None].expand_as(slope)].any()
    torch.testing.assert_close(head([feature], None, space), head.peaks(feature.flatten(2).amax(2)))


def test_the_peak_of_no_token_is_the_bias() -> None:
    head = PeakLinear(5, 3)
    out = head([torch.randn(1, 5, 4)], [torch.zeros(1, 4, dtype=torch.bool)], (4,))
    torch.testing.assert_close(out[0], head.peaks.bias)
