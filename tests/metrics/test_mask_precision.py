"""Average precision of masks: worked out by hand, and of two files as COCO's tools read them."""

from __future__ import annotations

import dataclasses
import json
import pickle

import numpy as np
import pytest
import torch
from faster_coco_eval import COCO

from swinkit.files.run_lengths import encoded
from swinkit.metrics import AveragePrecision
from swinkit.metrics.average_precision import evaluated, figures
from swinkit.types import Batch, Detections, Objects

CLASSES, SIZE = ("cat", "dog"), (24, 30)
WHOLE = (4, 4, 14, 14)
Row = tuple[torch.Tensor, int, float]


def mask(left: int, top: int, right: int, bottom: int) -> torch.Tensor:
    found = torch.zeros(SIZE, dtype=torch.bool)
    found[top:bottom, left:right] = True
    return found


def truth(*rows: tuple[torch.Tensor, int] | tuple[torch.Tensor, int, bool]) -> Objects:
    """Things that all say the same box: boxes tell nothing here."""
    return Objects(
        boxes=torch.tensor([list(WHOLE)] * len(rows), dtype=torch.float32).view(-1, 4),
        labels=torch.tensor([row[1] for row in rows], dtype=torch.int64),
        crowd=torch.tensor([len(row) > 2 and row[2] for row in rows], dtype=torch.bool),
        masks=torch.stack([row[0] for row in rows]) if rows else torch.zeros(0, *SIZE, dtype=torch.bool),
    )


def found(*rows: Row, id: str = "a") -> Detections:
    return Detections(
        id=id,
        boxes=torch.tensor([list(WHOLE)] * len(rows), dtype=torch.float32).view(-1, 4),
        labels=torch.tensor([row[1] for row in rows], dtype=torch.int64),
        scores=torch.tensor([row[2] for row in rows]),
        classes=CLASSES,
        size=SIZE,
        masks=torch.stack([row[0] for row in rows]) if rows else torch.zeros(0, *SIZE, dtype=torch.bool),
    )


def counted(*pairs: tuple[Detections, Objects]) -> AveragePrecision:
    metrics = AveragePrecision(CLASSES, masks=True)
    for answer, target in pairs:
        metrics.update([answer], Batch(grid=torch.zeros(1), target=[target]))
    return metrics


def test_masks_count_not_their_boxes():
    metrics = counted((found((mask(4, 4, 14, 12), 0, 0.9)), truth((mask(*WHOLE), 0))))  # IoU 0.8 within an equal box
    result = metrics.result()
    assert list(result)[0] == metrics.main == "mask_map" and result["map"] == 1
    assert (result["mask_map50"], result["mask_map75"]) == (1, 1) and 0.6 < result["mask_map"] < 0.75
    assert counted((found((mask(4, 4, 14, 8), 0, 0.9)), truth((mask(*WHOLE), 0)))).result()["mask_map50"] == 0
    (row, other) = metrics.details()["per_class"]
    assert list(row) == ["name", "mask_map50", "mask_map", "map50", "map", "count"] and other["mask_map"] is None


def test_crowds_are_neither_right_nor_wrong_where_their_mask_is():
    target = truth((mask(0, 0, 5, 5), 0), (mask(10, 10, 30, 24), 0, True))
    inside, outside = (mask(12, 12, 16, 16), 0, 0.9), (mask(0, 10, 8, 20), 0, 0.9)
    right = (mask(0, 0, 5, 5), 0, 0.5)
    assert counted((found(inside, right), target)).result()["mask_map50"] == 1
    assert counted((found(outside, right), target)).result()["mask_map50"] == pytest.approx(0.5)


def test_empty_masks_and_empty_pictures_are_counted():
    none = torch.zeros(SIZE, dtype=torch.bool)
    pairs = [(found((none, 0, 0.9)), truth((mask(*WHOLE), 0))), (found(id="b"), truth())]
    assert counted(*pairs).result()["mask_map50"] == 0 and counted(*pairs).result()["map50"] == 1
    assert counted((found(), truth())).result() == {} and counted((found(), truth())).details()["per_class"]


