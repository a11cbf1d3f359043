"""Bias tables for other windows, at every rank."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import RectBivariateSpline
from torch.nn import functional as F

from swinkit.files import ConfigError
from swinkit.weights.interpolate import _spread, resize_table


def table(window, heads=3):
    torch.manual_seed(0)
    return torch.randn(int(np.prod([2 * w - 1 for w in window])), heads)


@pytest.mark.parametrize(
    ("before", "after"), [((7, 7), (12, 12)), ((12, 12), (7, 7)), ((4, 7), (9, 3)), ((1, 1), (3, 2))]
)
def test_rank_2_is_bicubic(before, after):
    old = table(before)
    wanted = F.interpolate(
        old.t().reshape(1, 3, 2 * before[0] - 1, 2 * before[1] - 1),
        size=(2 * after[0] - 1, 2 * after[1] - 1), mode="bicubic",
    )  # fmt: skip
    torch.testing.assert_close(resize_table(old, before, after), wanted[0].flatten(1).t(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("spacing", ["uniform", "geometric"])
@pytest.mark.parametrize("window", [(5,), (5, 3), (2, 5, 3)])
def test_the_same_window_changes_nothing(window, spacing):
    assert resize_table(table(window), window, window, spacing).equal(table(window))


@pytest.mark.parametrize("spacing", ["uniform", "geometric"])
def test_axes_are_independent(spacing):
    """A rank-3 table that is a product of three axes is resampled axis by axis."""
    parts = [table((w,), heads=1)[:, 0] for w in (4, 5, 6)]
    product = torch.einsum("a,b,c->abc", *parts).reshape(-1, 1)
    found = resize_table(product, (4, 5, 6), (8, 7, 9), spacing)
    each = [
        resize_table(p[:, None], (len(p) // 2 + 1,), (w,), spacing)[:, 0] for p, w in zip(parts, (8, 7, 9), strict=True)
    ]
    torch.testing.assert_close(found, torch.einsum("a,b,c->abc", *each).reshape(-1, 1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("old", "new"), [(6, 12), (7, 12), (6, 7), (12, 24)])
def test_geometric_is_the_published_spline(old, new):
    """SciPy's bicubic spline on the spacing that SimMIM and BEiT search for."""

    def positions(source, target):
        left, right = 1.01, 1.5
        while right - left > 1e-6:
            q = (left + right) / 2.0
            if (1.0 - q ** (source // 2)) / (1.0 - q) > target // 2:
                right = q
            else:
                left = q
        distances, current = [], 1
        for i in range(source // 2):
            distances.append(current)
            current += q ** (i + 1)
        return np.array([-d for d in reversed(distances)] + [0] + distances)

    source, target = 2 * old - 1, 2 * new - 1
    values = table((old, old), heads=1).double()
    x = positions(source, target)
    spline = RectBivariateSpline(x, x, values.reshape(source, source).numpy(), kx=3, ky=3, s=0)
    wanted = torch.from_numpy(
        spline(np.arange(-(target // 2), target // 2 + 1), np.arange(-(target // 2), target // 2 + 1))
    )
    found = resize_table(values, (old, old), (new, new), "geometric").view(target, target)
    inside = slice(1, -1)  # the published search leaves the outermost position a millionth short, where SciPy clamps
    torch.testing.assert_close(found[inside, inside], wanted[inside, inside], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("new", [2, 3, 7])
def test_few_offsets_are_joined_by_lines(new):
    for old in (1, 2):
        matrix = _spread(2 * old - 1, 2 * new - 1)
        torch.testing.assert_close(matrix.sum(1), torch.ones(2 * new - 1, dtype=torch.float64))


def test_half_precision_is_kept():
    assert resize_table(table((4, 4)).half(), (4, 4), (6, 6)).dtype == torch.float16


def test_impossible_requests():
    with pytest.raises(ConfigError, match="the ranks differ"):
        resize_table(table((4, 4)), (4, 4), (2, 4, 4))
    with pytest.raises(ConfigError, match="there are uniform, geometric"):
        resize_table(table((4, 4)), (4, 4), (6, 6), "linear")
