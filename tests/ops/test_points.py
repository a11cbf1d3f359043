"""Points to distributions and back."""

from __future__ import annotations

import pytest
import torch

from swinkit.ops.points import divergence, expectations, gaussians, held, held_in_map, peaks

STEP, CELLS = 4, (24, 32)


def maps(places: torch.Tensor, sigma: float = 6.0) -> torch.Tensor:
    """Heatmaps [n h w] of points [n 2] (row, column) in pixels, 4 px a cell."""
    rows, columns = (gaussians(places[:, axis] / STEP, CELLS[axis], sigma / STEP) for axis in (0, 1))
    return rows[:, :, None] * columns[:, None]


def test_heatmaps_are_decoded_within_a_tenth_of_a_pixel_up_to_the_border():
    places = torch.rand(500, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([96.0, 128.0])
    found = STEP * peaks(maps(places).clamp_min(1e-12).log())
    assert (found - places).abs().max() < 0.1


def test_turned_and_noisy_peaks_are_found():
    row, column = torch.meshgrid(torch.arange(24) + 0.5, torch.arange(32) + 0.5, indexing="ij")
    down, right = row - 10.3, column - 20.8
    logs = -(down**2 / 4 + right**2 / 9 + down * right / 8)  # a Gaussian whose axes are not the grid's
    assert (peaks(logs[None])[0] - torch.tensor([10.3, 20.8])).abs().max() < 0.02
    noisy = logs + 0.02 * torch.randn(24, 32, generator=torch.Generator().manual_seed(0))
    assert (peaks(noisy[None])[0] - torch.tensor([10.3, 20.8])).abs().max() < 0.5


def test_maps_without_a_top_give_the_centre_of_the_best_cell():
    ramp = torch.arange(20.0).expand(3, 12, 20).contiguous()
    assert peaks(ramp).tolist() == [[0.5, 19.5]] * 3
    assert peaks(torch.eye(2)[None]).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("sigma", [3.0, 6.0])
def test_places_on_an_axis_are_decoded_within_a_tenth_of_a_pixel(sigma):
    split = 2
    places = torch.linspace(2 * sigma, 128 - 2 * sigma, 301)
    found = expectations(gaussians(places * split, 128 * split, sigma * split), round(3 * sigma * split)) / split
    assert (found - places).abs().max() < 0.1


def test_a_far_second_peak_does_not_pull():
    one, other = gaussians(torch.tensor([20.3, 80.0]), 128, 3.0)
    assert expectations((0.7 * one + 0.3 * other)[None], 9).item() == pytest.approx(20.3, abs=0.05)


def test_the_divergence_of_the_wanted_distribution_is_zero_and_any_other_more():
    wanted = gaussians(torch.tensor([3.0, 200.0, -50.0]), 16, 1.5)  # those outside are distributions too
    assert wanted.sum(-1).tolist() == pytest.approx([1.0] * 3)
    torch.testing.assert_close(divergence(wanted.clamp_min(1e-30).log(), wanted), torch.zeros(3), atol=1e-5, rtol=0)
    uniform = divergence(torch.zeros(3, 16), wanted)
    by_hand = (wanted * (wanted.clamp_min(1e-30) * 16).log()).sum(-1)
    torch.testing.assert_close(uniform, by_hand)


def test_what_a_peak_holds_is_how_sure_it_is():
    assert held_in_map(maps(torch.tensor([[50.0, 60.0]])), 5).item() > 0.99
    assert held_in_map(torch.full((1, 24, 32), 1 / 768), 2).item() == pytest.approx(9 / 768)  # in a corner
    assert held(torch.full((1, 64), 1 / 64), 2).item() == pytest.approx(3 / 64)
