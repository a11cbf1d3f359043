"""Files in, predictions out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_runs import CLASSES, digest, scene, trained

from swinkit.files import CheckpointError, ConfigError, DataError
from swinkit.ops.palette import colours
from swinkit.recipes.inputs import find_inputs
from swinkit.recipes.plain import read
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import Predictor, open_run


@pytest.fixture(scope="module")
def predictor():
    return open_run(trained())


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "in"
    (folder / "more").mkdir(parents=True)
    for index, (name, size) in enumerate([("a.png", (32, 40)), ("b.jpg", (50, 30)), ("more/a.png", (33, 33))]):
        Image.fromarray(scene(100 + index, size)[0]).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_masks_keep_the_size_and_the_indices(predictor, pictures, tmp_path):
    before = digest(pictures)
    done = predict_files(predictor, [str(pictures)], tmp_path / "out")
    assert digest(pictures) == before
    assert not done.problems
    assert [Path(entry["source"]).name for entry in done.predictions] == ["a.png", "b.jpg", "a.png"]
    assert json.loads((tmp_path / "out" / "predictions.json").read_text()) == done.to_json()
    for entry in done.predictions:
        with Image.open(entry["source"]) as picture, Image.open(tmp_path / "out" / entry["mask"]) as mask:
            assert mask.mode == "P"
            assert mask.size == picture.size
            assert np.asarray(mask).max() < len(CLASSES)
            assert mask.getpalette()[:9] == colours(3).ravel().tolist()
            assert np.array_equal(np.asarray(mask), predictor(entry["source"]).labels)
            with Image.open(tmp_path / "out" / entry["overlay"]) as overlay:
                assert overlay.size == picture.size
        assert sum(entry["share"].values()) == pytest.approx(1)
        assert set(entry["share"]) <= set(CLASSES)


def test_equal_names_from_different_folders_do_not_collide(predictor, pictures, tmp_path):
    done = predict_files(predictor, [str(pictures / "a.png"), str(pictures / "more" / "a.png")], tmp_path / "out")
    assert [entry["mask"] for entry in done.predictions] == ["in-a.png", "more-a.png"]


def test_equal_stems_of_different_kinds_do_not_collide(predictor, pictures, tmp_path):
    Image.open(pictures / "a.png").save(pictures / "a.jpg")
    done = predict_files(predictor, [str(pictures / "a.png"), str(pictures / "a.jpg")], tmp_path / "out")
    assert len({entry["mask"] for entry in done.predictions}) == 2
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "predictions.json",
        *(entry[kind] for entry in done.predictions for kind in ("mask", "overlay")),
    }


def test_patterns_folders_and_files_are_each_found_once(pictures):
    words = [str(pictures / "*.png"), str(pictures / "a.png"), str(pictures), str(pictures / "**" / "*.png")]
    found = [str(path.relative_to(pictures)) for path, _ in find_inputs(words, "image")]
    assert found == ["a.png", "b.jpg", "more/a.png"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(pictures):
    file = pictures / "a[1].png"
    Image.open(pictures / "a.png").save(file)
    assert [path for path, _ in find_inputs([str(file)], "image")] == [file]


@pytest.mark.parametrize("word", ["none*.jpg", "empty"])
def test_an_input_that_matches_nothing_is_refused(tmp_path, word):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="matches no file|holds no image file"):
        find_inputs([str(tmp_path / word)], "image")


def test_a_bad_file_stops_none_of_the_others(predictor, pictures, tmp_path):
    whole = (pictures / "b.jpg").read_bytes()
    (pictures / "b.jpg").write_bytes(whole[: len(whole) // 2])
    done = predict_files(predictor, [str(pictures), str(pictures / "gone.png")], tmp_path / "out")
    assert [str(problem.path) for problem in done.problems] == [str(pictures / "b.jpg"), str(pictures / "gone.png")]
    assert len(done.predictions) == 2
    assert not (tmp_path / "out" / "b.png").exists()


def test_nothing_is_overwritten_without_being_told(predictor, pictures, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.png").write_bytes(b"precious")
    with pytest.raises(ConfigError, match=r"b\.png: is there already"):
        predict_files(predictor, [str(pictures)], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]
    predict_files(predictor, [str(pictures)], tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "b.png").read_bytes() != b"precious"


def test_an_input_is_never_overwritten(predictor, pictures):
    before = digest(pictures)
    with pytest.raises(ConfigError, match="would be replaced by its own prediction"):
        predict_files(predictor, [str(pictures / "more")], pictures / "more", overwrite=True)
    assert digest(pictures) == before


def test_arrays_and_files_give_the_same_answer(predictor, pictures):
    array = np.asarray(Image.open(pictures / "a.png"))
    assert np.array_equal(predictor(array).labels, predictor(pictures / "a.png").labels)


def test_overlays_and_masks_are_saved_by_their_ending(predictor, pictures, tmp_path):
    result = predictor(pictures / "a.png")
    assert Image.open(result.save(tmp_path / "o.jpg", overlay=True)).mode == "RGB"
    assert result.draw().shape == (32, 40, 3)
    with pytest.raises(ConfigError, match=r"a mask is saved as \.png"):
        result.save(tmp_path / "m.jpg")


def test_the_best_weights_are_used_unless_others_are_named():
    run = trained()
    best = json.loads((run / "checkpoints" / "best.json").read_text())["step"]
    assert open_run(run).name == f"step-{best}"
    assert open_run(run, checkpoint="last").name == "step-6"
    assert open_run(run, checkpoint="6").name == "step-6"
    with pytest.raises(CheckpointError, match="there are: step-6, step-3"):
        open_run(run, checkpoint="5")


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"is no run folder: it has no recipe\.json"):
        open_run(tmp_path)
    with pytest.raises(ConfigError, match="there is no such run folder"):
        open_run(tmp_path / "none")


def test_a_predictor_reads_what_is_no_picture_as_an_error(predictor, tmp_path):
    (tmp_path / "a.png").write_text("hello")
    with pytest.raises(DataError, match=r"a\.png"):
        predictor(tmp_path / "a.png")


def test_a_predictor_changes_nothing_in_its_run(predictor, pictures):
    before = digest(trained())
    Predictor(read(trained() / "recipe.json"), predictor.model, predictor.device)(pictures / "a.png")
    open_run(trained())
    assert digest(trained()) == before
