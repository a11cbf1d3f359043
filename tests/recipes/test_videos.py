"""Films: frames in, an overlay film out."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest
import torch

from swinkit.datasets import DigitScenes
from swinkit.engine import Training
from swinkit.files import ConfigError, DataError
from swinkit.modalities import Image
from swinkit.recipes import ModelChoice, Recipe
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.tracking import Tracking
from swinkit.recipes.videos import is_film, predict_film
from swinkit.tasks import Detect, Segment
from swinkit.types import Batch, Detections

FRAMES = 12


class Seen(torch.nn.Module):
    """Stands for a model: the red and the blue square of a frame, by their colours."""

    def forward(self, grid: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
        return grid


class Colours(Detect):
    """Finds what `Seen` shows."""

    def predict(self, model: torch.nn.Module, batch: Batch) -> list[Detections]:
        grid = model(batch.grid)[0]
        boxes = []
        for channel in (0, 2):
            rows, columns = torch.where(grid[channel] > 0.5)
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        return [
            Detections(
                id=batch.ids[0],
                boxes=torch.tensor(boxes, dtype=torch.float32),
                labels=torch.tensor([0, 1]),
                scores=torch.tensor([0.9, 0.8]),
                classes=self.classes,
                size=batch.sizes[0],
            )
        ]


def predictor(task: object) -> Predictor:
    recipe = Recipe(
        task=task,
        data=DigitScenes(),
        model=ModelChoice(name="swin_nano"),
        modality=Image(),
        training=Training(steps=1),
    )
    return Predictor(recipe, Seen(), torch.device("cpu"))


@pytest.fixture
def film(tmp_path):
    """A red square that goes right and a blue one that goes left."""
    path = tmp_path / "squares.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (256, 192))
    for time in range(FRAMES):
        frame = np.zeros((192, 256, 3), np.uint8)
        frame[20:60, 10 + 8 * time : 50 + 8 * time, 2] = 255
        frame[120:160, 200 - 8 * time : 240 - 8 * time, 0] = 255
        writer.write(frame)
    writer.release()
    return path


def test_every_frame_has_an_answer_and_the_overlay_is_a_film(film, tmp_path):
    out = tmp_path / "out"
    done = predict_files(predictor(Colours(classes=("red", "blue"))), [str(film)], out, tracking=Tracking())
    assert not done.problems and done.predictions[0]["frames"] == FRAMES and done.predictions[0]["rate"] == 10
    lines = [json.loads(line) for line in (out / "squares.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(FRAMES)) and lines[5]["second"] == 0.5
    assert all([thing["track"] for thing in line["objects"]] == [1, 2] for line in lines)
    assert all([thing["class"] for thing in line["objects"]] == ["red", "blue"] for line in lines)
    assert lines[-1]["objects"][0]["bbox"][0] == pytest.approx(10 + 8 * 11, abs=4)
    rows = list(csv.DictReader((out / "squares-tracks.csv").open()))
    assert len(rows) == 2 * FRAMES and {row["class"] for row in rows} == {"red", "blue"}
    shown = cv2.VideoCapture(str(out / "squares-overlay.mp4"))
    count = 0
    while shown.read()[0]:
        count += 1
    assert count == FRAMES and not list(out.glob(".*"))


def test_without_tracking_the_answers_are_those_of_the_frames(film, tmp_path):
    found = predict_film(predictor(Colours(classes=("red", "blue"))), str(film), tmp_path, "a", most=3)
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert found["frames"] == len(lines) == 3 and "track" not in json.loads(lines[0])["objects"][0]
    assert not (tmp_path / "a-tracks.csv").exists()


def test_what_cannot_be_used_is_said(film, tmp_path):
    one = predictor(Colours(classes=("red", "blue")))
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no film")
    empty = tmp_path / "cut.mp4"
    empty.write_bytes(film.read_bytes()[:200])
    for path in (bad, empty, tmp_path / "no.mp4"):
        with pytest.raises(DataError, match=path.name):
            predict_film(one, str(path), tmp_path, "x")
    with pytest.raises(ConfigError, match="a camera is camera:0"):
        predict_film(one, "camera:front", tmp_path, "x")
    with pytest.raises(ConfigError, match="--track follows things"):
        predict_film(predictor(Segment(classes=("a", "b"))), str(film), tmp_path, "x", tracking=Tracking())
    done = predict_files(one, [str(bad), str(film)], tmp_path / "out")
    assert len(done.predictions) == 1 and len(done.problems) == 1
    assert is_film("camera:0") and is_film("a.MP4") and not is_film("a.png")
