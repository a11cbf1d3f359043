"""Pictures with boxes, small enough to make anew in every test, in the form of COCO, VOC or YOLO."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES = ("block", "bar")
SIZE = (32, 40)
Rows = list[tuple[int, tuple[int, int, int, int]]]
"""Class and left, top, right, bottom."""


def scene(seed: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, Rows]:
    """A picture [h w 3] uint8 with a red block and a blue bar on grey, and where they are."""
    rng = np.random.default_rng(seed)
    picture = rng.integers(90, 130, (*size, 3), dtype=np.uint8)
    top, left, row = (int(rng.integers(0, side)) for side in (size[0] - 14, size[1] - 14, size[0] - 6))
    rows: Rows = [(1, (0, row, size[1], row + 5)), (0, (left, top, left + 12, top + 12))]
    for label, (x1, y1, x2, y2) in rows:
        picture[y1:y2, x1:x2] = ((220, 60, 40), (30, 70, 230))[label]
    return picture, rows


def document(count: int, first: int = 0) -> dict[str, Any]:
    """A COCO document of so many scenes; the category ids have a gap, and images are numbered from 0."""
    images, annotations = [], []
    for index in range(first, first + count):
        images.append({"id": index, "file_name": f"s{index}.png", "width": SIZE[1], "height": SIZE[0]})
        for label, (x1, y1, x2, y2) in scene(index)[1]:
            box = [x1, y1, x2 - x1, y2 - y1]
            row = {"id": len(annotations), "image_id": index, "category_id": 3 * label, "bbox": box}
            annotations.append({**row, "area": box[2] * box[3], "iscrowd": 0})
    categories = [{"id": 3 * label, "name": name} for label, name in enumerate(CLASSES)]
    return {"images": images, "annotations": annotations, "categories": categories}


def pictures(folder: Path, count: int, first: int = 0) -> Path:
    """The scenes as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(first, first + count):
        Image.fromarray(scene(index)[0]).save(folder / f"s{index}.png")
    return folder


def coco(root: Path, **counts: int) -> Path:
    """`<split>.json` beside `images`; by default 12 pictures to train, 4 to validate and 4 to test."""
    first = 0
    for split, count in (counts or {"train": 12, "val": 4, "test": 4}).items():
        pictures(root / "images", count, first)
        (root / f"{split}.json").write_text(json.dumps(document(count, first)), encoding="utf-8")
        first += count
    return root


def voc_text(index: int, **changes: Any) -> str:
    """One XML file, its coordinates as edges."""
    values = {"name": CLASSES[0], "box": None, "width": SIZE[1], "height": SIZE[0], "difficult": 0} | changes
    things = ""
    for label, box in scene(index)[1]:
        edges = values["box"] or box
        names = ("xmin", "ymin", "xmax", "ymax")
        corners = "".join(f"<{tag}>{edge}</{tag}>" for tag, edge in zip(names, edges, strict=True))
        name = values["name"] if label == 0 else CLASSES[label]
        difficult = f"<difficult>{values['difficult']}</difficult>"
        things += f"<object><name>{name}</name>{difficult}<bndbox>{corners}</bndbox></object>"
    size = f"<size><width>{values['width']}</width><height>{values['height']}</height><depth>3</depth></size>"
    return f"<annotation><folder>x</folder><filename>s{index}.png</filename>{size}{things}</annotation>"


def voc(root: Path, count: int = 12) -> Path:
    """`Annotations` beside `JPEGImages`."""
    pictures(root / "JPEGImages", count)
    (root / "Annotations").mkdir(parents=True)
    for index in range(count):
        (root / "Annotations" / f"s{index}.xml").write_text(voc_text(index), encoding="utf-8")
    return root


def yolo_text(index: int) -> str:
    """One text file."""
    lines = []
    for label, (x1, y1, x2, y2) in scene(index)[1]:
        values = ((x1 + x2) / 2 / SIZE[1], (y1 + y2) / 2 / SIZE[0], (x2 - x1) / SIZE[1], (y2 - y1) / SIZE[0])
        lines.append(" ".join(map(str, (label, *values))))
    return "\n".join(lines) + "\n"


def yolo(root: Path, lay: str = "{split}/{kind}", **counts: int) -> Path:
    """`images` beside `labels`, and a data.yaml."""
    first = 0
    for split, count in (counts or {"train": 12, "val": 4}).items():
        pictures(root / lay.format(split=split, kind="images"), count, first)
        labels = root / lay.format(split=split, kind="labels")
        labels.mkdir(parents=True, exist_ok=True)
        for index in range(first, first + count):
            (labels / f"s{index}.txt").write_text(yolo_text(index), encoding="utf-8")
        first += count
    (root / "data.yaml").write_text(f"nc: 2\nnames: [{', '.join(CLASSES)}]\n", encoding="utf-8")
    return root


def changed(file: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """A JSON file with its content changed in place."""
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(json.dumps(content), encoding="utf-8")
    return file
