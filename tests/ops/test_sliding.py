from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from swinkit.ops.sliding import average_views, gaussian_weights, slide

CASES = [((11,), (4,), (3,)), ((12, 9), (4, 3), (4, 3)), ((7, 10), (5, 4), (2, 3)), ((4, 6, 5), (2, 6, 3), (2, 5, 2))]


def local(grid: Tensor, valid: Tensor | None) -> Tensor:
    """Looks at one cell at a time."""
    return torch.cat([grid.sin(), grid[:, :1] * grid[:, 1:]], 1)


@pytest.mark.parametrize("space, window, stride", CASES, ids=str)
def test_windows_over_a_local_function_equal_one_call(space, window, stride) -> None:
    grid = torch.randn(2, 2, *space)
    torch.testing.assert_close(slide(local, grid, window=window, stride=stride), local(grid, None))


@pytest.mark.parametrize("window", [(7, 10), (9, 10), (100, 100)], ids=str)
def test_a_window_as_large_as_the_grid_is_one_plain_call(window: tuple[int, int]) -> None:
    seen: list[Tensor] = []

    def once(grid: Tensor, valid: Tensor | None) -> Tensor:
        seen.append(grid)
        return grid

    grid = torch.randn(1, 2, 7, 10)
    assert slide(once, grid, window=window, stride=(3, 3)) is grid and len(seen) == 1


def test_windows_cover_the_grid_as_published_and_blend_towards_their_middles() -> None:
    windows: list[list[float]] = []

    def keep(grid: Tensor, valid: Tensor | None) -> Tensor:
        windows.append(grid.flatten().tolist())
        return torch.full_like(grid, float(len(windows)))

    grid = torch.arange(10.0)[None, None]
    blended = slide(keep, grid, window=(6,), stride=(3,))[0, 0]
    assert [w[0] for w in windows] == [0, 3, 4]  # the last window moves back to end with the grid
    assert blended[0] == 1 and blended[-1] == 3
    assert (blended.diff() >= 0).all()


def test_the_middle_of_a_window_counts_most() -> None:
    weights = gaussian_weights((16, 9), torch.device("cpu"))
    assert weights.shape == (16, 9) and torch.equal(weights, weights.flip(0)) and torch.equal(weights, weights.flip(1))
    assert weights.argmax() in (7 * 9 + 4, 8 * 9 + 4) and weights[0, 0] == pytest.approx(1e-3)
    one = gaussian_weights((9,), torch.device("cpu"))
    assert one[4] == 1 and one[5] == pytest.approx(math.exp(-0.5 * (8 / 9) ** 2))  # an eighth of nine cells


def test_windows_see_the_valid_cells_and_empty_ones_are_skipped() -> None:
    valid = torch.zeros(1, 12, dtype=torch.bool)
    valid[:, :5] = True
    seen: list[Tensor] = []

    def masked(grid: Tensor, mask: Tensor | None) -> Tensor:
        assert mask is not None
        seen.append(mask)
        return grid * mask[:, None]

    grid = torch.randn(1, 1, 12)
    found = slide(masked, grid, valid, window=(4,), stride=(4,))
    assert len(seen) == 2
    torch.testing.assert_close(found, grid * valid[:, None])


@pytest.mark.parametrize("window, stride", [((4,), (2, 2)), ((4, 4), (5, 2)), ((4, 4), (0, 2)), ((0, 4), (0, 4))])
def test_windows_that_leave_cells_out_are_refused(window, stride) -> None:
    with pytest.raises(ValueError):
        slide(local, torch.zeros(1, 2, 8, 8), window=window, stride=stride)


@pytest.mark.parametrize("space", [(8,), (8, 12), (4, 6, 8)], ids=str)
def test_flipping_changes_nothing_for_a_function_that_does_not_care(space: tuple[int, ...]) -> None:
    grid = torch.randn(2, 2, *space)
    plain = average_views(local, grid)
    torch.testing.assert_close(plain, local(grid, None).softmax(1))
    torch.testing.assert_close(average_views(local, grid, flip=True), plain)


def test_flipped_views_are_mirrored_back_with_their_mask() -> None:
    def cumulative(grid: Tensor, valid: Tensor | None) -> Tensor:
        assert valid is not None and valid.equal(grid[:, 0] > 0)
        return torch.cat([grid.cumsum(-1), torch.zeros_like(grid)], 1)

    grid = torch.zeros(1, 1, 6)
    grid[..., :4] = torch.rand(4) + 0.1
    views = [cumulative(g, g[:, 0] > 0).softmax(1) for g in (grid, grid.flip(-1))]
    torch.testing.assert_close(
        average_views(cumulative, grid, grid[:, 0] > 0, flip=True), (views[0] + views[1].flip(-1)) / 2
    )


def test_scales_average_probabilities_at_the_size_of_the_grid() -> None:
    sizes: list[tuple[int, ...]] = []

    def flat(grid: Tensor, valid: Tensor | None) -> Tensor:
        sizes.append(tuple(grid.shape[2:]))
        assert valid is not None and tuple(valid.shape[1:]) == sizes[-1]
        return grid.mean((2, 3), keepdim=True).expand(-1, -1, *(-(-n // 4) for n in grid.shape[2:]))

    grid = torch.randn(1, 3, 1, 1).expand(1, 3, 10, 13)
    found = average_views(flat, grid, torch.ones(1, 10, 13, dtype=torch.bool), scales=(0.5, 1.0, 1.75), flip=True)
    assert sizes == [(5, 6)] * 2 + [(10, 13)] * 2 + [(18, 23)] * 2
    torch.testing.assert_close(found, grid.softmax(1).expand(1, 3, 10, 13))
