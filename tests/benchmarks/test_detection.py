"""The scripts that measure detection: two files say what the run said, and the control takes any picture."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from tiny_boxes import CLASSES, document, scene
from tiny_boxes import coco as coco_folder
from tiny_runs import TINY

import swinkit as sk
from swinkit.metrics import AveragePrecision
from swinkit.recipes.writing import coco
from swinkit.tasks import Detect
from swinkit.types import Batch, Detections, Objects


def pairs(count: int) -> list[tuple[Detections, Objects]]:
    """Scenes with answers that are shifted, of the wrong class or missing."""
    found = []
    for index in range(count):
        rows = scene(index)[1]
        boxes = torch.tensor([box for _, box in rows]).float()
        labels = torch.tensor([label for label, _ in rows])
        truth = Objects(boxes=boxes, labels=labels, crowd=torch.zeros(2, dtype=torch.bool))
        answer = Detections(
            id=f"s{index}", boxes=boxes + index / 4, labels=labels if index % 3 else labels.flip(0),
            scores=torch.tensor([0.9, 0.1 * index]), classes=CLASSES, size=(32, 40),
        )  # fmt: skip
        found.append((answer, truth))
    return found


def test_two_files_give_the_figures_of_the_metric(tmp_path: Path) -> None:
    from coco_files import evaluate_files

    rows = pairs(6)
    metrics = AveragePrecision(CLASSES)
    for answer, truth in rows:
        metrics.update([answer], Batch(grid=torch.zeros(1), target=[truth]))
    entries = [{**answer.to_json(), "source": f"elsewhere/{answer.id}.png"} for answer, _ in reversed(rows)]
    (tmp_path / "found.json").write_bytes(coco(entries, CLASSES))
    (tmp_path / "truth.json").write_text(json.dumps(document(6)))
    found = evaluate_files(tmp_path / "found.json", tmp_path / "truth.json")
    assert found == pytest.approx(metrics.result(), abs=1e-6) and 0.2 < found["map50"] < 0.9
    (tmp_path / "found.json").write_bytes(coco([{**entries[0], "source": "other.png"}], CLASSES))
    with pytest.raises(ValueError, match="is not in"):
        evaluate_files(tmp_path / "found.json", tmp_path / "truth.json")


def test_what_is_predicted_into_files_scores_what_was_predicted_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One model, hardly trained, both ways: to four decimals."""
    import bccd
    from contest import Trained

    monkeypatch.setattr(bccd, "DRAWS", 4)
    small = TINY | {"task.depth": 1, "task.levels": 2, "training.steps": 30, "training.evaluate_every": 30}
    run = sk.train(sk.recipes.detect(coco_folder(tmp_path / "data"), changes=small), tmp_path / "run", quiet=True)
    trained = Trained(model=run.predictor.model, recipe=run.recipe, seconds=1.0, parameters=1)
    side = bccd._side("swin", trained, True, tmp_path / "predictions")
    assert side["value"] == side["from_file"]["map50"] > 0 and side["map"] == side["from_file"]["map"]
    assert side["recall"] == side["from_file"]["recall"]


def test_the_interval_holds_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    import bccd

    monkeypatch.setattr(bccd, "DRAWS", 40)
    rows = pairs(6)
    low, high = bccd.interval(rows)
    assert low < bccd.figures(rows).result()["map50"] < high


def test_the_interval_of_masks_is_that_of_the_figure_over_drawn_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    import bccd
    import instances
    import numpy as np

    monkeypatch.setattr(bccd, "DRAWS", 12)
    rows: bccd.Pairs = []
    for index, (answer, truth) in enumerate(pairs(6)):
        masks = [torch.stack([drawn(box, 32, 40) for box in each.boxes.tolist()]) for each in (answer, truth)]
        off = masks[0].roll(index, 2)
        rows.append((dataclasses.replace(answer, masks=off), dataclasses.replace(truth, masks=masks[1])))
    rng, wanted = np.random.default_rng(0), []
    for _ in range(12):
        some = [rows[index] for index in rng.integers(6, size=6)]
        wanted.append(bccd.figures(some).result()["mask_map50"])
    assert bccd.interval(rows, "mask_map50") == pytest.approx(tuple(np.quantile(wanted, (0.025, 0.975))))
    assert set(instances.FIGURES) <= set(bccd.figures(rows).result())


def drawn(box: list[float], height: int, width: int) -> torch.Tensor:
    rows, columns = torch.arange(height)[:, None] + 0.5, torch.arange(width) + 0.5
    return (rows > box[1]) & (rows < box[3]) & (columns > box[0]) & (columns < box[2])


def test_the_control_finds_masks_at_the_strides_that_swinkit_sees() -> None:
    from controls.pyramid import Pyramid
    from instances import FIRST, LEVELS

    from swinkit.models import build

    task = Detect(classes=CLASSES, channels=8, depth=1, masks=True)
    control = Pyramid(task.head, width=4, levels=LEVELS, first=FIRST).eval()
    own = build("swin_nano", task.head)
    assert control.head.strides == own.head.strides and control(torch.zeros(1, 3, 64, 64))["features"].shape[2] == 32
    (answer,) = task.predict(control, Batch(grid=torch.zeros(1, 3, 64, 64), sizes=((50, 70),)))
    assert answer.masks is not None and answer.masks.shape[1:] == (50, 70)


@pytest.mark.parametrize("size", [(31, 50), (64, 96)])
def test_the_control_takes_any_size_and_learns_as_the_product(size: tuple[int, int]) -> None:
    from controls.pyramid import Pyramid

    task = Detect(classes=CLASSES, channels=8, depth=1)
    model = Pyramid(task.head, width=4).train()
    valid = torch.ones(2, *size, dtype=torch.bool)
    valid[0, :, size[1] // 2 :] = False
    rows = [truth for _, truth in pairs(2)]
    batch = Batch(grid=torch.randn(2, 3, *size), valid=valid, target=rows, ids=("a", "b"))
    sum(total for total, _ in task.losses(model, batch).values()).backward()  # type: ignore[union-attr]
    assert all(parameter.grad is not None for parameter in model.parameters())
    answers = task.predict(model.eval(), batch)
    assert [answer.size for answer in answers] == [size, size]
