"""A data set and a run small enough to make anew in every test process."""

from __future__ import annotations

import atexit
import functools
import hashlib
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("ground", "box", "bar")
SPLITS = {"train": 8, "val": 4, "test": 4}
SIZE = (32, 40)

TINY = {
    "model.name": "swin_nano",
    "model.changes": {"depths": [1, 1], "heads": [1, 1], "width": 24, "window": [[8, 8]]},
    "task.channels": 16,
    "training.batch": 4,
    "training.rate": 0.002,
    "training.precision": "fp32",
    "training.steps": 6,
    "training.evaluate_every": 3,
    "training.workers": 0,
    "training.ema": None,
}
"""Changes that make a recipe tiny."""


def settings(**changes: object) -> list[str]:
    """The same as words of a command line; further changes have `__` for the dot."""
    import json

    every = TINY | {name.replace("__", "."): value for name, value in changes.items()}
    return [word for name, value in every.items() for word in ("--set", f"{name}={json.dumps(value)}")]


def scene(seed: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A picture [h w 3] uint8 with a red box and a blue bar on grey, and its mask."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(90, 130, (*size, 3), dtype=np.uint8)
    mask = np.zeros(size, np.uint8)
    top, left = rng.integers(0, size[0] - 14), rng.integers(0, size[1] - 14)
    mask[top : top + 12, left : left + 12] = 1
    row = rng.integers(0, size[0] - 5)
    mask[row : row + 5] = 2
    picture[mask == 1] = (220, 60, 40)
    picture[mask == 2] = (30, 70, 230)
    return picture, mask


def mask_folder(path: Path) -> Path:
    """Write the data set; every split in `images` (PNG) and `labels`."""
    seed = 0
    for split, count in SPLITS.items():
        for part in ("images", "labels"):
            (path / split / part).mkdir(parents=True)
        for index in range(count):
            picture, mask = scene(seed := seed + 1)
            Image.fromarray(picture).save(path / split / "images" / f"{split}{index}.png")
            Image.fromarray(mask).save(path / split / "labels" / f"{split}{index}.png")
    (path / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
    return path


def digest(folder: Path) -> str:
    """Of every name, size and byte below a folder, and of the times of change."""
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        about = file.lstat()
        content = file.read_bytes() if file.is_file() else b""
        whole.update(f"{file.relative_to(folder)} {about.st_mode} {about.st_mtime_ns} ".encode() + content)
    return whole.hexdigest()


@functools.cache
def trained() -> Path:
    """A tiny run, trained once a process; not to be changed. Its data lies beside it in `data`."""
    import swinkit as sk

    place = Path(tempfile.mkdtemp(prefix="swinkit-tiny-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    data = mask_folder(place / "data")
    sk.train(sk.recipes.segment(data, changes=TINY), place / "run", quiet=True)
    return place / "run"
