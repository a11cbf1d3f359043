"""Pictures with three coloured dots each, annotated in COCO's keypoint form."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NAMES = ["head", "left_hand", "right_hand"]
COLOURS = [(230, 60, 50), (40, 200, 60), (60, 80, 240)]
SIZE = (48, 64)


def scene(seed: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, list[float]]:
    """A picture [h w 3] uint8 with a dot a point on grey, and COCO's keypoints: pixels, 0 is the middle of the
    first."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(90, 130, (*size, 3)).astype(np.uint8)
    points: list[float] = []
    rows, columns = np.mgrid[: size[0], : size[1]]
    for colour in COLOURS:
        y, x = rng.integers(8, size[0] - 8), rng.integers(8, size[1] - 8)
        picture[(rows - y) ** 2 + (columns - x) ** 2 <= 9] = colour
        points += [float(x), float(y), 2]
    return picture, points


def document(count: int, first: int = 0) -> tuple[dict[str, Any], list[np.ndarray]]:
    """A COCO file as plain values, with one thing a picture, and the pictures."""
    pictures, images, annotations = [], [], []
    for number in range(first, first + count):
        picture, points = scene(number)
        pictures.append(picture)
        images.append({"id": number, "file_name": f"p{number}.png", "height": SIZE[0], "width": SIZE[1]})
        xs, ys = points[::3], points[1::3]
        box = [min(xs) - 4, min(ys) - 4, max(xs) - min(xs) + 8, max(ys) - min(ys) + 8]
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "keypoints": points, "num_keypoints": 3, "bbox": box,
             "area": box[2] * box[3], "iscrowd": 0}
        )  # fmt: skip
    categories = [{"id": 1, "name": "dots", "keypoints": NAMES, "skeleton": [[1, 2], [1, 3]]}]
    return {"images": images, "annotations": annotations, "categories": categories}, pictures


def write(root: Path, counts: dict[str, int], *, tar: bool = False) -> Path:
    """Every split as `<split>.json`, its pictures in images/, or in `<split>_images.tar`."""
    first = 0
    for split, count in counts.items():
        content, pictures = document(count, first)
        first += count
        folder = root / (f"loose/{split}" if tar else "images")
        folder.mkdir(parents=True, exist_ok=True)
        for image, picture in zip(content["images"], pictures, strict=True):
            Image.fromarray(picture).save(folder / image["file_name"])
        if tar:
            with tarfile.open(root / f"{split}_images.tar", "w") as archive:
                archive.add(folder, split)
        (root / f"{split}.json").write_text(json.dumps(content), encoding="utf-8")
    return root
