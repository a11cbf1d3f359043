"""Films and folders of frames from training to a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import swinkit as sk
from swinkit.files import DataError

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
