"""Actions from tracks of points: from CSV files to a report and predictions, and from a film to such files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import swinkit as sk
from swinkit.datasets import DigitScenes
from swinkit.engine import Training
from swinkit.files.series import addresses, read_series, write_points
from swinkit.modalities import Image
from swinkit.recipes import ModelChoice, Recipe
from swinkit.recipes.checking import check
from swinkit.recipes.plain import read, to_plain
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.series import limbs
from swinkit.recipes.tracking import Tracking
from swinkit.tasks import Pose
from swinkit.types import Batch, Keypoints

NAMES = ("nose", "left_wrist", "right_wrist", "left_elbow", "right_elbow")
TINY = {
    "model.changes": {"width": 16, "depths": [1, 1], "heads": [1, 2], "window": [[8], [8]]},
    "training.batch": 8,
    "training.rate": 0.005,
    "training.steps": 20,
    "training.evaluate_every": 20,
    "training.precision": "fp32",
    "training.workers": 0,
    "training.ema": None,
}


def wave(label: str, rng: np.random.Generator) -> np.ndarray:
    """[5 3 frames]: somebody who waves with both hands up or down, one wrist lost for a while."""
    time = np.arange(int(rng.integers(20, 40)))
    points = np.ones((5, 3, len(time)))
    points[:, :2] = np.array([[0, -5], [-4, 0], [4, 0], [-3, 3], [3, 3]])[..., None]
    points[1:3, 1] += (-6 if label == "up" else 6) + 2 * np.sin(time + rng.uniform(0, 6))
    points[:, :2] = rng.uniform(3, 30) * points[:, :2] + 100 + rng.normal(0, 1, points[:, :2].shape)
    points[1, :, 4:7] = np.nan
    return points


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root, rng = tmp_path_factory.mktemp("waves"), np.random.default_rng(0)
    for split, count in (("train", 16), ("test", 4)):
        for label in ("up", "down"):
            (root / split / label).mkdir(parents=True)
            for number in range(count):
                tracks = [wave(label, rng) for _ in range(2 if number == 0 else 1)]
                write_points(root / split / label / f"{number}.csv", NAMES, tracks)
    return root


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    recipe = sk.recipes.classify(folder, changes=TINY)
    return sk.train(recipe, tmp_path_factory.mktemp("run") / "waves", quiet=True)


def test_everything_is_chosen_from_the_files(folder):
    said: list[str] = []
    recipe = sk.recipes.classify(folder, say=said.append)
    assert recipe.modality.names == NAMES and recipe.modality.normalise == "figure"
    assert recipe.modality.pairs == ((1, 2), (3, 4)) and recipe.modality.mirror == 0.5
    assert set(recipe.modality.skeleton) == {(1, 3), (2, 4)} or set(recipe.modality.skeleton) == {(3, 1), (4, 2)}
    config = recipe.model.config()
    assert config.rank == 1 and config.small_map == "pad" and config.stem.channels == 15
    assert any("modality: series" in line for line in said) and any("5 points" in line for line in said)
    other = sk.recipes.classify(folder, changes={"model.changes.mixing": "cross_block"}).model.config()
    assert other.mixing == "cross_block" and other.width == config.width


def test_a_run_learns_is_measured_and_shown(folder, run):
    assert run.evaluate("test")["accuracy"] > 0.8
    assert read(run.dir / "recipe.json") == run.recipe and to_plain(run.recipe)["data"]["kind"] == "series_files"
    page = run.report.read_text(encoding="utf-8")
    assert "data:image/png" in page and "truth: up" in page and "Confusion" in page


def test_tables_of_tracks_get_an_answer_a_track(folder, run, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("frame,track,point,x,y,score\n0,1,nose,1,1,1\n")
    two = folder / "test" / "up" / "0.csv"
    done = predict_files(run.predictor, [str(folder / "test" / "down"), str(two), str(bad)], tmp_path / "out")
    assert len(done.predictions) == 7 and [problem.path.name for problem in done.problems] == ["bad.csv"]
    assert "'left_wrist' is no point of it" in str(done.problems[0])
    names = [entry["id"] for entry in done.predictions]
    assert names[:2] == ["down-0-1", "down-0-2"] and names[-2:] == ["up-0-1", "up-0-2"]
    rows = list(csv.DictReader((tmp_path / "out" / "predictions.csv").open()))
    assert [Path(row["file"]).name for row in rows[-2:]] == ["0.csv#1", "0.csv#2"]
    assert (tmp_path / "out" / "up-0-2-overlay.png").is_file()
    one = run.predict(wave("up", np.random.default_rng(5)).reshape(15, -1).astype(np.float32))
    assert set(one.prediction.classes) == {"up", "down"} and one.draw().ndim == 3


def test_a_padded_batch_gives_what_each_series_gives_alone(folder, run):
    data = run.recipe.data.open("test")
    modality, predictor = run.recipe.modality, run.predictor
    samples = [modality.standard(modality.read(data[index])) for index in range(len(data))]
    assert len({sample.grid.shape for sample in samples}) > 1
    together = predictor.predict(samples)
    for sample, prediction in zip(samples, together, strict=True):
        (alone,) = predictor.predict([sample])
        torch.testing.assert_close(prediction.scores, alone.scores, rtol=1e-4, atol=1e-5)


def test_check_reads_every_series(folder, tmp_path):
    audit = check("classify", str(folder), say=lambda _: None)
    assert audit.ok and audit.splits["test"].samples == 10 and audit.lines()
    for split, label in (("train", "a"), ("train", "b")):
        (tmp_path / split / label).mkdir(parents=True)
        for number in range(2):
            (tmp_path / split / label / f"{number}.csv").write_text("ax,ay\n1,2\n3,4.5\n" * 1 + f"{number},9\n")
    (tmp_path / "train" / "b" / "2.csv").write_text("ax,ay\n1,two\n")
    audit = check("classify", str(tmp_path), say=lambda _: None)
    assert [problem.message for problem in audit.problems if problem.level == "error"] == ["line 2: 'two' is no number"]


def test_columns_of_numbers_are_learnt_as_they_are(tmp_path):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(4):
            (tmp_path / label / f"{number}.csv").write_text("time,ax,ay\n0,1,2\n1,3,4\n")
    recipe = sk.recipes.classify(tmp_path)
    assert recipe.modality.form == "columns" and recipe.modality.names == ("ax", "ay")
    assert recipe.modality.normalise == "column" and recipe.modality.mirror == 0 and recipe.modality.channels == 4


def test_lines_join_the_parts_of_a_body():
    names = ("left_shoulder", "right_shoulder", "left_elbow", "left_hip", "right_hip", "left_knee")
    assert set(limbs(names)) == {(0, 2), (0, 3), (1, 4), (3, 5), (0, 1), (3, 4)}
    assert limbs(("snout", "tail")) == []


class Bright(Pose):
    """Finds the brightest pixel of a frame twice."""

    def predict(self, model: torch.nn.Module, batch: Batch) -> list[Keypoints]:
        row, column = divmod(int(batch.grid[0].sum(0).argmax()), batch.grid.shape[-1])
        place = [column + 0.5, row + 0.5]
        points = torch.tensor([[[*place, 0.9], [*place, 0.05]]])
        boxes = torch.tensor([[0.0, 0, batch.sizes[0][1], batch.sizes[0][0]]])
        return [
            Keypoints(id=batch.ids[0], points=points, boxes=boxes, names=self.points, skeleton=(), size=batch.sizes[0])
        ]


def test_a_film_of_a_pose_run_becomes_a_table_of_tracks(tmp_path):
    film = tmp_path / "dot.mp4"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (64, 48))
    for time in range(6):
        frame = np.zeros((48, 64, 3), np.uint8)
        frame[8:16, 8 * time : 8 * time + 8] = 255
        writer.write(frame)
    writer.release()
    recipe = Recipe(
        task=Bright(points=("head", "tail")),
        data=DigitScenes(),
        model=ModelChoice(name="swin_nano"),
        modality=Image(),
        training=Training(steps=1),
    )
    predictor = Predictor(recipe, torch.nn.Identity(), torch.device("cpu"))
    predict_files(predictor, [str(film)], tmp_path / "out", tracking=Tracking())
    assert not list((tmp_path / "out").glob("keypoints.csv"))  # that is a table over pictures
    line = json.loads((tmp_path / "out" / "dot.jsonl").read_text().splitlines()[2])
    assert [thing["track"] for thing in line["objects"]] == [1]
    path = tmp_path / "out" / "dot-tracks.csv"
    series = read_series(path)
    assert addresses(path) == [path] and series.names == ("head", "tail") and series.values.shape == (6, 6)
    np.testing.assert_allclose(series.values[0], 8 * np.arange(6), atol=8)
    np.testing.assert_allclose(series.values[5], 0.05)
