from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from torch import Tensor

from swinkit.ops.sliding import average_views, gaussian_weights, slabs, slide, window_starts

CASES = [((11,), (4,), (3,)), ((12, 9), (4, 3), (4, 3)), ((7, 10), (5, 4), (2, 3)), ((4, 6, 5), (2, 6, 3), (2, 5, 2))]


def local(grid: Tensor, valid: Tensor | None) -> Tensor:
    """Looks at one cell at a time."""
    return torch.cat([grid.sin(), grid[:, :1] * grid[:, 1:]], 1)


@pytest.mark.parametrize("space, window, stride", CASES, ids=str)
def test_windows_over_a_local_function_equal_one_call(space, window, stride) -> None:
    grid = torch.randn(2, 2, *space)
    torch.testing.assert_close(slide(local, grid, window=window, stride=stride), local(grid, None))


def blended(grid: Tensor, valid: Tensor, window: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """`slide` as it is written down: all windows added up, then divided by what they count for."""
    space, weights = grid.shape[2:], gaussian_weights(window, grid.device)
    total, sums = torch.zeros(2, 3, *space), torch.zeros(space)
    for origin in product(*(window_starts(n, w, s) for n, w, s in zip(space, window, stride, strict=True))):
        part = (..., *(slice(o, o + w) for o, w in zip(origin, window, strict=True)))
        if valid[part].any():
            total[part] += local(grid[part], None) * weights
            sums[part] += weights
    return total / sums.clamp_min(torch.finfo(torch.float32).tiny)


def partly_valid(space: tuple[int, ...], where: str) -> Tensor:
    """The first sample is empty; of the other the first, the last or the middle rows are valid."""
    valid, third = torch.zeros(2, *space, dtype=torch.bool), max(1, space[0] // 3)
    valid[1, {"first": slice(third), "last": slice(-third, None), "middle": slice(third, 2 * third)}[where]] = True
    return valid


@pytest.mark.parametrize("where", ["first", "middle", "last"])
@pytest.mark.parametrize("space, window, stride", CASES, ids=str)
def test_slabs_follow_each_other_and_are_the_whole_to_the_bit(space, window, stride, where: str) -> None:
    grid, valid = torch.randn(2, 2, *space), partly_valid(space, where)
    expected, end = blended(grid, valid, window, stride), 0
    for rows, values in slabs(local, grid, valid, window=window, stride=stride):
        assert rows.start == end and values.equal(expected[:, :, rows])
        end = rows.stop
    assert end == space[0]
    assert slide(local, grid, valid, window=window, stride=stride).equal(expected)


@pytest.mark.parametrize("space, window, stride", CASES, ids=str)
def test_gradients_pass_through_the_blend(space, window, stride) -> None:
    grid, valid = torch.randn(2, 2, *space), torch.ones(2, *space, dtype=torch.bool)
    ours, theirs = grid.clone().requires_grad_(), grid.clone().requires_grad_()
    slide(local, ours, valid, window=window, stride=stride).square().sum().backward()
    blended(theirs, valid, window, stride).square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_a_slab_is_finished_before_the_windows_that_do_not_reach_it() -> None:
    seen: list[float] = []

    def first(grid: Tensor, valid: Tensor | None) -> Tensor:
        seen.append(grid.min().item())
        return grid

    parts = slabs(first, torch.arange(20.0)[None, None], window=(6,), stride=(4,))
    for starts in ([0], [0, 4], [0, 4, 8], [0, 4, 8, 12], [0, 4, 8, 12, 14]):
        rows, values = next(parts)
        assert seen == starts and values.shape[2] == rows.stop - rows.start
        assert values.untyped_storage().nbytes() <= 6 * 4  # as many rows as a window has, not all so far
    assert rows.stop == 20
    with pytest.raises(ValueError, match="no window holds a valid cell"):
        list(slabs(first, torch.zeros(1, 1, 9), torch.zeros(1, 9, dtype=torch.bool), window=(4,), stride=(4,)))


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
