"""The image modality: reading, the training and evaluation views, batches and drawings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch.utils.data import DataLoader, Dataset

from swinkit.files import ConfigError, DataError
from swinkit.files.masks import IGNORE, IdTable, MaskFile
from swinkit.modalities import MODALITIES, Image
from swinkit.modalities.image import picture_of
from swinkit.ops import affine
from swinkit.ops.warp import warp
from swinkit.types import LabelMap, Record, Sample

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (24, 40, 3), np.uint8)
MASK = RNG.integers(0, 5, (24, 40)).astype(np.uint8)
STILL = {"zoom": (1.0, 1.0), "flip": 0.0, "brightness": 0.0, "contrast": 0.0, "saturation": 0.0}


def sample(image: Image, name: str = "a", picture: np.ndarray = PICTURE, mask: np.ndarray | None = MASK) -> Sample:
    return image.read(Record(id=name, source=picture, target=mask))


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(list(seed))


def test_the_table_has_it():
    assert MODALITIES["image"] is Image and Image().rank == 2 and Image().channels == 3


def test_arrays_and_files_read_the_same(tmp_path):
    Pillow.fromarray(PICTURE).save(tmp_path / "a.png")
    Pillow.fromarray(MASK).save(tmp_path / "m.png")
    target = MaskFile(path=tmp_path / "m.png", table=IdTable(ids=tuple(range(5))))
    from_file = Image().read(Record(id="a", source=tmp_path / "a.png", target=target))
    plain = Image().read(Record(id="a", source=tmp_path / "a.png", target=tmp_path / "m.png"))
    for got in (from_file, plain, sample(Image())):
        assert got.grid.dtype == torch.uint8 and got.target.dtype == torch.int64 and got.size == (24, 40)
        np.testing.assert_array_equal(got.grid.permute(1, 2, 0), PICTURE)
        np.testing.assert_array_equal(got.target, MASK)
    assert Image().read(Record(id="a", source=PICTURE)).target is None


def test_a_mask_of_another_size_is_named(tmp_path):
    Pillow.fromarray(MASK[:20]).save(tmp_path / "m.png")
    target = MaskFile(path=tmp_path / "m.png", table=IdTable(ids=tuple(range(5))))
    with pytest.raises(DataError, match=r"m\.png: mask: is 20x40 px, but its picture a is 24x40"):
        Image().read(Record(id="a", source=PICTURE, target=target))


def test_an_exif_turned_picture_wants_a_turned_mask(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    Pillow.fromarray(PICTURE).save(tmp_path / "a.jpg", exif=exif)
    assert Image().read(Record(id="a", source=tmp_path / "a.jpg", target=MASK.T)).size == (40, 24)
    with pytest.raises(DataError, match="after EXIF rotation"):
        Image().read(Record(id="a", source=tmp_path / "a.jpg", target=MASK))


@pytest.mark.parametrize("wrong", [PICTURE[..., 0], PICTURE.astype(float), PICTURE[..., :2], PICTURE[:0]])
def test_other_arrays_are_refused(wrong):
    with pytest.raises(DataError, match=r"\[height width 3\] uint8"):
        Image().read(Record(id="a", source=wrong))


def test_grey_is_the_luma():
    got = sample(Image(channels=1)).grid
    assert got.shape == (1, 24, 40)
    np.testing.assert_allclose(got[0], PICTURE @ np.array([0.299, 0.587, 0.114]), atol=1)
    assert Image(channels=1).collate([sample(Image(channels=1))]).grid.shape == (1, 1, 24, 40)


@pytest.mark.parametrize("size", [None, (16, 16), (64, 32)])
def test_the_training_view_has_the_crop_size_and_no_new_ids(size):
    image = Image(size=size, rotate=20, shear=10, stretch=0.2, gamma=0.3, hue=20, zoom=(0.5, 2.0))
    for seed in range(10):
        got = image.augment(sample(image), rng(seed))
        assert got.grid.shape[1:] == (size or (24, 40)) == tuple(got.target.shape) == got.size
        assert got.grid.dtype == torch.uint8 and got.target.dtype == torch.int64
        assert set(got.target.unique().tolist()) <= {0, 1, 2, 3, 4, IGNORE}


def test_one_seed_gives_one_sample_and_another_gives_another():
    image = Image(size=(16, 16))
    one, again, other = (image.augment(sample(image), rng(0, epoch, 7)) for epoch in (1, 1, 2))
    assert torch.equal(one.grid, again.grid) and torch.equal(one.target, again.target)
    assert not torch.equal(one.grid, other.grid)


def test_picture_and_mask_move_together():
    mask = np.repeat(np.arange(4, dtype=np.uint8), 16)[None].repeat(64, axis=0)
    picture = np.repeat(60 * mask[..., None], 3, axis=2)
    image = Image(size=(48, 48), rotate=30, shear=10, **{**STILL, "zoom": (0.7, 1.5), "flip": 0.5}, mean=(0, 0, 0))
    for seed in range(20):
        got = image.augment(sample(image, picture=picture, mask=mask), rng(seed))
        known = got.target != IGNORE
        same = (got.grid[0][known] - 60 * got.target[known]).abs() <= 30
        assert same.float().mean() > 0.95  # all but the pixels on an edge


def test_outside_the_picture_is_ignored_and_zero_after_normalising():
    image = Image(size=(48, 80), **STILL)
    got = image.augment(sample(image), rng(0))
    outside = got.target == IGNORE
    assert outside.sum() == 48 * 80 - 24 * 40
    assert image.collate([got]).grid[0][:, outside].abs().max() < 0.01


def test_the_evaluation_view_rescales_the_picture_and_keeps_the_target():
    for image, size in ((Image(), (24, 40)), (Image(scale=0.5), (12, 20)), (Image(shorter=48), (48, 80))):
        got = image.standard(sample(image))
        assert tuple(got.grid.shape[1:]) == size and got.target.shape == (24, 40) and got.size == (24, 40)
        assert tuple(image.augment(sample(image), rng(0)).grid.shape[1:]) == size
    assert tuple(Image(scale=0.001).standard(sample(Image())).grid.shape[1:]) == (1, 1)


def test_a_batch_is_normalised_padded_with_zeros_and_says_what_is_valid():
    image = Image(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    small = sample(image, "b", PICTURE[:10, :30], None)
    batch = image.collate([sample(image), small])
    assert batch.grid.dtype == torch.float32 and batch.grid.shape == (2, 3, 24, 40)
    assert batch.ids == ("a", "b") and batch.sizes == ((24, 40), (10, 30))
    expected = (PICTURE / 255 - np.array(image.mean)) / np.array(image.std)
    np.testing.assert_allclose(batch.grid[0].permute(1, 2, 0), expected, atol=1e-5)
    assert batch.valid is not None and batch.valid[0].all()
    assert batch.valid[1].sum() == 300 and batch.valid[1, :10, :30].all()
    assert (batch.grid[1][:, ~batch.valid[1]] == 0).all()
    assert batch.target.shape == (2, 24, 40) and (batch.target[1] == IGNORE).all()
    assert image.collate([sample(image)]).valid is None
    assert image.collate([small]).target is None


def test_targets_of_many_sizes_are_padded_with_255():
    image = Image(shorter=10)
    views = [image.standard(sample(image)), image.standard(sample(image, "b", PICTURE[:20, :20], MASK[:20, :20]))]
    batch = image.collate(views)
    assert batch.grid.shape == (2, 3, 10, 17) and batch.target.shape == (2, 24, 40)
    assert (batch.target[1, 20:] == IGNORE).all() and (batch.target[1, :, 20:] == IGNORE).all()
    np.testing.assert_array_equal(batch.target[1, :20, :20], MASK[:20, :20])


def test_drawings_have_the_original_size():
    image = Image(scale=0.5)
    view = image.standard(sample(image))
    drawn = image.draw(view, LabelMap(id="a", labels=torch.from_numpy(MASK.astype(np.int64))))
    assert drawn.shape == (24, 40, 3) and drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn, image.draw_target(view, ()))
    assert picture_of(view).shape == (24, 40, 3)
    grey = Image(channels=1)
    np.testing.assert_array_equal(grey.draw_target(sample(grey, mask=None), ()), picture_of(sample(grey)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"channels": 4},
        {"size": (0, 4)},
        {"size": (4,)},
        {"scale": 0.0},
        {"scale": 0.5, "shorter": 100},
        {"mean": (0.5, 0.4)},
        {"std": (0.0, 0.1, 0.2)},
        {"zoom": (2.0, 1.0)},
        {"flip": 2.0},
        {"rotate": 400},
        {"brightness": -1.0},
    ],
)
def test_impossible_settings_die_at_once(wrong):
    with pytest.raises(ConfigError):
        Image(**wrong)


class Views(Dataset):
    """Augmented samples as a loader's workers make them."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> np.ndarray:
        image = Image(size=(16, 16), rotate=10)
        return image.augment(sample(image, picture=np.roll(PICTURE, index, 0)), rng(0, index)).grid.numpy()


def test_workers_make_the_same_samples_after_the_parent_has_used_opencv_threads():
    large = np.zeros((1500, 1500, 3), np.uint8)
    warp(large, affine.rotation(2, (0, 1), 0.1), (1400, 1400), (0.0, 0.0, 0.0))  # big enough to start the threads
    here = [Views()[index] for index in range(6)]
    there = list(DataLoader(Views(), batch_size=None, num_workers=2, timeout=60))
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)
