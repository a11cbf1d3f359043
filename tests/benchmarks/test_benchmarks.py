"""The scripts that measure: the control takes any picture, figures agree with the product's, results are kept once."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from swinkit.engine import Loader, State, Training, fit
from swinkit.metrics import MeanIou
from swinkit.modalities import MODALITIES
from swinkit.tasks import TASKS
from swinkit.types import Batch, LabelMap


@pytest.mark.parametrize("size", [(1, 1), (31, 50), (32, 48)])
def test_control_takes_any_size(size: tuple[int, int]) -> None:
    from controls.unet import UNet

    model = UNet(3, width=4).eval()
    assert model(torch.zeros(2, 3, *size))["logits"].shape == (2, 3, *size)
    assert {name for name, _, _ in model.parameter_groups()} == {name for name, _ in model.named_parameters()}


def test_control_is_a_standard_unet() -> None:
    from controls.unet import UNet

    assert sum(p.numel() for p in UNet(2, width=64).parameters()) == 31_037_698  # as the usual PyTorch one


def test_control_is_trained_by_the_engine_and_learns() -> None:
    from controls.unet import UNet
    from train_step import Noise

    torch.manual_seed(0)
    data = Noise((16, 16), ("a", "b"))
    task, training = TASKS["segment"](classes=data.classes), Training(steps=12, batch=2, rate=1e-2, workers=0)
    state = State(UNet(2, width=4, levels=3), training, samples=1, device="cpu")
    loader = Loader(dataset=_First(data), modality=MODALITIES["image"](zoom=(1, 1), flip=0), batch=2, workers=0)
    losses = [step.loss for step in fit(state.model, task, loader, state)]
    assert losses[-1] < 0.8 * losses[0]


class _First:
    """One sample of a data set."""

    def __init__(self, data: Any) -> None:
        self.data, self.classes = data, data.classes

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Any:
        return self.data[index]


def test_figures_agree_with_the_products() -> None:
    from assessment import Assessment, confusion

    rng = np.random.default_rng(0)
    truths = rng.choice([0, 1, 2, 255], (4, 6, 5))
    guesses = rng.integers(0, 4, (4, 6, 5))
    counted = MeanIou(("a", "b", "c", "never"))
    maps = [LabelMap(id=str(i), labels=torch.as_tensor(guess)) for i, guess in enumerate(guesses)]
    counted.update(maps, Batch(grid=torch.zeros(4, 1, 6, 5), target=torch.as_tensor(truths), sizes=((6, 5),) * 4))
    each = np.stack([confusion(t, g, 4) for t, g in zip(truths, guesses, strict=True)])
    found = Assessment(split="test", ids=("d1", "d2", "n1", "n2"), confusions=each, classes=("a", "b", "c", "never"))
    assert found.miou == pytest.approx(counted.result()["miou"])
    assert found.pixel_accuracy() == pytest.approx(counted.result()["pixel_accuracy"])
    low, high = found.interval
    assert low < found.miou < high
    assert found.part(lambda name: name.startswith("x")) is None
    assert found.part(lambda name: True) == found.miou


def test_a_result_takes_the_place_of_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import record

    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    own = {"name": "swin_nano", "value": 0.6, "seconds": 9.0, "interval": [0.5, 0.7], "validation": 0.61}
    recipe = {"training": {"seed": 3}}
    for value in (0.6, 0.7):
        found = record.entry("digit_scenes", {**own, "value": value}, {"value": 0.5}, "python x.py", recipe)
        path = record.publish(found)
    record.publish({**found, "model": "other"})
    entries = json.loads(path.read_text())
    assert [(entry["model"], entry["value"]) for entry in entries] == [("swin_nano", 0.7), ("other", 0.7)]
    assert {
        "bench",
        "metric",
        "value",
        "split",
        "seed",
        "recipe",
        "seconds",
        "cores",
        "versions",
        "date",
        "control",
    } <= set(found)
    assert found["control"] == 0.5 and found["seed"] == 3


def test_the_control_gets_the_time_the_other_side_took(tmp_path: Path) -> None:
    from contest import EVALUATIONS, Pace
    from segmentation import _budget

    assert Pace(step=0.5, evaluation=1.0).steps(60) == 110
    assert Pace(step=9.0, evaluation=9.0).steps(1) == EVALUATIONS
    options = SimpleNamespace(minutes=2.0)
    assert _budget(options, "control", tmp_path) == 120
    (tmp_path / "swin.json").write_text(json.dumps({"facts": {"seconds": 77.0}}))
    assert (_budget(options, "control", tmp_path), _budget(options, "swin", tmp_path)) == (77.0, 120)
