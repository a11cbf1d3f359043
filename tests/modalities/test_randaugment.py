"""RandAugment and random erasing."""

from __future__ import annotations

import numpy as np
import pytest

from swinkit.files import ConfigError
from swinkit.modalities import Image
from swinkit.modalities.image.randaugment import CHANGES, erase, randaugment
from swinkit.types import Record


@pytest.fixture(params=[1, 3])
def picture(request) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 31, request.param)).astype(np.uint8)


def test_it_is_a_function_of_its_generator(picture):
    def made(seed: int) -> np.ndarray:
        fill = (9,) * picture.shape[2]
        return randaugment(picture, np.random.default_rng(seed), changes=2, magnitude=9.0, fill=fill)

    results = [made(seed) for seed in range(20)]
    assert all(result.shape == picture.shape and result.dtype == np.uint8 for result in results)
    assert all(np.array_equal(result, made(seed)) for seed, result in enumerate(results))
    assert len({result.tobytes() for result in results}) > 5


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_changes_something_and_keeps_the_size(picture, name):
    from PIL import Image as Picture

    image = Picture.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    changed = CHANGES[name](image, 0.9, 1.0, (0,) * picture.shape[2])
    assert changed.size == image.size and changed.mode == image.mode
    if name not in ("autocontrast", "equalize") and not (name == "color" and image.mode == "L"):
        assert np.asarray(changed).tobytes() != np.asarray(image).tobytes()


def test_erasing_fills_one_box_with_noise():
    picture = np.zeros((40, 50, 3), np.uint8)
    shares = []
    for seed in range(50):
        erased = erase(picture, np.random.default_rng(seed))
        rows, columns = np.nonzero(erased.any(2))
        if len(rows):
            box = erased[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            shares.append(box[..., 0].size / picture[..., 0].size)
            assert (box.any(2)).mean() > 0.9
    assert 0.01 < min(shares) and max(shares) < 0.4 and len(shares) > 40
    assert not picture.any()


def test_the_modality_draws_it_for_training_only():
    image = Image(size=(24, 31), randaugment=2, erase=1.0, zoom=(1.0, 1.0), flip=0.0)
    source = np.random.default_rng(0).integers(0, 256, (24, 31, 3)).astype(np.uint8)
    sample = image.read(Record(id="a", source=source, target=3))
    one, same, other = (image.augment(sample, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert one.grid.equal(same.grid) and not one.grid.equal(other.grid)
    assert one.target == 3 and image.standard(sample).grid.equal(sample.grid)


@pytest.mark.parametrize("wrong", [{"randaugment": -1}, {"magnitude": 11.0}, {"erase": 2.0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ConfigError, match="strength of 0 to 10"):
        Image(**wrong)
