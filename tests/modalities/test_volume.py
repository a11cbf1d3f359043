"""Volumes as grids: normalised, cut, turned, and drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from volume_data import CLASSES, phantom, volume_folder

from swinkit.datasets import VolumeFolder
from swinkit.files import ConfigError, DataError
from swinkit.modalities import Volume
from swinkit.types import LabelMap, Record

STILL = {"zoom": (1.0, 1.0), "stretch": 0.0, "rotate": 0.0, "brightness": 0.0, "contrast": 0.0, "gamma": 0.0,
         "noise": 0.0, "foreground": 0.0}  # fmt: skip


def record(seed: int = 0, **changes: object) -> Record:
    values, labels = phantom(seed)
    return Record(**({"id": "case", "source": values, "target": labels} | changes))  # type: ignore[arg-type]


def test_every_volume_is_normalised_by_itself_or_by_a_window() -> None:
    sample = Volume().read(record())
    assert sample.grid.mean() == pytest.approx(0, abs=1e-4)
    assert sample.grid.std() == pytest.approx(1, abs=1e-2)
    scaled = Volume().read(record(source=1e6 * phantom(0)[0] + 500))
    torch.testing.assert_close(scaled.grid, sample.grid, atol=1e-3, rtol=1e-3)
    hounsfield = Volume(window=(-100, 300)).read(
        record(source=np.array([[[-2000.0, -100, 100, 300, 3000]]]), target=None)
    )
    torch.testing.assert_close(hounsfield.grid.flatten(), torch.tensor([-2.0, -2, 0, 2, 2]))


def test_normalising_in_place_gives_the_numbers_of_the_formula_and_leaves_the_input_alone() -> None:
    values = (40 * np.random.default_rng(0).standard_normal((71, 66, 75))).astype(np.float32)
    before = values.copy()
    low, high = np.percentile(values, (0.5, 99.5))
    cut = np.clip(values, low, high).astype(np.float32)
    expected = (cut - cut.mean()) / float(cut.std())
    assert np.array_equal(Volume().read(record(source=values, target=None)).grid[0].numpy(), expected)
    scaled = ((np.clip(values, -50, 70) + 50) / 120 - 0.5) / 0.25
    found = Volume(window=(-50, 70)).read(record(source=values, target=None))
    assert np.array_equal(found.grid[0].numpy(), scaled)
    assert np.array_equal(values, before)


def test_one_volume_alone_is_not_copied() -> None:
    sample = Volume().read(record(target=None))
    batch = Volume().collate([sample])
    assert batch.grid.data_ptr() == sample.grid.data_ptr() and batch.grid.shape[:2] == (1, 1) and batch.valid is None


def test_a_still_view_cuts_cells_and_labels_alike() -> None:
    modality = Volume(size=(8, 8, 8), **STILL)  # type: ignore[arg-type]
    whole = modality.read(record())
    seen = modality.augment(whole, np.random.default_rng(1))
    assert seen.grid.shape == (1, 8, 8, 8)
    places = [
        (x, y, z) for x in range(11) for y in range(13) for z in range(9)
        if torch.equal(whole.grid[0, x : x + 8, y : y + 8, z : z + 8], seen.grid[0])
    ]  # fmt: skip
    assert len(places) == 1
    part = tuple(slice(at, at + 8) for at in places[0])
    assert torch.equal(whole.target[part], seen.target)


def test_patches_lie_around_rare_classes_as_often_as_around_frequent_ones() -> None:
    modality = Volume(size=(6, 6, 6), **{**STILL, "foreground": 1.0})  # type: ignore[arg-type]
    sample = modality.read(record())
    middles = [modality.augment(sample, np.random.default_rng(seed)).target[3, 3, 3].item() for seed in range(60)]
    assert set(middles) == {1, 2}
    assert 15 < middles.count(2) < 45


def test_the_view_is_the_same_for_the_same_generator_and_labels_follow_the_turn() -> None:
    modality = Volume(size=(18, 20, 16))
    sample = modality.read(record())
    one, other = (modality.augment(sample, np.random.default_rng(5)) for _ in "ab")
    assert torch.equal(one.grid, other.grid)
    assert torch.equal(one.target, other.target)
    bright, dark = (one.grid[0][one.target == kind].mean() for kind in (1, 2))
    assert bright > 1
    assert dark < -1


def test_spacing_resamples_the_view_and_keeps_the_target() -> None:
    path = Path("scan")
    modality = Volume(spacing=(1.0, 1.0, 1.0))
    sample = modality.read(record())
    sample = type(sample)(id="a", grid=sample.grid, target=sample.target, size=sample.size, spacing=(1.0, 2.0, 0.5))
    view = modality.standard(sample)
    assert tuple(view.grid.shape) == (1, 18, 40, 8)
    assert view.target.shape == (18, 20, 16)
    assert path.name


def test_a_batch_pads_with_zeros_and_says_what_is_valid(tmp_path: Path) -> None:
    modality = Volume()
    small = modality.read(record(id="small", source=phantom(0, (12, 20, 16))[0], target=None))
    batch = modality.collate([modality.read(record()), small])
    assert batch.valid is not None
    assert batch.grid[1, :, 12:].abs().sum() == 0
    assert not batch.valid[1, 12:].any()
    assert (batch.target[1] == 255).all()
    folder = VolumeFolder(path=str(volume_folder(tmp_path)), classes=CLASSES)
    assert modality.collate([modality.read(folder.open("train")[0])]).spacings == ((1.0, 1.0, 2.0),)


def test_pictures_show_slices_in_their_shape_and_the_structures() -> None:
    modality = Volume()
    sample = modality.read(record())
    truth = modality.draw_target(sample, CLASSES)
    plain = modality.draw_target(modality.read(record(target=None)), CLASSES)
    assert truth.dtype == np.uint8
    assert truth.shape[0] == plain.shape[0] == 256
    assert truth.shape[1] > plain.shape[1]
    assert sample.target is not None
    drawn = modality.draw(sample, LabelMap(id="case", labels=sample.target, classes=CLASSES))
    assert np.array_equal(drawn, truth)
    small = LabelMap(id="case", labels=sample.target.to(torch.uint8), classes=CLASSES)
    assert np.array_equal(modality.draw(sample, small), truth)


@pytest.mark.parametrize("shape", [(9, 8, 1), (1, 8, 9), (1, 1, 1)])
def test_thin_volumes_are_drawn(shape: tuple[int, int, int]) -> None:
    modality = Volume()
    sample = modality.read(Record(id="thin", source=np.random.default_rng(0).random(shape, np.float32)))
    found = LabelMap(id="thin", labels=torch.ones(shape, dtype=torch.uint8), classes=CLASSES)
    assert modality.draw(sample, found).shape[0] == 256


def test_wrong_settings_and_arrays_are_named() -> None:
    for wrong in ({"channels": 3}, {"size": (0, 1, 1)}, {"spacing": (1, 0, 1)}, {"window": (3, 3)}, {"foreground": 2},
                  {"noise": -1}, {"rotate": 200}):  # fmt: skip
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            Volume(**wrong)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"volumes are \[x y z\]"):
        Volume().read(record(source=np.zeros((3, 3))))
    with pytest.raises(DataError, match="labels: has"):
        Volume().read(record(target=np.zeros((3, 3, 3))))
