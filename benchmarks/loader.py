"""How fast data comes, beside how fast a model takes it: samples per second of every part of the way.

    python benchmarks/loader.py                                # 64 made pictures of 360 x 480, JPEG and PNG
    python benchmarks/loader.py --data camvid --publish        # a folder of yours; into benchmarks/results/loader.json
    python benchmarks/loader.py --tiny                         # in seconds, to try the script

`read` decodes picture and mask in one process, from loose files and from the same data packed, with the files in the
system's cache and (`cold`) from the disk. `augment` and `collate` make a training batch of what was read. `loader` is
all of it with 0, 1 and 2 workers, decoding every time or keeping what was decoded; its first pass is not counted.
`training` is what the model takes: forward, backward and optimiser on batches that are there. Every figure is the
median of `--times` turns, in which the parts take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice, product
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
import torch
from train_step import Noise, measure

from swinkit.datasets import LAYOUTS, pack, recognise
from swinkit.engine import Loader, Training, keep, sample_rng
from swinkit.modalities import MODALITIES
from swinkit.models import build
from swinkit.recipes.environment import environment
from swinkit.recipes.parts import first
from swinkit.recipes.segmentation import fast_precision
from swinkit.tasks import find
from swinkit.types import Dataset, Layout, Modality

RESULTS = Path(__file__).parent / "results" / "loader.json"
VERSIONS = ("python", "swinkit", "torch", "numpy", "opencv-python-headless", "pillow")
CLASSES = 11
WORKERS = (0, 1, 2)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure."""

    part: str
    rate: float = 0.0
    """Samples per second."""
    workers: int = 0
    cache: str = "none"


