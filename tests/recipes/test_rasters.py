"""Rasters are labelled in parts as they are as a whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image
from tiny_runs import scene, trained

from swinkit.files import ConfigError, DataError, MissingExtra
from swinkit.files import rasters as files
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import Predictor, load_run
from swinkit.recipes.rasters import predict_raster

rasterio = pytest.importorskip("rasterio")


def predictor(**changes: object) -> Predictor:
    import dataclasses

    import torch

    recipe, model, name = load_run(trained())
    task = dataclasses.replace(recipe.task, **changes)
    return Predictor(dataclasses.replace(recipe, task=task), model, torch.device("cpu"), name=name)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "land.tif"
    Image.fromarray(scene(7, (150, 131))[0]).save(path)
    return path


@pytest.mark.parametrize(
    "window, stride", [((64, 48), ()), ((40, 40), (40, 40)), ((32, 64), (11, 20)), ((200, 48), ())]
)
def test_parts_give_the_labels_of_the_whole(picture, tmp_path, window, stride):
    whole = predictor(window=window, stride=stride)
    steps: list[tuple[int, int]] = []
    found = predict_raster(
        whole, picture, tmp_path / "out.tif", tmp_path / "out.png", progress=lambda *at: steps.append(at)
    )
    with rasterio.open(tmp_path / "out.tif") as written:
        labels = written.read(1)
        assert written.profile["tiled"] and written.profile["compress"] == "deflate"
    np.testing.assert_array_equal(labels, whole(picture).labels)
    assert steps[-1][0] == steps[-1][1] == len(steps)
    assert sum(found["share"].values()) == pytest.approx(1) and found["size"] == [150, 131]
    with Image.open(tmp_path / "out.png") as preview:
        assert preview.size == (131, 150)
    assert not list(tmp_path.glob(".*"))


def test_the_place_on_the_ground_is_kept(tmp_path):
    path = tmp_path / "map.tif"
    place = rasterio.transform.from_origin(500_000, 5_000_000, 2, 2)
    with rasterio.open(
        path, "w", driver="GTiff", width=70, height=60, count=4, dtype="uint16", crs="EPSG:32632", transform=place
    ) as file:
        file.write(np.random.default_rng(0).integers(0, 65536, (4, 60, 70)).astype(np.uint16))
    predict_raster(predictor(), path, tmp_path / "out.tif", tmp_path / "out.png")
    with rasterio.open(tmp_path / "out.tif") as written:
        assert written.crs.to_epsg() == 32632 and written.transform == place and written.shape == (60, 70)


def test_large_tiffs_are_taken_for_rasters_and_predicted_by_the_command(picture, tmp_path, monkeypatch):
    assert not files.is_raster(picture)
    monkeypatch.setattr(files, "MAX_PIXELS", 150 * 131 - 1)
    assert files.is_raster(picture) and not files.is_raster(tmp_path / "no.tif")
    done = predict_files(predictor(window=(64, 64)), [str(picture)], tmp_path / "out")
    assert not done.problems and done.predictions[0]["mask"] == "land.tif"
    assert json.loads((tmp_path / "out" / "predictions.json").read_text())["predictions"][0]["size"] == [150, 131]
    assert (tmp_path / "out" / "land.tif").is_file() and (tmp_path / "out" / "land-overlay.png").is_file()


@pytest.mark.parametrize("big", [False, True])
def test_the_size_is_read_from_both_kinds_of_header(tmp_path, monkeypatch, big):
    path = tmp_path / "a.tif"
    options = {"BIGTIFF": "YES" if big else "NO"}
    with rasterio.open(path, "w", driver="GTiff", width=30, height=20, count=3, dtype="uint8", **options) as file:
        file.write(np.zeros((3, 20, 30), np.uint8))
    monkeypatch.setattr(files, "MAX_PIXELS", 599)
    assert files.is_raster(path)
    monkeypatch.setattr(files, "MAX_PIXELS", 600)
    assert not files.is_raster(path)


def test_damaged_and_strange_rasters_are_named(tmp_path, picture):
    cut = tmp_path / "cut.tif"
    cut.write_bytes(picture.read_bytes()[:2000])
    strange = tmp_path / "float.tif"
    with rasterio.open(strange, "w", driver="GTiff", width=9, height=9, count=3, dtype="float32") as file:
        file.write(np.zeros((3, 9, 9), np.float32))
    for path, message in ((cut, "copy it again"), (strange, "bands of float32")):
        with pytest.raises(DataError, match=message) as caught:
            predict_raster(predictor(), path, tmp_path / "out.tif", tmp_path / "out.png")
        assert str(path) in str(caught.value)
    assert not (tmp_path / "out.tif").exists() and not list(tmp_path.glob(".*"))


def test_what_needs_the_whole_picture_is_refused(picture, tmp_path):
    for change, message in (({"flip": True}, "task.flip"), ({"scales": (1.0, 1.5)}, "task.scales")):
        with pytest.raises(ConfigError, match=message):
            predict_raster(predictor(**change), picture, tmp_path / "out.tif", tmp_path / "out.png")


def test_without_rasterio_it_says_what_to_install(picture, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rasterio", None)
    with pytest.raises(MissingExtra, match=r"pip install 'swinkit\[raster\]'"):
        predict_raster(predictor(), picture, tmp_path / "out.tif", tmp_path / "out.png")


def test_a_raster_that_the_run_cannot_do_stops_none_of_the_others(picture, tmp_path, monkeypatch):
    small = tmp_path / "small.png"
    Image.fromarray(scene(8)[0]).save(small)
    monkeypatch.setattr(files, "MAX_PIXELS", 150 * 131 - 1)
    done = predict_files(predictor(flip=True), [str(picture), str(small)], tmp_path / "out")
    assert [entry["id"] for entry in done.predictions] == ["small"]
    (problem,) = done.problems
    assert problem.path == picture and "task.flip: needs the whole picture" in str(problem)
