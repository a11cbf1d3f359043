"""Series: normalised, padded, varied and drawn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from swinkit.files import ConfigError, DataError
from swinkit.modalities import Series
from swinkit.modalities.series import values
from swinkit.types import ClassScores, Record

NAMES = ("nose", "left_hand", "right_hand")


def track(frames: int = 20, seed: int = 0) -> np.ndarray:
    """[9 frames] three points that sway and cross the picture."""
    rng = np.random.default_rng(seed)
    points = np.ones((3, 3, frames), np.float32)
    points[:, :2] = rng.normal(0, 1, (3, 2, 1)) + 0.3 * np.sin(np.arange(frames) + rng.normal(0, 1, (3, 2, 1)))
    return points.reshape(9, frames)


def moved(rows: np.ndarray, scale: float, shift: float, speed: float) -> np.ndarray:
    points = rows.reshape(3, 3, -1).copy()
    points[:, :2] = scale * points[:, :2] + shift + speed * np.arange(points.shape[-1])
    return points.reshape(rows.shape)


def grid(modality: Series, rows: np.ndarray) -> torch.Tensor:
    return modality.standard(modality.read(Record(id="a", source=rows))).grid


def test_place_size_and_straight_travel_do_not_matter():
    modality, rows = Series(names=NAMES), track()
    expected = grid(modality, rows)
    assert modality.rank == 1 and expected.shape == (modality.channels, 20) == (9, 20)
    torch.testing.assert_close(grid(modality, moved(rows, 50, 300, 7)), expected, rtol=1e-3, atol=1e-3)
    size = expected[:6].view(3, 2, -1)
    distances = (size - size.mean(0)).square().sum(1).mean()
    assert float(distances.sqrt()) == pytest.approx(1, rel=1e-4)


def test_what_is_missing_is_zero_with_its_flag_down():
    rows = track()
    rows[0, 5] = np.nan
    rows[3 + 2, 7:9] = 0.05  # a score below the least
    found = grid(Series(names=NAMES), rows)
    flags = torch.ones(3, 20)
    flags[0, 5] = flags[1, 7:9] = 0
    assert found[6:].equal(flags) and not found[:2, 5].any() and not found[2:4, 7:9].any()
    whole = grid(Series(names=NAMES), track())
    assert (found - whole)[:6].abs()[:, 12:].max() < 0.1  # gaps move the centre only a little


def test_columns_are_scaled_each_for_itself():
    rows = np.stack([np.arange(10.0), np.full(10, 3.0), np.full(10, np.nan)]).astype(np.float32)
    rows[0, 4] = np.nan
    found = grid(Series(names=("a", "b", "c"), form="columns", normalise="column"), rows)
    known = found[0][found[3] > 0]
    assert found.shape == (6, 10) and float(known.mean()) == pytest.approx(0, abs=1e-6)
    assert float(known.square().mean()) == pytest.approx(1, rel=1e-5)
    assert not found[1:3].any() and found[3:].sum(1).tolist() == [9, 10, 0]
    raw = grid(Series(names=("a", "b", "c"), form="columns", normalise="none"), rows)
    assert raw[0].tolist() == [0, 1, 2, 3, 0, 5, 6, 7, 8, 9]


def test_a_batch_is_padded_and_says_so():
    modality = Series(names=NAMES)
    samples = [modality.standard(modality.read(Record(id=n, source=track(length), target=target)))
               for n, length, target in (("a", 12, 1), ("b", 20, None))]  # fmt: skip
    batch = modality.collate(samples)
    assert batch.grid.shape == (2, 9, 20) and not batch.grid[0, :, 12:].any()
    assert batch.valid is not None and batch.valid.sum(1).tolist() == [12, 20]
    assert batch.target.tolist() == [1, -1] and batch.sizes == ((12,), (20,))
    alone = modality.collate(samples[:1])
    assert alone.valid is None and alone.grid.equal(batch.grid[:1, :, :12])
    assert modality.collate(samples[1:]).target is None


def test_resampling_is_linear_and_keeps_gaps():
    rows = np.array([[0.0, 1, np.nan, 3, 4]])
    found = values.resampled(rows, np.array([0, 0.5, 1, 1.5, 3, 3.25, 4]))
    np.testing.assert_allclose(found, [[0, 0.5, 1, np.nan, 3, 3.25, 4]])
    np.testing.assert_allclose(values.filled(rows), [[0, 1, 2, 3, 4]])


def test_training_views_are_stretches_of_another_speed():
    modality = Series(names=NAMES, speed=(0.5, 2.0), kept=0.5, mirror=0.5, pairs=((1, 2),))
    sample = modality.read(Record(id="a", source=track(40), target=0))
    views = [modality.augment(sample, np.random.default_rng(seed)) for seed in range(40)]
    lengths = [view.grid.shape[1] for view in views]
    assert min(lengths) >= 10 and max(lengths) <= 80 and len(set(lengths)) > 10
    assert all(torch.isfinite(view.grid).all() and view.size == (n,) for view, n in zip(views, lengths, strict=True))
    again = modality.augment(sample, np.random.default_rng(3))
    assert again.grid.equal(views[3].grid)


def test_a_mirror_changes_left_and_right():
    plain = dict(names=NAMES, speed=(1.0, 1.0), kept=1.0, noise=0.0, drop=0.0, pairs=((1, 2),))
    sample = Series(**plain).read(Record(id="a", source=track()))
    straight = Series(**plain).augment(sample, np.random.default_rng(0)).grid
    turned = Series(**plain, mirror=1.0).augment(sample, np.random.default_rng(0)).grid
    torch.testing.assert_close(straight, Series(**plain).standard(sample).grid)
    order = [0, 1, 4, 5, 2, 3]
    signs = torch.tensor([-1.0, 1] * 3)[:, None]
    torch.testing.assert_close(turned[:6], straight[:6][order] * signs)


def test_noise_and_gaps_are_of_the_size_that_is_asked_for():
    modality = Series(names=NAMES, speed=(1.0, 1.0), kept=1.0, noise=0.1, drop=0.2)
    sample = modality.read(Record(id="a", source=track(2000)))
    seen = modality.augment(sample, np.random.default_rng(0)).grid
    there = seen[6:] > 0
    assert float((~there).float().mean()) == pytest.approx(0.2, abs=0.03)
    apart = (seen[:6] - modality.standard(sample).grid[:6])[there.repeat_interleave(2, 0)]
    assert float(apart.std()) == pytest.approx(0.1, rel=0.1)


def test_drawings_show_series_of_any_kind():
    rows = track()
    rows[:6, 3] = np.nan
    modality = Series(names=NAMES, skeleton=((0, 1), (0, 2)))
    sample = modality.standard(modality.read(Record(id="a", source=rows)))
    scores = ClassScores(id="a", scores=torch.tensor([0.9, 0.1]), classes=("x", "y"))
    bare, drawn = modality.draw_target(sample, ()), modality.draw(sample, scores)
    assert bare.dtype == np.uint8 and drawn.shape[0] > bare.shape[0] and drawn.shape[1] == bare.shape[1]
    assert len(np.unique(bare.reshape(-1, 3), axis=0)) > 4
    one = grid(modality, rows[:, :1])
    assert one.shape == (9, 1) and modality.draw_target(sample, ()).size
    columns = Series(names=("a",), form="columns", normalise="column")
    plotted = columns.draw_target(columns.standard(columns.read(Record(id="a", source=rows[:1]))), ())
    assert len(np.unique(plotted)) > 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"names": ("a", "a")}, "not all different"),
        ({"names": NAMES, "pairs": ((0, 3),)}, "pairs: .* are not pairs of 0 to 2"),
        ({"form": "columns"}, "columns are no figure"),
        ({"form": "columns", "normalise": "column", "mirror": 0.5}, "mirror 0.5"),
        ({"normalise": "size"}, "normalise 'size'"),
        ({"speed": (1.5, 1.0)}, "speed"),
        ({"drop": 2.0}, "drop: 2.0"),
        ({"noise": -1.0}, "noise: -1.0"),
    ],
)
def test_wrong_settings_are_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        Series(**wrong)


def test_arrays_and_files_that_do_not_fit_are_refused(tmp_path):
    modality = Series(names=NAMES)
    for rows in (np.zeros((8, 5), np.float32), np.zeros((9, 0), np.float32), np.zeros(9, np.float32)):
        with pytest.raises(DataError, match="wanted 9 rows"):
            modality.read(Record(id="a", source=rows))
    with pytest.raises(DataError, match="holds no value with a score of at least 0.1"):
        modality.read(Record(id="a", source=np.zeros((9, 5), np.float32)))
    (tmp_path / "a.csv").write_text("ax,ay\n1,2\n")
    with pytest.raises(DataError, match=r"a.csv: header: holds columns, not points: ax, ay"):
        modality.read(Record(id="a", source=tmp_path / "a.csv"))