def write(folder: Path, count: int, size: tuple[int, int]) -> Path:
    """Made pictures (clouds with some noise, JPEG and PNG by turns) and masks of regions, in train and val."""
    rng = np.random.default_rng(0)
    for index in range(count + 2):
        place = folder / ("train" if index < count else "val")
        for part in ("images", "labels"):
            (place / part).mkdir(parents=True, exist_ok=True)
        clouds = cv2.resize(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
        picture = np.clip(clouds + rng.normal(0, 6, clouds.shape), 0, 255).astype(np.uint8)
        regions = rng.integers(0, CLASSES, (12, 16), dtype=np.uint8)
        regions[0, 0] = CLASSES - 1
        mask = cv2.resize(regions, size[::-1], interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(place / "images" / f"{index:05d}{('.jpg', '.png')[index % 2]}"), picture)
        cv2.imwrite(str(place / "labels" / f"{index:05d}.png"), mask)
    return folder


class Bench:
    """One data set, loose and packed, with what is measured on it."""

    def __init__(self, options: argparse.Namespace, layout: Layout, packed: Layout) -> None:
        self.options = options
        self.modality: Modality = MODALITIES["image"](size=tuple(options.crop) if options.crop else None)
        self.loose, self.packed = (each.open("train") for each in (layout, packed))
        self.count = min(len(self.loose), options.samples)
        self.samples = [self.modality.read(self.loose[index]) for index in range(self.count)]
        self.views = [self.modality.augment(each, sample_rng(0, 0, each.id)) for each in self.samples]
        self.size = tuple(self.views[0].grid.shape[1:])

    def parts(self) -> Iterator[tuple[Row, Callable[[], float]]]:
        """Every part but the model: its row without a figure, and what measures it in samples per second."""
        for name, data in (("loose", self.loose), ("packed", self.packed)):
            yield Row(part=f"read {name}"), lambda data=data: self.read(data)
            if hasattr(os, "posix_fadvise"):
                yield Row(part=f"read {name} cold"), lambda data=data: self.cold(data)
        yield Row(part="augment"), self.augment
        yield Row(part="collate"), self.collate
        for workers, cache in product(WORKERS, ("none", "memory")):
            row = Row(part="loader", workers=workers, cache=cache)
            yield row, lambda row=row: self.whole(row.workers, row.cache)

    def read(self, data: Dataset) -> float:
        """Decoding alone."""
        return self._rate(lambda: [self.modality.read(data[index]) for index in range(self.count)])

    def cold(self, data: Dataset) -> float:
        """Decoding of what is not in memory."""
        for folder in (self.options.data, self.options.packed):
            forget(Path(folder))
        return self.read(data)

    def augment(self) -> float:
        """The training view of decoded samples."""
        return self._rate(lambda: [self.modality.augment(each, sample_rng(0, 1, each.id)) for each in self.samples])

    def collate(self) -> float:
        """Batches of training views."""
        batch, views = self.options.batch, self.views
        return self._rate(lambda: [self.modality.collate(views[at : at + batch]) for at in range(0, len(views), batch)])

    def whole(self, workers: int, cache: str) -> float:
        """The loader, as training uses it."""
        data = first(self.loose, self.count)
        decoded = keep(cache, data, self.modality, workers=workers)
        batch, modality = self.options.batch, self.modality
        steps = Loader(dataset=data, modality=modality, batch=batch, workers=workers, decoded=decoded).steps(0)
        epoch = -(-self.count // batch)
        for _ in islice(steps, epoch + 2 * workers):
            pass
        begun = time.perf_counter()
        taken = sum(len(each.ids) for step in islice(steps, 2 * epoch) for each in step)
        return taken / (time.perf_counter() - begun)

    def training(self) -> float:
        """What the model takes."""
        task = find("segment")(classes=tuple(f"class {index}" for index in range(CLASSES)))
        asked = {name: getattr(self.options, name) for name in ("steps", "batch", "device", "precision")}
        model, data = build(self.options.model, task.head), Noise(self.size, task.classes)
        return self.options.batch / measure(model, task, self.modality, data, Training(**asked))["step"]

    def _rate(self, work: Callable[[], Any]) -> float:
        begun = time.perf_counter()
        work()
        return self.count / (time.perf_counter() - begun)


def forget(folder: Path) -> None:
    """Ask the system to drop what it keeps of the files in a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def rows(bench: Bench, times: int) -> list[Row]:
    """All figures, turn by turn, so that a slow moment of the machine meets every part."""
    parts = [*bench.parts(), (Row(part="training"), bench.training)]
    found: list[list[float]] = [[] for _ in parts]
    for _ in range(times):
        for (_, work), rates in zip(parts, found, strict=True):
            rates.append(work())
    return [
        Row(part=row.part, workers=row.workers, cache=row.cache, rate=median(rates))
        for (row, _), rates in zip(parts, found, strict=True)
    ]


def table(found: Sequence[Row]) -> str:
    """Lines for a person; the share is of what training takes."""
    model = next(row.rate for row in found if row.part == "training")
    lines = [f"{'part':<18}{'workers':>8}{'cache':>8}{'samples/s':>12}{'ms':>9}{'of training':>13}"]
    for row in found:
        where = f"{row.workers:>8}{row.cache:>8}" if row.part == "loader" else " " * 16
        lines.append(f"{row.part:<18}{where}{row.rate:>12.1f}{1000 / row.rate:>9.2f}{row.rate / model:>12.1f}x")
    return "\n".join(lines)


def publish(found: Sequence[Row], bench: Bench, name: str) -> None:
    """The table as entries of the results, in place of older ones of that data."""
    about, said = environment(), f" --data {name}" if name != "made" else ""
    entries = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else []
    new = [
        {
            "bench": "loader",
            "metric": "samples_per_second",
            "value": round(row.rate, 2),
            "part": row.part,
            "workers": row.workers,
            "cache": row.cache,
            "data": name,
            "samples": bench.count,
            "size": list(bench.size),
            "batch": bench.options.batch,
            "model": bench.options.model,
            "precision": bench.options.precision,
            "recipe": f"python benchmarks/loader.py{said} --model {bench.options.model} --times {bench.options.times}",
            "cores": int(about["cores"]),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else about["processor"],
            "versions": {key: about[key] for key in VERSIONS if key in about},
            "date": date.today().isoformat(),
        }
        for row in found
    ]
    new = [entry for entry in entries if entry["data"] != name] + new
    RESULTS.write_text(json.dumps(new, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as place:
        name = Path(options.data).name if options.data else "made"
        options.data = options.data or str(write(Path(place, "made"), options.samples, tuple(options.size)))
        layout = LAYOUTS[recognise(options.data, "segment")](path=options.data).resolved()
        options.packed = str(pack(layout, Path(place, "packed")).path)
        bench = Bench(options, layout, LAYOUTS[recognise(options.packed, "segment")](path=options.packed))
        found = rows(bench, options.times)
        print(f"{name}: {bench.count} samples, {bench.size[0]} x {bench.size[1]}, {options.model}\n{table(found)}")
    if options.publish:
        publish(found, bench, name)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a folder that swinkit reads; default: pictures made for the purpose")
    parser.add_argument("--samples", type=int, default=64, help="of the training split, at most")
    parser.add_argument("--size", type=int, nargs=2, default=[360, 480], help="height and width of made pictures")
    parser.add_argument("--crop", type=int, nargs=2, help="what a training step sees; default: whole pictures")
    parser.add_argument("--model", default="swin_nano", help="a name that `swinkit models` lists")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=8, help="of the model, of which the first three are not counted")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default=fast_precision())
    parser.add_argument("--tiny", action="store_true", help="few small pictures and two steps")
    parser.add_argument("--publish", action="store_true", help=f"write {RESULTS.name}")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.samples, options.size, options.steps, options.times, options.batch = 4, [32, 40], 2, 1, 2
    return options


if __name__ == "__main__":
    main()
