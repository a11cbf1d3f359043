"""What lets a model hear voices, rooms and microphones that it never heard: range, colour, means, voices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swinkit.engine.loader import sample_rng
from swinkit.files import ConfigError
from swinkit.modalities import Audio
from swinkit.modalities.audio.mel import limited
from swinkit.modalities.audio.varied import response
from swinkit.tasks import Classify
from swinkit.types import Record

RATE = 8000


def tone(hertz: float, seconds: float = 0.3) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


def record(samples: np.ndarray) -> Record:
    return Record(id="one", source=samples)


def test_what_is_far_below_the_loudest_is_raised_to_the_range():
    frames = torch.tensor([[0.0, -2.0, -20.0], [-8.0, -9.0, -30.0]])
    floor = float(-10 * np.log(10) / 10)
    torch.testing.assert_close(limited(frames, 10, "bands"), torch.tensor([[0, -2, floor], [-8, -9, -8 + floor]]))
    torch.testing.assert_close(limited(frames, 10, "whole"), frames.clamp_min(floor))
    quiet = np.concatenate([tone(1000), np.zeros(RATE // 4, np.float32)])
    noisy = quiet + 1e-3 * np.random.default_rng(0).standard_normal(len(quiet)).astype(np.float32)

    def apart(**changes) -> float:
        audio = Audio(rate=RATE, **changes)
        one, other = (audio.standard(audio.read(record(each))).grid for each in (quiet, noisy))
        return (one - other).square().mean().sqrt().item()

    assert apart(range=20.0) < 0.4 * apart()


def test_several_voices_are_views_below_each_other_and_their_answers_are_averaged():
    audio = Audio(rate=RATE, bands=16, voices=(0.9, 1.0, 1.1))
    samples = [audio.standard(audio.read(record(tone(hertz, seconds)))) for hertz, seconds in ((500, 0.3), (900, 0.4))]
    batch = audio.collate(samples)
    assert batch.views == 3 and batch.grid.shape[1:3] == (1, 48) and batch.valid is not None
    plain = Audio(rate=RATE, bands=16)
    assert samples[0].grid[:, 16:32].equal(plain.standard(plain.read(record(tone(500)))).grid)

    class Loud(torch.nn.Module):
        def forward(self, grid: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
            assert grid.shape[1:3] == (1, 16) and valid.shape == grid[:, 0].shape
            return torch.stack([grid[:, 0, 3].sum(1), grid[:, 0, 5].sum(1)], 1)

    found = Classify(classes=("a", "b")).predict(Loud(), batch)
    each = [Loud()(batch.grid[:, :, n : n + 16], batch.valid[:, n : n + 16]).softmax(1) for n in (0, 16, 32)]
    torch.testing.assert_close(torch.stack([one.scores for one in found]), sum(each) / 3)
    assert np.array_equal(
        audio.draw_target(samples[0], ()), plain.draw_target(plain.standard(plain.read(record(tone(500)))), ())
    )
    with pytest.raises(ConfigError, match="range 30"):
        Audio(source="features", range=30.0)
    for wrong in ({"voices": ()}, {"voices": (2.0,)}, {"rank": 1}, {"source": "features"}):
        with pytest.raises(ConfigError, match="voices"):
            Audio(**{"voices": (0.9, 1.1), **wrong})


def test_a_microphone_changes_bands_smoothly_and_means_take_it_off_again():
    found = torch.stack([response(40, 6.0, np.random.default_rng(n)) for n in range(300)]) * 10 / np.log(10)
    assert found.abs().mean() < 6 and 6 < found.abs().max() < 11 and found.mean(0).abs().max() < 1
    assert torch.diff(found, dim=1).abs().max() < 1.5
    same = {"speed": 0.0, "noise": 0.0, "gain": 0.0, "time_masks": 0, "band_masks": 0}
    audio = Audio(rate=RATE, colour=6.0, normalise="means", **same)
    sample = audio.read(record(tone(700)))
    one, other = audio.augment(sample, sample_rng(0, 0, "a")), audio.augment(sample, sample_rng(0, 0, "b"))
    torch.testing.assert_close(one.grid, other.grid, rtol=1e-3, atol=1e-3)
    whole = Audio(rate=RATE, colour=6.0, normalise="whole", **same)
    one, other = whole.augment(sample, sample_rng(0, 0, "a")), whole.augment(sample, sample_rng(0, 0, "b"))
    assert (one.grid - other.grid).abs().max() > 0.1
