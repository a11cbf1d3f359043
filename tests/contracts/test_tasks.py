"""What every row of the table of tasks promises, for grids of rank 1, 2 and 3."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from task_examples import AsIs, Learnt, example, singles, smallest

from swinkit.engine import Loader, State, Training, evaluate, fit
from swinkit.files import ConfigError
from swinkit.recipes.plain import part, plain_part
from swinkit.tasks import TASKS, find

CASES = [(name, rank) for name in TASKS for rank in getattr(TASKS[name], "ranks", (1, 2, 3))]
case = pytest.mark.parametrize("name, rank", CASES)


def total(losses: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """As the engine adds them: each sum over its weight."""
    return torch.stack([value / weight.clamp_min(1) for value, weight in losses.values()]).sum()


def assert_near(one: Any, other: Any) -> None:
    """Equal, but for the last digits of fractions: alone a sample is computed in another order than in a batch."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), list(other.values())
    if isinstance(one, list):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_near(*pair)
    else:
        assert one == (pytest.approx(other, rel=1e-5) if isinstance(other, float) else other)


@case
def test_a_task_learns_one_batch_saves_loads_and_predicts(name: str, rank: int, tmp_path: Path) -> None:
    task, batch, model = smallest(name, rank)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    model.train()
    curve = []
    for _ in range(300):
        loss = total(task.losses(model, batch))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        curve.append(loss.item())
        if curve[-1] < 0.04:
            break
    assert curve[-1] < 0.05 < curve[0], curve[:: max(1, len(curve) // 10)]

    save_file(model.state_dict(), tmp_path / "model.safetensors")
    loaded = smallest(name, rank)[2]
    loaded.load_state_dict(load_file(tmp_path / "model.safetensors"))
    with torch.inference_mode():
        before, after = (task.predict(m.eval(), batch) for m in (model, loaded))
    assert [p.id for p in after] == list(batch.ids)
    assert [p.to_json() for p in before] == [p.to_json() for p in after]

    metrics = task.metrics()
    metrics.update(after, batch)
    assert metrics.result()[metrics.main] > 0.9


@case
def test_the_engine_trains_it(name: str, rank: int) -> None:
    """The same loop for every rank and task; samples and their collation are all that differs."""
    task, batch, model = smallest(name, rank)
    training = Training(steps=300, batch=len(batch.grid), rate=3e-3, weight_decay=0.0, schedule="constant", workers=0)
    state = State(model, training, samples=len(batch.grid))
    loader = Loader(dataset=Learnt(batch), modality=AsIs(batch), batch=training.batch)
    losses = []
    for step in fit(model, task, loader, state):
        losses.append(step.loss)
        if step.loss < 0.04:
            break
    assert losses[-1] < 0.05 < losses[0], losses[:: max(1, len(losses) // 10)]
    metrics = evaluate(model, task, loader, device=state.device)
    assert metrics.result()[metrics.main] > 0.9


@pytest.mark.parametrize("name, rank", [one for one in CASES if not getattr(TASKS[one[0]], "random", False)])
def test_losses_are_sums_that_do_not_depend_on_how_a_batch_is_split(name: str, rank: int) -> None:
    task, batch, model = smallest(name, rank)
    model.train()
    whole = task.losses(model, batch)
    parts = [task.losses(model, one) for one in singles(batch)]
    assert all(value.ndim == weight.ndim == 0 and not weight.requires_grad for value, weight in whole.values())
    for key, pair in whole.items():
        torch.testing.assert_close(
            pair, tuple(sum(p[key][i] for p in parts if key in p) for i in (0, 1)), rtol=1e-4, atol=1e-4
        )


@case
def test_figures_do_not_depend_on_how_samples_are_split(name: str, rank: int) -> None:
    task, batch, model = smallest(name, rank)
    model.eval()
    whole, merged = task.metrics(), task.metrics()
    with torch.inference_mode():
        whole.update(task.predict(model, batch), batch)
        for one in singles(batch):
            part = task.metrics()
            part.update(task.predict(model, one), one)
            merged.merge(pickle.loads(pickle.dumps(part)))
    assert_near(merged.result(), whole.result())
    assert_near(merged.details(), whole.details())
    assert whole.main in whole.result()
    assert all(
        0 <= value <= (math.inf if name.endswith(("_px", "er")) else 1) for name, value in whole.result().items()
    )
    assert task.metrics().result() == {}


@case
def test_prediction_changes_neither_model_nor_batch(name: str, rank: int) -> None:
    task, batch, model = smallest(name, rank)
    state, grid = {key: value.clone() for key, value in model.state_dict().items()}, batch.grid.clone()
    model.eval()
    with torch.inference_mode():
        first, second = task.predict(model, batch), task.predict(model, batch)
    assert [p.to_json() for p in first] == [p.to_json() for p in second]
    assert batch.grid.equal(grid) and all(value.equal(state[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_plain_frozen_data(name: str) -> None:
    task, _ = example(name, max(getattr(TASKS[name], "ranks", (2,))))
    assert is_dataclass(task) and type(task) is TASKS[name]
    with pytest.raises(FrozenInstanceError):
        setattr(task, fields(task)[0].name, None)
    assert {*getattr(task, "answering", ())} <= {field.name for field in fields(task)}
    plain = json.loads(json.dumps(plain_part("task", task)))
    assert plain["kind"] == name and part("task", plain) == task


def test_an_unknown_task_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'segment'"):
        find("segmnt")
    assert find("segment") is TASKS["segment"]
