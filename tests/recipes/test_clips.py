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
from swinkit.recipes.predicting import predict_files
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


def test_a_long_film_is_watched_clip_by_clip(run: sk.Run, tmp_path: Path) -> None:
    assert run.recipe.modality.span == 8  # type: ignore[attr-defined]
    film, moves = long_film(tmp_path / "day.avi", 21)
    done = predict_files(run.predictor, [str(film)], tmp_path / "out")
    (entry,) = done.predictions
    assert [window["frame"] for window in entry["windows"]] == list(range(0, 168, 8))
    assert entry["windows"][5]["second"] == 5.0
    right = [(window["class"] == "moves") == moved for window, moved in zip(entry["windows"], moves, strict=True)]
    assert np.mean(right) > 0.8, right
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {"predictions.json", "predictions.csv", "day-overlay.png"}
    for index, window in enumerate(entry["windows"][:6]):  # each as if it were a film of its own
        np.save(tmp_path / "clip.npy", Clip(film).read(range(8 * index, 8 * index + 8)))
        alone = run.predictor(tmp_path / "clip.npy").prediction.best()[0]
        assert (window["class"], round(window["score"], 5)) == (alone[0], round(alone[1], 5))


def test_the_end_of_a_film_is_watched_too(run: sk.Run, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.concatenate([frames(False, 1), frames(True, 2), frames(True, 3)])[:21])
    found = watch(run.predictor, tmp_path / "a.npy", "a")
    assert found.firsts == (0, 8, 13) and found.rate == 0
    assert "second" not in found.to_json()["windows"][0]
    assert found.draw(run.predictor).shape[2] == 3
    np.save(tmp_path / "b.npy", np.concatenate([frames(True, 2), frames(True, 3)])[:11])
    (entry,) = predict_files(run.predictor, [str(tmp_path / "b.npy")], tmp_path / "out").predictions
    assert "windows" not in entry  # hardly longer than a clip


def test_folders_of_clips_are_searched(run: sk.Run, tmp_path: Path) -> None:
    clip_folder(tmp_path / "data", 2)
    long_film(tmp_path / "data" / "film.mkv", 1)
    done = predict_files(run.predictor, [str(tmp_path / "data")], tmp_path / "out")
    assert [Path(entry["source"]).name for entry in done.predictions] == [
        "film.mkv", *(f"clip0{index}" for index in range(4)),
    ]  # fmt: skip
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no video file"):
        predict_files(run.predictor, [str(tmp_path / "empty")], tmp_path / "none")


def test_a_camera_has_no_end(run: sk.Run, tmp_path: Path) -> None:
    done = predict_files(run.predictor, ["camera:0"], tmp_path / "out")
    assert "which a camera does not end" in str(done.problems[0])


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
