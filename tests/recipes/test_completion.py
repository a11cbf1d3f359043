"""What a user does not say is chosen, and what they do say wins."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image
from tiny_runs import CLASSES, digest, mask_folder

import swinkit as sk
from swinkit.files import ConfigError, DataError
from swinkit.recipes.completion import complete
from swinkit.recipes.plain import to_plain


@pytest.fixture
def data(tmp_path):
    return mask_folder(tmp_path / "data")


def test_naming_a_folder_is_enough(data):
    before = digest(data)
    recipe = sk.recipes.segment(data)
    assert recipe.task.classes == recipe.data.classes == CLASSES
    assert recipe.data.path == str(data)
    assert recipe.model.name == "swin_nano"
    assert recipe.task.decoder == "fpn"
    assert recipe.training.steps == 1000
    assert sum(recipe.task.prior) == pytest.approx(1, abs=1e-3)
    assert digest(data) == before


def test_class_weights_favour_rare_classes(data):
    recipe = sk.recipes.segment(data)
    shares = dict(zip(recipe.task.prior, recipe.task.class_weights, strict=True))
    assert [shares[share] for share in sorted(shares)] == sorted(shares.values(), reverse=True)


def test_what_is_said_wins(data):
    recipe = sk.recipes.segment(
        data,
        model="swin_micro",
        epochs=3,
        seed=5,
        changes={
            "task.class_weights": None,
            "training.rate": 0.5,
            "modality": {"flip": 0.0},
            "task.decoder": "upernet",
        },
    )
    assert recipe.model.name == "swin_micro"
    assert (recipe.training.epochs, recipe.training.steps, recipe.training.seed) == (3, None, 5)
    assert (recipe.task.class_weights, recipe.training.rate, recipe.modality.flip) == (None, 0.5, 0.0)
    assert recipe.task.decoder == "upernet"


def test_steps_take_the_place_of_epochs(data):
    recipe = sk.recipes.segment(data, changes={"training.steps": 3})
    assert (recipe.training.epochs, recipe.training.steps) == (None, 3)
    with pytest.raises(ConfigError, match="exactly one"):
        sk.recipes.segment(data, epochs=1, changes={"training.steps": 3})


def test_a_whole_recipe_completes_to_itself(data):
    recipe = sk.recipes.segment(data, changes={"training.steps": 3})
    assert complete(to_plain(recipe)) == recipe


def test_a_relative_folder_works_from_anywhere(data, monkeypatch):
    monkeypatch.chdir(data.parent)
    assert sk.recipes.segment("data").data.path == os.path.realpath(data)


def test_published_sizes_get_their_own_head_and_schedule(data):
    recipe = sk.recipes.segment(data, model="swin_t")
    assert (recipe.task.decoder, recipe.training.schedule) == ("upernet", "poly")


def test_built_in_data_brings_what_suits_it():
    recipe = sk.recipes.segment("digit_scenes", changes={"data.counts": [8, 2, 2]})
    assert recipe.modality.flip == 0
    assert len(recipe.task.classes) == 11


def test_large_pictures_are_cropped(tmp_path):
    for split in ("train", "val"):
        for part in ("images", "labels"):
            (tmp_path / split / part).mkdir(parents=True)
        for index, size in enumerate([(300, 700), (340, 640)]):
            mask = np.zeros(size, np.uint8)
            mask[:100] = 1
            Image.fromarray(np.stack([mask] * 3, -1)).save(tmp_path / split / "images" / f"{index}.jpg")
            Image.fromarray(mask).save(tmp_path / split / "labels" / f"{index}.png")
    recipe = sk.recipes.segment(tmp_path)
    assert recipe.modality.size == (320, 512)
    assert recipe.modality.shorter is None
    assert sk.recipes.segment(tmp_path, changes={"modality.scale": 0.5}).modality.size is None


def test_the_choice_is_told(data):
    said: list[str] = []
    sk.recipes.segment(data, say=said.append)
    assert any("read as mask_folder" in sentence for sentence in said)
    assert any(sentence.startswith("modality: image (32 .png)") for sentence in said)
    assert any("swin_nano" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("said", "error", "says"),
    [
        ({}, ConfigError, "task.kind: is missing"),
        ({"task": {"kind": "segmnt"}}, ConfigError, "did you mean 'segment'"),
        ({"task": {"kind": "segment"}}, ConfigError, "data.path: is missing"),
        ({"task": {"kind": "segment"}, "data": {"path": "no/such/folder"}}, DataError, "does not exist"),
        ({"task": {"kind": "segment"}, "data": {"path": "digit_scene"}}, DataError, "digit_scene"),
        ({"task": 3}, ConfigError, "task: wanted names with values"),
        ({"tasks": {}}, ConfigError, "tasks: no such setting: did you mean 'task'?"),
    ],
)
def test_what_cannot_be_completed_is_one_sentence(said, error, says):
    with pytest.raises(error, match=".") as caught:
        complete(said)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_that_are_not_there_are_named_before_anything_is_made(data):
    with pytest.raises(ConfigError, match=r"model\.weights: none\.pth: there is no such file"):
        sk.recipes.segment(data, changes={"model.weights": "none.pth"})


def test_files_of_several_kinds_are_listed(data):
    (data / "train" / "images" / "noise.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"several kinds \(image: 32 \.png; audio: 1 \.wav\).*--modality"):
        sk.recipes.segment(data)
    recipe = complete({"task": {"kind": "segment"}, "data": {"path": str(data)}}, modality="image")
    assert recipe.modality.rank == 2


def test_an_unknown_modality_is_refused(data):
    with pytest.raises(ConfigError, match="did you mean 'image'"):
        complete({"task": {"kind": "segment"}, "data": {"path": str(data)}}, modality="imag")


def test_a_mask_without_a_labelled_pixel_is_named(data):
    file = data / "train" / "labels" / "train3.png"
    Image.fromarray(np.full((32, 40), 255, np.uint8)).save(file)
    with pytest.raises(DataError, match="every pixel is ignored") as caught:
        sk.recipes.segment(data)
    assert str(caught.value).startswith(str(file))
