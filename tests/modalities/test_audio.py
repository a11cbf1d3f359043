"""Sounds become grids as published formulas say, vary by the given numbers alone, and are stacked and drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swinkit.engine.loader import sample_rng
from swinkit.files import ConfigError, DataError
from swinkit.modalities import Audio
from swinkit.modalities.audio.mel import (
    log_mel,
    mel_filters,
    normalised,
    to_hertz,
    to_mel,
    warped,
    with_slopes,
)
from swinkit.modalities.audio.varied import (
    Ranges,
    cepstral_warp,
    coloured,
    masked,
    quietest,
    stretched,
    varied,
)
from swinkit.types import ClassScores, Record, Transcript, Word

RATE = 8000


def tone(hertz: float, seconds: float = 0.3) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


def record(samples: np.ndarray, target=None) -> Record:
    return Record(id="one", source=samples, target=target)


def test_mel_scales_have_their_published_values():
    assert to_mel(1000, "htk") == pytest.approx(1000, abs=0.1) and to_mel(700, "htk") == pytest.approx(781.17, abs=0.01)
    assert to_mel([0, 200, 1000, 6400], "slaney").tolist() == pytest.approx([0, 3, 15, 42])
    for scale in ("htk", "slaney"):
        np.testing.assert_allclose(to_hertz(to_mel(np.arange(1, 4000, 37.0), scale), scale), np.arange(1, 4000, 37.0))


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_filters_are_those_of_a_published_implementation(scale):
    audio_utils = pytest.importorskip("transformers.audio_utils")
    other = audio_utils.mel_filter_bank(257, 40, 60.0, 7600.0, 16_000, norm="slaney", mel_scale=scale)
    np.testing.assert_allclose(mel_filters(16_000, 512, 40, (60.0, 7600.0), scale).numpy(), other.T, atol=1e-6)


def test_power_is_that_of_the_windowed_transform():
    samples = np.random.default_rng(0).standard_normal(800).astype(np.float32)
    filters = mel_filters(RATE, 256, 20, (20.0, 4000.0))
    found = log_mel(torch.from_numpy(samples), filters, 200, 80)
    assert found.shape == (20, 11)
    frame = np.zeros(256)
    frame[28:228] = samples[400 - 100 : 400 + 100] * 0.5 * (1 - np.cos(2 * np.pi * np.arange(200) / 200))
    power = np.abs(np.fft.rfft(frame)) ** 2
    np.testing.assert_allclose(found[:, 5].exp().numpy(), filters.numpy() @ power, rtol=1e-4)


def test_slopes_are_the_regression_over_five_frames():
    line = torch.arange(10.0)[None] * 3
    steady, slope, change = with_slopes(line, 2)
    assert steady.equal(line) and slope[0, 3:7].tolist() == pytest.approx([3] * 4)
    assert change[0, 4:6].abs().max() < 1e-6
    x = torch.randn(1, 12)
    wanted = sum(n * (x[0, 6 + n] - x[0, 6 - n]) for n in (1, 2)) / 10
    assert with_slopes(x, 1)[1][0, 6].item() == pytest.approx(wanted.item(), abs=1e-6)


def test_normalising_is_over_the_utterance():
    frames = torch.randn(4, 50) * 3 + 7
    found = normalised(frames, "bands")
    assert found.mean(1).abs().max() < 1e-5 and (found.std(1, correction=0) - 1).abs().max() < 2e-3
    assert normalised(frames, "whole").std(correction=0).item() == pytest.approx(1, abs=2e-3)
    frames[2] += 20
    means = normalised(frames, "means")
    assert means.mean(1).abs().max() < 1e-5 and means.std(correction=0).item() == pytest.approx(1, abs=2e-3)
    assert normalised(frames, "none") is frames and normalised(torch.full((2, 3), 5.0), "bands").abs().max() == 0


def test_the_warp_moves_frequencies_and_keeps_the_ends():
    bins = np.linspace(0, 4000, 129)
    moved = warped(bins, 4000, 1.1)
    assert moved[0] == 0 and moved[-1] == pytest.approx(4000) and (np.diff(moved) > 0).all()
    np.testing.assert_allclose(moved[bins < 2100], bins[bins < 2100] * 1.1)
    loudest = [int(log_mel(torch.from_numpy(tone(1000)), mel_filters(RATE, 256, 40, (20.0, 4000.0), "slaney", w),
                           200, 80)[:, 10].argmax()) for w in (0.85, 1.0, 1.15)]  # fmt: skip
    assert loudest == sorted(set(loudest))


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("slopes", [0, 2])
def test_a_sound_becomes_a_grid_of_either_rank(rank, slopes):
    audio = Audio(rate=RATE, rank=rank, bands=20, slopes=slopes)
    sample = audio.standard(audio.read(record(tone(500), 3)))
    bands = (20 * (1 + slopes),) if rank == 1 else (1 + slopes, 20)
    assert sample.grid.shape == (*bands, 31) and sample.target.item() == 3 and sample.size == (2400,)
    assert audio.channels == bands[0] and sample.grid.isfinite().all()


def test_views_are_functions_of_the_generator():
    audio = Audio(rate=RATE, bands=20, warp=0.1, noise=1.0, shift=0.1)
    sample = audio.read(record(tone(500)))
    before = sample.grid.clone()
    one, same, other = (audio.augment(sample, sample_rng(0, epoch, "one")) for epoch in (0, 0, 1))
    assert one.grid.equal(same.grid) and sample.grid.equal(before)
    assert one.grid.shape != other.grid.shape or not one.grid.equal(other.grid)
    still = Audio(rate=RATE, bands=20, speed=0, gain=0, noise=0, time_masks=0, band_masks=0)
    assert still.augment(sample, sample_rng(0, 0, "one")).grid.equal(still.standard(sample).grid)


def test_speed_changes_length_and_pitch():
    audio = Audio(rate=RATE, speed=0.3, gain=0, noise=0, time_masks=0, band_masks=0)
    sample = audio.read(record(tone(500, 1.0)))
    lengths = [audio.augment(sample, sample_rng(0, epoch, "one")).grid.shape[-1] for epoch in range(6)]
    assert min(lengths) < 95 and max(lengths) > 107 and all(77 <= length <= 132 for length in lengths)
    assert stretched(torch.arange(10.0)[None], 0.5).shape == (1, 20)


def test_noise_is_of_variance_one_and_as_coloured_as_asked():
    rng = np.random.default_rng(0)
    white, brown = (coloured(4000, colour, rng) for colour in (0.0, 1.0))
    assert white.std() == pytest.approx(1, abs=1e-4) and brown.std() == pytest.approx(1, abs=1e-4)
    assert np.abs(np.diff(brown)).mean() < np.abs(np.diff(white)).mean() / 2


def test_masks_are_stripes_of_the_mean():
    grid = torch.ones(1, 20, 100)
    found = masked(grid, (2, 0.2), (1, 5), np.random.default_rng(3))
    gone = found[0] == 0
    assert grid.min() == 1 and gone.any()
    assert (gone.all(0) | gone.all(1)[:, None].expand(20, 100) | ~gone).all()  # nothing but whole stripes
    assert gone.all(0).sum() <= 40 and gone.all(1).sum() <= 5


def test_long_sounds_are_cut_for_classes_and_never_for_transcripts():
    audio = Audio(rate=RATE, bands=20, seconds=0.2, speed=0)
    for target, frames in ((1, 21), (np.array([1, 2]), 101)):
        sample = audio.read(record(tone(500, 1.0), target))
        assert audio.augment(sample, sample_rng(0, 0, "one")).grid.shape[-1] == frames


def test_batches_are_padded_with_zeros_after_normalising():
    audio = Audio(rate=RATE, bands=20, rank=2)
    samples = [audio.standard(audio.read(Record(id=str(n), source=tone(500, n / 10), target=t)))
               for n, t in ((3, np.array([1, 0])), (2, None), (1, np.array([2])))]  # fmt: skip
    batch = audio.collate(samples)
    assert batch.grid.shape == (3, 1, 20, 31) and batch.valid.shape == (3, 20, 31)
    assert batch.valid[1, :, :21].all() and not batch.valid[1, :, 21:].any() and not batch.grid[1, ..., 21:].any()
    assert batch.target.tolist() == [[1, 0], [-1, -1], [2, -1]]
    assert audio.collate(samples[:1]).valid is None


def test_features_are_used_as_they_are():
    audio = Audio(source="features", bands=13, rank=1, slopes=1)
    frames = np.random.default_rng(0).standard_normal((40, 13)).astype(np.float16)
    sample = audio.read(record(frames))
    assert audio.standard(sample).grid.shape == (26, 40) and sample.grid[2].numpy() == pytest.approx(frames[:, 2])
    for wrong in (frames[:, :12], frames[0], np.zeros((0, 13)), frames.astype(np.int16)):
        with pytest.raises(DataError, match=r"one: is an array .*: wanted float numbers \[frames 13\]"):
            audio.read(record(wrong))
    with pytest.raises(DataError, match="one: features: holds values that are no finite"):
        audio.read(record(np.full((4, 13), np.nan)))


def test_cepstra_are_warped_as_the_bands_they_stand_for():
    """Against the cosines of a peak at a moved place."""
    same = cepstral_warp(13, 1.0)
    np.testing.assert_allclose(same.numpy(), np.eye(13), atol=1e-5)
    cosines = np.cos(np.pi * np.arange(13)[:, None] * (np.arange(40) + 0.5) / 40)
    peak = np.exp(-(((np.arange(40) - 15) / 3) ** 2))
    places = []
    for factor in (0.9, 1.0, 1.1):
        cepstra = cepstral_warp(13, factor).numpy() @ (cosines @ peak)
        places.append(int((cosines[1:].T @ cepstra[1:]).argmax()))
    assert places == sorted(set(places))[::-1] and abs(places[1] - 15) <= 1


def test_answers_and_truths_are_drawn_below_the_spectrogram():
    audio = Audio(rate=RATE, bands=20)
    sample = audio.standard(audio.read(record(tone(500), np.array([0, 1, 2, 0]))))
    bare = audio.draw_target(audio.standard(audio.read(record(tone(500), 1))), ("a", "b"))
    classes = audio.draw(sample, ClassScores(id="one", scores=torch.tensor([0.7, 0.3]), classes=("a", "b")))
    words = audio.draw(sample, Transcript(id="one", text="ab", words=(Word(text="ab", start=0.1, end=0.2),), score=1.0,
                                          units=("a", "b", " ")))  # fmt: skip
    truth = audio.draw_target(sample, ("a", "b", " "))
    for picture in (classes, words, truth):
        assert picture.dtype == np.uint8 and picture.shape[1] == bare.shape[1] and picture.shape[0] > bare.shape[0]
    assert not np.array_equal(words[: len(bare)], bare)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rank": 3}, "rank 3"),
        ({"bands": 0}, "bands 0"),
        ({"limits": (500.0, 100.0)}, "limits"),
        ({"hop": 0.0101}, "hop"),
        ({"scale": "bark"}, "scale 'bark'"),
        ({"noise": 2.0}, "noise 2.0"),
        ({"speed": -1.0}, "speed -1.0"),
        ({"seconds": 0.0}, "seconds 0.0"),
        ({"slopes": 3}, "slopes 3"),
    ],
)
def test_settings_are_checked(wrong, said):
    with pytest.raises(ConfigError, match=said):
        Audio(**wrong)


def test_moving_in_time_adds_what_is_as_quiet_as_the_sound_itself():
    rng = np.random.default_rng(0)
    hiss = 1e-3 * rng.standard_normal(RATE, np.float32)
    hiss[RATE // 4 : RATE // 2] += tone(500, 0.25)[: RATE // 4]
    found = varied(hiss, RATE, Ranges(shift=0.5), np.random.default_rng(1))
    added = len(found) - RATE
    assert added > RATE // 4 and 5e-4 < np.sqrt(np.square(found[: RATE // 50]).mean()) < 2e-3
    assert quietest(np.zeros(RATE, np.float32), RATE) == 0 and quietest(hiss[:3], RATE) == 0
