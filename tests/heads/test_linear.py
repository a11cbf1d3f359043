from __future__ import annotations

import pytest
import torch

from swinkit.heads import PooledLinear


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
