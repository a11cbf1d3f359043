"""COCO's figures of written predictions: what anyone can recompute from two files.

python benchmarks/coco_files.py runs/bccd/predictions/predictions-coco.json bccd/test.json           (--masks: of masks)
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from faster_coco_eval import COCO

from swinkit.metrics.average_precision import evaluated, figures


def evaluate_files(predictions: Path, truth: Path, *, masks: bool = False) -> dict[str, float]:
    """`map`, `map50`, `map75` and `recall`, pictures and classes matched by their names; of boxes, or of masks.

    Raises:
        ValueError: a predicted picture or class is not in the truth.
    """
    wanted, found = (json.loads(path.read_text(encoding="utf-8")) for path in (truth, predictions))
    images = {Path(image["file_name"]).name: image["id"] for image in wanted["images"]}
    names = {category["name"]: category["id"] for category in wanted["categories"]}
    places = {image["id"]: images.get(Path(image["file_name"]).name) for image in found["images"]}
    classes = {category["id"]: names.get(category["name"]) for category in found["categories"]}
    if None in places.values() or None in classes.values():
        raise ValueError(f"{predictions}: a picture or class is not in {truth}")
    rows = [
        {**row, "image_id": places[row["image_id"]], "category_id": classes[row["category_id"]]}
        for row in found["annotations"]
    ]
    sides = _numbered(wanted), _numbered({**wanted, "annotations": rows})
    return figures(evaluated(*sides, "segm" if masks else "bbox"))


def _numbered(document: dict[str, Any]) -> COCO:
    """With ids from 1: 0 would count as not matched."""
    rows = [{"iscrowd": 0, **row, "id": number} for number, row in enumerate(document["annotations"], start=1)]
    rows = [{"area": row["bbox"][2] * row["bbox"][3], **row} for row in rows]
    return COCO({**document, "annotations": rows})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--masks", action="store_true", help="overlap of masks, not of boxes")
    options = parser.parse_args()
    print(json.dumps(evaluate_files(options.predictions, options.truth, masks=options.masks), indent=2))
