"""A raster far larger than memory allows, labelled part by part: how much memory it takes, and that no seam is seen.

    python benchmarks/raster.py --side 20000 --publish     # benchmarks/results/raster.json

The model is a small one of fresh weights: memory and seams do not depend on what it has learnt. Its picture is made of
scikit-learn's two photographs, repeated and written tile by tile. Labels are compared with those of the whole picture
on a corner that fits.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import date
from pathlib import Path

import numpy as np
import rasterio
import torch
from peaks import Peak
from rasterio.windows import Window
from sklearn.datasets import load_sample_images

from swinkit.datasets import DigitScenes
from swinkit.engine import Training
from swinkit.modalities import Image
from swinkit.recipes import ModelChoice, Predictor, Recipe
from swinkit.recipes.environment import environment, memory
from swinkit.recipes.parts import make_model
from swinkit.recipes.rasters import predict_raster
from swinkit.tasks import Segment

RESULTS = Path(__file__).resolve().parent / "results"
CORNER = 2000
"""Side of what is predicted as a whole too."""


def predictor(window: int) -> Predictor:
    """Three classes, windows of that side that overlap by a third."""
    task = Segment(classes=("one", "two", "three"), channels=16, window=(window, window))
    changes = {"depths": (1, 1), "heads": (1, 1), "width": 24, "window": ((8, 8),)}
    recipe = Recipe(
        task=task, data=DigitScenes(), model=ModelChoice(name="swin_nano", changes=changes), modality=Image(),
        training=Training(steps=1),
    )  # fmt: skip
    return Predictor(recipe, make_model(recipe).eval(), torch.device("cpu"))


def make(path: Path, side: int) -> None:
    """Photographs side by side, no two tiles alike."""
    photographs = load_sample_images().images
    form = {
        "driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8", "tiled": True,
        "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1, "BIGTIFF": "IF_SAFER",
    }  # fmt: skip
    with rasterio.open(path, "w", **form) as target:
        for top in range(0, side, 512):
            for left in range(0, side, 512):
                size = min(512, side - top), min(512, side - left)
                source = photographs[(top + left) // 512 % 2]
                shifted = np.roll(source, (top // 7, left // 11), (0, 1))
                part = np.tile(shifted, (2, 1, 1))[: size[0], : size[1]]
                target.write(np.moveaxis(part, -1, 0), window=Window(left, top, size[1], size[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=20_000, help="pixels")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--out", type=Path, default=Path("runs/raster"))
    parser.add_argument("--publish", action="store_true", help="write the result")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    source, labels, shown = (options.out / name for name in ("picture.tif", "labels.tif", "shown.png"))
    ready = predictor(options.window)
    make(source, options.side)
    ready(np.zeros((options.window, options.window, 3), np.uint8))  # everything is loaded and warm
    idle, begun, last = memory(), time.perf_counter(), [0.0]

    def tell(done: int, total: int) -> None:
        if time.perf_counter() - last[0] > 20:
            last[0] = time.perf_counter()
            print(f"{done} of {total} windows, {(memory() - idle) / 2**20:.0f} MiB above idle", flush=True)

    with Peak() as peak:
        predict_raster(ready, source, labels, shown, progress=tell)
    seconds = time.perf_counter() - begun
    side = min(CORNER, options.side)
    with rasterio.open(source) as picture:
        corner = np.ascontiguousarray(np.moveaxis(picture.read(window=Window(0, 0, side, side)), 0, -1))
    small = options.out / "corner.tif"
    with rasterio.open(small, "w", driver="GTiff", width=side, height=side, count=3, dtype="uint8") as target:
        target.write(np.moveaxis(corner, -1, 0))
    predict_raster(ready, small, options.out / "corner-labels.tif", shown)
    with rasterio.open(options.out / "corner-labels.tif") as found:
        equal = bool((found.read(1) == ready(corner).labels).all())
    above = (peak.bytes - idle) / 2**20
    print(f"{options.side} px: {seconds:.0f} s, {above:.0f} MiB above idle, parts equal the whole: {equal}")
    if options.publish:
        about = environment()
        entry = {
            "bench": "raster", "metric": "mib_above_idle", "value": round(above, 1), "side": options.side,
            "window": options.window, "equal_to_whole": equal, "corner": side, "split": "none", "seed": 0,
            "recipe": f"python benchmarks/raster.py --side {options.side} --window {options.window} --publish",
            "seconds": round(seconds, 1), "cores": int(about["cores"]), "threads": torch.get_num_threads(),
            "device": about["processor"], "versions": {name: about[name] for name in ("swinkit", "torch")},
            "date": date.today().isoformat(),
        }  # fmt: skip
        (RESULTS / "raster.json").write_text(json.dumps([entry], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