def test_one_picture_scores_by_its_masks():
    metrics, half = AveragePrecision(CLASSES, sure=0.3, masks=True), mask(4, 4, 14, 8)
    batch = Batch(grid=torch.zeros(1), target=[truth((mask(*WHOLE), 0))])
    assert metrics.score(found((mask(*WHOLE), 0, 0.9), (half, 0, 0.2)), batch) == 1
    assert metrics.score(found((half, 0, 0.9)), batch) == 0 == metrics.score(found(), batch)
    assert metrics.score(found((mask(*WHOLE), 1, 0.9)), batch) == 0
    assert metrics.score(found(), Batch(grid=torch.zeros(1), target=[truth()])) is None


def test_what_processes_counted_is_put_together():
    pairs = [(found((mask(4, 4, 14, y), 0, 0.5), id=f"{y}"), truth((mask(*WHOLE), 0))) for y in (8, 10, 12)]
    whole, merged = counted(*pairs), counted(pairs[2])
    merged.merge(pickle.loads(pickle.dumps(counted(*pairs[:2]))))
    assert merged.result() == whole.result() and merged.details() == whole.details()
    with pytest.raises(ValueError, match="cannot add"):
        merged.merge(AveragePrecision(CLASSES))


def test_the_figures_are_those_of_two_written_files(tmp_path):
    """COCO's own way: truth as polygons in one file, answers with scores in another."""
    rng = np.random.default_rng(0)
    pairs, images, rows, answers = [], [], [], []
    for number in range(1, 9):
        images.append({"id": number, "height": SIZE[0], "width": SIZE[1]})
        boxes = [(x, y, x + w, y + h) for x, y, w, h in rng.integers(2, 12, (int(rng.integers(0, 4)), 4)).tolist()]
        labels = rng.integers(0, 2, len(boxes)).tolist()
        for (x1, y1, x2, y2), label in zip(boxes, labels, strict=True):
            polygon = [x1, y1, x2, y1, x2, y2, x1, y2]
            box = [x1, y1, x2 - x1, y2 - y1]
            rows.append({"image_id": number, "category_id": label + 1, "segmentation": [polygon], "bbox": box})
        target = truth(*((mask(*box), label) for box, label in zip(boxes, labels, strict=True)))
        shifted = [
            tuple(int(edge) for edge in np.array(box) + rng.integers(-1, 2, 4)) for box in [*boxes, (1, 1, 9, 9)]
        ]
        said = found(*((mask(*box), int(rng.integers(0, 2)), float(rng.random())) for box in shifted), id=f"{number}")
        pairs.append((said, target))
        for thing in said.to_json()["objects"]:
            label = CLASSES.index(thing.pop("class")) + 1
            answers.append({"id": len(answers) + 1, "image_id": number, "category_id": label, "iscrowd": 0, **thing})
    for number, row in enumerate(rows, start=1):
        row |= {"id": number, "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3]}
    about = {"images": images, "categories": [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)]}
    for name, things in (("truth", rows), ("found", answers)):
        (tmp_path / f"{name}.json").write_text(json.dumps({**about, "annotations": things}))
    sides = [COCO(str(tmp_path / f"{name}.json")) for name in ("truth", "found")]
    wanted = figures(evaluated(*sides, "segm"))
    result = counted(*pairs).result()
    assert {name: result[f"mask_{name}"] for name in wanted} == pytest.approx(wanted, abs=1e-9)
    assert 0.05 < wanted["map"] < 0.95


def test_answers_say_their_masks_as_run_lengths():
    answer = found((mask(*WHOLE), 0, 0.9), (mask(0, 0, 2, 3), 1, 0.8))
    first, second = json.loads(json.dumps(answer.to_json()))["objects"]
    assert first["segmentation"] == encoded(mask(*WHOLE)[None].numpy())[0] and first["area"] == 100
    assert second["area"] == 6 and second["segmentation"]["size"] == list(SIZE)
    assert "segmentation" not in dataclasses.replace(answer, masks=None).to_json()["objects"][0]
