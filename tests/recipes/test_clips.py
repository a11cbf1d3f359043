"""Films and folders of frames from training to a class."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import swinkit as sk
from swinkit.files import ConfigError, DataError
from swinkit.files.clips import Clip
from swinkit.recipes.answering import asked
from swinkit.recipes.predicting import predict_files
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.tracking import Tracking
from swinkit.recipes.watching import watch

TINY = {
    "model.changes": {
        "depths": [1, 1], "heads": [1, 1], "width": 16, "window": [[4, 4, 4]],
        "stem": {"kind": "convolutions", "size": [2, 4, 4], "channels": 4},
    },
    "modality.frames": 4, "modality.motion": True, "modality.size": [16, 16], "modality.shorter": 16,
    "modality.decoded": 8,
    "modality.flip": 0.0, "modality.zoom": [1.0, 1.0], "modality.stretch": 0.0, "task.smoothing": 0.0,
    "training.batch": 8, "training.precision": "fp32", "training.steps": 80, "training.rate": 4e-3,
    "training.evaluate_every": 80, "training.workers": 0, "training.ema": None,
}  # fmt: skip


def frames(right: bool, seed: int) -> np.ndarray:
    """A bar that moves to the right or stays: no frame alone tells which."""
    start = np.random.default_rng(seed).integers(0, 16)
    found = np.full((8, 16, 16, 3), 60, np.uint8)
    for index in range(8):
        found[index, :, (start + (2 * index if right else 0)) % 16] = 250
    return found


def clip_folder(path: Path, count: int = 30) -> Path:
    """Folders of frames with manifest.csv; the last third is fold 0."""
    lines = ["clip,label,fold"]
    for index in range(2 * count):
        name, right = f"clip{index:02d}", index % 2 == 0
        (path / "frames" / name).mkdir(parents=True)
        for place, frame in enumerate(frames(right, index)):
            Image.fromarray(frame).save(path / "frames" / name / f"{place:02d}.png")
        lines.append(f"{name},{'moves' if right else 'stays'},{0 if index >= 4 * count // 3 else 1}")
    (path / "manifest.csv").write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> sk.Run:
    folder = tmp_path_factory.mktemp("clips")
    recipe = sk.recipes.classify(clip_folder(folder / "data"), changes=TINY)
    assert recipe.model.name == "swin_nano_3d"
    return sk.train(recipe, folder / "run", quiet=True)


def test_it_learns_whether_things_move(run: sk.Run) -> None:
    assert run.evaluate("test")["accuracy"] > 0.8
    assert (run.dir / "report.html").is_file()


def test_a_folder_of_frames_is_answered(run: sk.Run, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", frames(True, 99))
    result = sk.predict(run, tmp_path / "a.npy")
    assert set(result.prediction.classes) == {"moves", "stays"}
    assert result.draw().shape[2] == 3


def long_film(path: Path, parts: int, size: int = 64) -> tuple[Path, list[bool]]:
    """Clips one after the other, lossless, and which of them move."""
    moves = [bool(part // 2 % 2) for part in range(parts)]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), 8.0, (size, size))
    for part, right in enumerate(moves):
        for frame in frames(right, part):
            writer.write(np.kron(frame, np.ones((size // 16, size // 16, 1), np.uint8)))
    writer.release()
    return path, moves


@pytest.fixture(scope="module")
def watcher(run: sk.Run) -> Predictor:
    """Folders of frames do not say how long they take: a second is 8 frames of the films below."""
    assert run.recipe.modality.span is None  # type: ignore[attr-defined]
    ready = run.predictor
    return Predictor(asked(ready.recipe, {"modality": {"span": 1.0}}), ready.model, ready.device)


def test_a_long_film_is_watched_clip_by_clip(watcher: Predictor, tmp_path: Path) -> None:
    film, moves = long_film(tmp_path / "day.avi", 21)
    told: list[tuple[int, int]] = []
    done = predict_files(watcher, [str(film)], tmp_path / "out", within=lambda *counts: told.append(counts))
    (entry,) = done.predictions
    assert told == [(8 * count, 168) for count in range(1, 22)]
    assert [window["frame"] for window in entry["windows"]] == list(range(0, 168, 8))
    assert entry["windows"][5]["second"] == 5.0
    assert entry["frames_watched"] == entry["frames_claimed"] == 168
    right = [(window["class"] == "moves") == moved for window, moved in zip(entry["windows"], moves, strict=True)]
    assert np.mean(right) > 0.8, right
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {"predictions.json", "predictions.csv", "day-overlay.png"}


def test_every_clip_of_a_film_is_looked_at_as_if_it_were_alone(watcher: Predictor, tmp_path: Path) -> None:
    film, _ = long_film(tmp_path / "day.avi", 9)
    recipe = asked(watcher.recipe, {"modality": {"span": 2.5}})  # 20 frames, of which 8 are decoded
    found = watch(Predictor(recipe, watcher.model, watcher.device), film, "day")
    assert found.firsts == (0, 18, 36, 54)
    for first, row in zip(found.firsts, found.scores, strict=True):
        np.save(tmp_path / "clip.npy", Clip(film).read(range(first, first + 18)))
        alone = watcher(tmp_path / "clip.npy").prediction.scores  # type: ignore[attr-defined]
        np.testing.assert_allclose(row, alone.numpy(), atol=1e-5)
    assert found.draw(watcher).shape[2] == 3


def test_films_hardly_longer_than_a_clip_and_those_without_a_time_are_one(watcher: Predictor, tmp_path: Path) -> None:
    film, _ = long_film(tmp_path / "short.avi", 1)
    np.save(tmp_path / "array.npy", np.concatenate([frames(True, 2)] * 5))
    done = predict_files(watcher, [str(film), str(tmp_path / "array.npy")], tmp_path / "out")
    assert not done.problems and not any("windows" in entry for entry in done.predictions)


def test_a_film_that_ends_early_tells_how_much_was_watched(watcher: Predictor, tmp_path: Path) -> None:
    film, _ = long_film(tmp_path / "whole.avi", 40)
    cut = tmp_path / "cut.avi"
    cut.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    (entry,) = predict_files(watcher, [str(cut)], tmp_path / "out").predictions
    assert 0 < entry["frames_watched"] < entry["frames_claimed"] == 320
    assert len(entry["windows"]) == -(-entry["frames_watched"] // 8)


def test_the_recipe_knows_how_long_its_films_are(tmp_path: Path) -> None:
    for split, parts in (("train", 3), ("train", 5), ("val", 2)):
        for name in ("a", "b"):
            (tmp_path / "data" / split / name).mkdir(parents=True, exist_ok=True)
            long_film(tmp_path / "data" / split / name / f"{parts}.avi", parts)
    assert sk.recipes.classify(tmp_path / "data").modality.span == 5.0  # type: ignore[attr-defined]


def test_folders_of_clips_are_searched(run: sk.Run, tmp_path: Path) -> None:
    clip_folder(tmp_path / "data", 2)
    (tmp_path / "films").mkdir()
    long_film(tmp_path / "films" / "film.mkv", 1)
    Image.new("RGB", (9, 9)).save(tmp_path / "films" / "poster.png")  # does not make the folder a clip
    done = predict_files(run.predictor, [str(tmp_path / "films"), str(tmp_path / "data")], tmp_path / "out")
    assert [Path(entry["source"]).name for entry in done.predictions] == [
        "film.mkv", *(f"clip0{index}" for index in range(4)),
    ]  # fmt: skip
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no video file"):
        predict_files(run.predictor, [str(tmp_path / "empty")], tmp_path / "none")


def test_a_camera_has_no_end(run: sk.Run, tmp_path: Path) -> None:
    done = predict_files(run.predictor, ["camera:0"], tmp_path / "out")
    assert "which a camera does not end" in str(done.problems[0])
    with pytest.raises(ConfigError, match="this run is about whole clips"):
        predict_files(run.predictor, ["a.mp4"], tmp_path / "tracks", tracking=Tracking())


def test_tables_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    folder = clip_folder(tmp_path / "a", 3)
    table = folder / "manifest.csv"
    good = table.read_text()
    for bad, said in (
        (good + "clip99,left,1\n", "line 8: there is no clip 'clip99'"),
        (good + "clip00,,1\n", "line 8: has no class"),
        (good.replace("moves,1", "moves,one", 1), "line 2: 'one' is no number"),
        (good.replace("label", "lable"), "columns clip .or file. and label"),
        (good.replace("fold", "split"), "line 2: '1' is none of train"),
    ):
        table.write_text(bad)
        with pytest.raises(DataError, match=said) as caught:
            sk.recipes.classify(folder, changes=TINY)
        assert str(table) in str(caught.value)
