"""Things in pictures that are larger than what a detector was trained on, and in rasters larger than memory."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from rectangles import finder, picture

import swinkit as sk
from swinkit.files import ConfigError
from swinkit.files import rasters as files
from swinkit.metrics import AveragePrecision
from swinkit.modalities.image import drawing
from swinkit.recipes import raster_things
from swinkit.recipes.answering import asked
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.raster_things import find_in_raster
from swinkit.types import Batch, Detections

SIZE = (150, 190)


def rows(found: Detections) -> list[tuple[float, ...]]:
    return sorted((*box, label) for box, label in zip(found.boxes.tolist(), found.labels.tolist(), strict=True))


@pytest.mark.parametrize("size", [SIZE, (300, 380)])
def test_windows_change_nothing_that_fits_and_boxes_are_in_pixels_of_the_picture(size):
    """Of the grid: where pictures are reduced, so are their windows."""
    scene = picture(0, SIZE, 60, (6, 30))
    large = np.asarray(Image.fromarray(scene).resize((size[1], size[0]), Image.Resampling.NEAREST))
    whole, tiled = finder(), finder(window=(64, 64), largest=(size[0] // 5, size[1] // 6))
    for each in (whole, tiled):
        each.recipe = asked(each.recipe, {"modality": {"scale": SIZE[0] / size[0]}})
    found = tiled(large).prediction
    assert rows(found) == rows(whole(large).prediction) and len(found) > 15 and found.size == size


def test_a_picture_may_hold_more_things_than_a_window():
    scene = picture(1, SIZE, 60, (6, 20))
    assert len(finder(most=5)(scene).prediction) == 5 < len(finder(most=5, window=(50, 50))(scene).prediction)


def test_mirrored_and_enlarged_views_are_fused():
    scene = picture(2, SIZE, 30, (8, 24))
    plain = finder()(scene).prediction
    for settings in ({"flip": True}, {"flip": True, "window": (64, 64)}, {"scales": (1.0, 2.0)}):
        found = finder(**settings)(scene).prediction
        assert len(found) == len(plain)
        torch.testing.assert_close(torch.tensor(rows(found)), torch.tensor(rows(plain)), atol=0.6, rtol=0)


def test_a_trained_run_takes_only_settings_of_its_answers():
    recipe = finder().recipe
    assert asked(recipe, {"task": {"window": [32, 32], "sure": 0.5}}).task.window == (32, 32)
    for settings, says in (
        ({"task": {"channels": 8}}, r"task.channels: is no setting that a trained run takes: there are: threshold"),
        ({"task": {"flips": True}}, "did you mean 'flip'"),
        ({"training": {"seed": 1}}, "training: is decided in training"),
        ({"task": {"window": [0, 8]}}, "has to be positive"),
        ({"task": {"window": [8]}}, r"give \[height, width\]"),
        ({"task": True}, "task: wanted names with values"),
    ):
        with pytest.raises(ConfigError, match=says):
            asked(recipe, settings)


@pytest.fixture
def raster(tmp_path, monkeypatch):
    pytest.importorskip("rasterio")
    monkeypatch.setattr(files, "MAX_PIXELS", 20_000)
    Image.fromarray(picture(3, (260, 180), 60, (6, 40))).save(tmp_path / "land.tif")
    return tmp_path / "land.tif"


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_things_of_a_raster_are_written_in_its_own_pixels(raster, tmp_path, scale):
    ready = finder(window=(64, 64), largest=(40, 40))
    with Image.open(raster) as opened:
        wanted = finder()(np.asarray(opened)).prediction
    ready.recipe = asked(ready.recipe, {"modality": {"scale": scale}})
    done = predict_files(ready, [str(raster)], tmp_path / "out")
    assert not done.problems and sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "land-overlay.png", "predictions-coco.json", "predictions.json",
    ]  # fmt: skip
    document = json.loads((tmp_path / "out" / "predictions-coco.json").read_text())
    assert document["images"] == [{"id": 1, "file_name": "land.tif", "width": 180, "height": 260}]
    boxes = torch.tensor([row["bbox"] for row in document["annotations"]])
    boxes[:, 2:] += boxes[:, :2]
    labels = torch.tensor([row["category_id"] - 1 for row in document["annotations"]])
    assert len(boxes) == len(wanted) > 15
    apart = (boxes[:, None] - wanted.boxes).abs().amax(-1) + 1e6 * (labels[:, None] != wanted.labels)
    assert apart.amin(0).max() <= (0 if scale == 1 else 2)


def test_memory_does_not_grow_with_the_raster(tmp_path, monkeypatch):
    pytest.importorskip("rasterio")
    monkeypatch.setattr(raster_things, "PREVIEW", 64)
    monkeypatch.setattr(drawing, "WIDTH", 1)
    peaks: list[int] = []
    steps: list[tuple[int, int]] = []
    for high in (300, 300, 1500):
        file = tmp_path / f"{high}.tif"
        Image.fromarray(np.zeros((high, 400, 3), np.uint8)).save(file)
        tracemalloc.start()
        find_in_raster(finder(window=(128, 128)), file, tmp_path / "a.png", progress=lambda *at: steps.append(at))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert steps[-1][0] == steps[-1][1]
    assert peaks[2] < peaks[1] + 100_000 < 1500 * 400 * 3, peaks


def test_what_a_raster_cannot_be_asked_is_said(raster, tmp_path):
    ready = finder()
    ready.recipe = replace(ready.recipe, modality=replace(ready.recipe.modality, shorter=64))
    with pytest.raises(ConfigError, match="--set modality.shorter=null"):
        find_in_raster(ready, raster, tmp_path / "a.png")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_trained_detector_finds_in_windows_what_it_finds_in_the_whole(tmp_path):
    """Digit scenes side by side, so that digits lie on the seams of windows, measured scene by scene."""
    changes = {
        "data.counts": [4000, 50, 36], "model.name": "swin_nano", "training.steps": 240, "training.evaluate_every": 240,
        "training.workers": 0, "training.schedule": "constant",
    }  # fmt: skip
    run = sk.train(sk.recipes.detect("digit_scenes", changes=changes), tmp_path / "run", quiet=True, report=False)
    scenes = [run.recipe.data.open("test")[index] for index in range(36)]
    large = np.vstack([np.hstack([record.source for record in scenes[6 * row : 6 * row + 6]]) for row in range(6)])
    figures: dict[str, float] = {}
    ready = run.predictor
    for name, values in (("whole", {"most": 400}), ("64", {"window": [64, 64]}), ("96", {"window": [96, 96]})):
        found = Predictor(asked(ready.recipe, {"task": values}), ready.model, ready.device)(large).prediction
        metrics = AveragePrecision(found.classes)
        for index, record in enumerate(scenes):
            corner = 64.0 * torch.tensor([index % 6, index // 6])
            middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2 - corner
            here = found.chosen(((middles >= 0) & (middles < 64)).all(1))
            moved = replace(here, id=str(index), boxes=here.boxes - corner.repeat(2), size=(64, 64))
            metrics.update([moved], Batch(grid=torch.zeros(1), target=[record.target]))
        figures[name] = metrics.result()["map50"]
    assert figures["whole"] > 0.3, figures
    assert all(abs(value - figures["whole"]) < 0.1 for value in figures.values()), figures
