"""An hour of sound, ten minutes of film and a volume of 256 voxels a side: how much memory their answers take.

    python benchmarks/long_inputs.py --publish     # benchmarks/results/long_inputs.json

Every input is answered with its files written, as `swinkit predict` does, by the model that a recipe chooses for such
data, of fresh weights: memory does not depend on what it has learnt. A shorter input of the kind, answered the same
way in a process of its own, shows whether memory grows. Sounds are digits of the synthesiser, over and over; the film
has moving squares; the volume is noise with a ball in it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import nibabel
import numpy as np
import soundfile
import torch
from contest import count, say
from peaks import Peak
from record import RESULTS, machine

import swinkit as sk
from swinkit.datasets import SpokenDigits
from swinkit.recipes import Predictor, Recipe
from swinkit.recipes.environment import memory
from swinkit.recipes.parts import make_model
from swinkit.recipes.predicting import predict_files

SIZES = {"sound": (6, 60), "film": (1, 10), "volume": (128, 256)}
"""Minutes, minutes and voxels a side: the shorter one, and what is asked for."""
WARM = {"sound": 1, "film": 0.2, "volume": 64}
UNITS = {"sound": "minutes", "film": "minutes", "volume": "voxels a side"}
RATE, FRAME = 25, (240, 320)
"""Frames a second and pixels of the film."""


def sound(folder: Path, minutes: float) -> Path:
    """Digits until the time is full, 16 kHz."""
    data = SpokenDigits(target="text").open("train")
    strings = [np.asarray(data[index].source) for index in range(50)]
    path, rate = folder / f"sound-{minutes}.wav", data.rate
    with soundfile.SoundFile(path, "w", rate, 1) as file:
        index = 0
        while file.tell() < 60 * minutes * rate:
            file.write(strings[index % len(strings)])
            file.write(np.zeros(rate // 2, np.float32))
            index += 1
    return path


def film(folder: Path, minutes: float) -> Path:
    """A square that wanders over a ground of noise."""
    path, rng = folder / f"film-{minutes}.mp4", np.random.default_rng(0)
    ground = rng.integers(0, 120, (*FRAME, 3)).astype(np.uint8)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), RATE, FRAME[::-1])
    for index in range(int(60 * RATE * minutes)):
        frame = ground.copy()
        left, top = 3 * index % (FRAME[1] - 40), 2 * index % (FRAME[0] - 40)
        frame[top : top + 40, left : left + 40] = 255
        writer.write(frame)
    writer.release()
    return path


def volume(folder: Path, side: int) -> Path:
    """A ball of millimetre voxels in noise."""
    grid = np.random.default_rng(0).normal(0, 30, (side,) * 3).astype(np.float32)
    axes = np.ogrid[:side, :side, :side]
    grid[sum((axis - side / 2) ** 2 for axis in axes) < (side / 4) ** 2] += 200
    path = folder / f"volume-{side}.nii.gz"
    nibabel.save(nibabel.Nifti1Image(grid.astype(np.int16), np.eye(4)), path)
    return path


def of_sound(folder: Path) -> Recipe:
    """What the demonstration of speech trains."""
    return sk.recipes.transcribe("spoken_digits")


def of_film(folder: Path) -> Recipe:
    """For clips of 32 frames in two classes."""
    clip = film(folder, 32 / RATE / 60)
    for split in ("train", "val"):
        for name in ("one", "other"):
            (folder / "clips" / split / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(clip, folder / "clips" / split / name / "a.mp4")
    return sk.recipes.classify(folder / "clips")


def of_volume(folder: Path) -> Recipe:
    """For scans of that kind, larger than its patches."""
    for kind in ("images", "labels"):
        (folder / "scans" / kind).mkdir(parents=True, exist_ok=True)
    for index in range(6):
        scan = nibabel.load(volume(folder, 96))
        labels = (scan.get_fdata() > 150).astype(np.uint8)
        nibabel.save(scan, folder / "scans" / "images" / f"case_{index}.nii.gz")
        nibabel.save(nibabel.Nifti1Image(labels, np.eye(4)), folder / "scans" / "labels" / f"case_{index}.nii.gz")
    return sk.recipes.segment(folder / "scans", changes={"data.classes": ["ground", "ball"]})


KINDS: dict[str, tuple[Callable[[Path, Any], Path], Callable[[Path], Recipe]]] = {
    "sound": (sound, of_sound),
    "film": (film, of_film),
    "volume": (volume, of_volume),
}


def answered(kind: str, size: float, folder: Path) -> dict[str, Any]:
    """Answer for one input: the memory above what is taken once everything is loaded and warm, and the time."""
    torch.manual_seed(0)
    make, recipe_of = KINDS[kind]
    recipe = recipe_of(folder)
    ready = Predictor(recipe, make_model(recipe).eval(), torch.device("cpu"))
    predict_files(ready, [str(make(folder, WARM[kind]))], folder / f"warm-{kind}-{size}")
    source = make(folder, size)
    idle, begun = memory(), time.perf_counter()
    with Peak() as peak:
        done = predict_files(ready, [str(source)], folder / f"out-{kind}-{size}")
    if done.problems:
        raise done.problems[0]
    return {
        "size": size, "mib": round((peak.bytes - idle) / 2**20, 1), "seconds": round(time.perf_counter() - begun, 1),
        "model": recipe.model.name, "parameters": count(ready.model),
    }  # fmt: skip


def measured(kind: str, size: float, folder: Path, told: Any) -> None:
    """The same in a process that does nothing else."""
    told.put(answered(kind, size, folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=KINDS, nargs="+", default=list(KINDS))
    parser.add_argument("--out", type=Path, default=Path("runs/long"), help="emptied first")
    parser.add_argument("--publish", action="store_true", help="write the result")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    fresh = multiprocessing.get_context("spawn")
    path = RESULTS / "long_inputs.json"
    for kind in options.only:
        found = []
        for size in SIZES[kind]:
            told = fresh.SimpleQueue()
            work = fresh.Process(target=measured, args=(kind, size, options.out, told))
            work.start()
            work.join()
            if work.exitcode:
                raise SystemExit(f"{kind} of {size} {UNITS[kind]} failed")
            found.append(told.get())
            say(f"{kind}, {size} {UNITS[kind]}: {found[-1]}")
        short, long = found
        entry = {
            "bench": f"long_inputs/{kind}", "metric": "mib_above_idle", "value": long["mib"], "size": long["size"],
            "unit": UNITS[kind], "shorter": short, "model": long["model"], "parameters": long["parameters"],
            "split": "none", "seed": 0, "recipe": f"python benchmarks/long_inputs.py --only {kind} --publish",
            "seconds": long["seconds"], **machine(),
        }  # fmt: skip
        if options.publish:
            old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
            entries = [*(each for each in old if each["bench"] != entry["bench"]), entry]
            path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
