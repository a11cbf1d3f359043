"""What every row of the table of tasks promises, for grids of rank 1, 2 and 3."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from safetensors.torch import load_file, save_file

from swinkit.backbone import Convolutions, SwinConfig
from swinkit.engine import Loader, State, Training, evaluate, fit
from swinkit.files import ConfigError
from swinkit.models import Model
from swinkit.tasks import TASKS, find
from swinkit.types import Batch, Record, Sample

CASES = [(name, rank) for name in TASKS for rank in (1, 2, 3)]
case = pytest.mark.parametrize("name, rank", CASES)


def smallest(name: str, rank: int) -> tuple[Any, Batch, Model]:
    """The task's own example and a model with two shifted stages for it."""
    task, batch = TASKS[name].example(rank)
    config = SwinConfig(
        stem=Convolutions(size=(2,) * rank, channels=batch.grid.shape[1]),
        width=16,
        depths=(2, 2),
        heads=(2, 4),
        window=((4,) * rank,),
    )
    torch.manual_seed(0)
    return task, batch, Model(config, task.head)


def total(losses: dict[str, tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """As the engine adds them: each sum over its weight."""
    return torch.stack([value / weight.clamp_min(1) for value, weight in losses.values()]).sum()


@case
def test_a_task_learns_one_batch_saves_loads_and_predicts(name: str, rank: int, tmp_path: Path) -> None:
    task, batch, model = smallest(name, rank)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    model.train()
    curve = []
    for _ in range(150):
        loss = total(task.losses(model, batch))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        curve.append(loss.item())
        if curve[-1] < 0.02:
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
    assert metrics.result()[metrics.main] > 0.95


@case
def test_the_engine_trains_it(name: str, rank: int) -> None:
    """The same loop for every rank and task; samples and their collation are all that differs."""
    task, batch, model = smallest(name, rank)
    training = Training(steps=150, batch=len(batch.grid), rate=3e-3, weight_decay=0.0, schedule="constant", workers=0)
    state = State(model, training, samples=len(batch.grid))
    loader = Loader(dataset=Learnt(batch), modality=AsIs(batch), batch=training.batch)
    losses = []
    for step in fit(model, task, loader, state):
        losses.append(step.loss)
        if step.loss < 0.02:
            break
    assert losses[-1] < 0.05 < losses[0], losses[:: max(1, len(losses) // 10)]
    metrics = evaluate(model, task, loader, device=state.device)
    assert metrics.result()[metrics.main] > 0.95


@case
def test_losses_are_sums_that_do_not_depend_on_how_a_batch_is_split(name: str, rank: int) -> None:
    task, batch, model = smallest(name, rank)
    model.train()
    whole = task.losses(model, batch)
    parts = [task.losses(model, one) for one in singles(batch)]
    assert all(value.ndim == weight.ndim == 0 and not weight.requires_grad for value, weight in whole.values())
    for key, pair in whole.items():
        torch.testing.assert_close(pair, tuple(sum(p[key][i] for p in parts) for i in (0, 1)), rtol=1e-4, atol=1e-4)


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
    assert merged.result() == whole.result() and merged.details() == whole.details()
    assert whole.main in whole.result()
    assert all(0 <= value <= 1 for value in whole.result().values())
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
    task, _ = TASKS[name].example(2)
    assert is_dataclass(task) and type(task) is TASKS[name]
    with pytest.raises(FrozenInstanceError):
        setattr(task, fields(task)[0].name, None)
    adapter = TypeAdapter(TASKS[name])
    assert adapter.validate_json(adapter.dump_json(task)) == task


def test_an_unknown_task_is_named_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'segment'"):
        find("segmnt")
    assert find("segment") is TASKS["segment"]


def singles(batch: Batch) -> list[Batch]:
    """The same samples, one a batch."""
    return [
        Batch(
            grid=batch.grid[i : i + 1],
            valid=None if batch.valid is None else batch.valid[i : i + 1],
            target=batch.target[i : i + 1],
            ids=batch.ids[i : i + 1],
            sizes=batch.sizes[i : i + 1],
        )
        for i in range(len(batch.grid))
    ]


class Learnt:
    """The samples of a batch as a data set."""

    def __init__(self, batch: Batch) -> None:
        self.batch, self.classes = batch, ()

    def __len__(self) -> int:
        return len(self.batch.ids)

    def __getitem__(self, index: int) -> Record:
        return Record(id=self.batch.ids[index], source=np.array(index))


class AsIs:
    """A modality for grids of any rank that are ready to use."""

    def __init__(self, batch: Batch) -> None:
        self.batch, self.channels, self.rank = batch, batch.grid.shape[1], batch.grid.ndim - 2

    def read(self, record: Record) -> Sample:
        return Sample(id=record.id, grid=self.batch.grid[int(record.source)])

    def augment(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return sample

    def standard(self, sample: Sample) -> Sample:
        return sample

    def collate(self, samples: Sequence[Sample]) -> Batch:
        parts = singles(self.batch)
        rows = [parts[self.batch.ids.index(sample.id)] for sample in samples]
        return Batch(
            grid=torch.cat([row.grid for row in rows]),
            valid=None if self.batch.valid is None else torch.cat([row.valid for row in rows]),
            target=torch.cat([row.target for row in rows]),
            ids=tuple(row.ids[0] for row in rows),
            sizes=tuple(row.sizes[0] for row in rows),
        )

    def draw(self, sample: Sample, prediction: Any) -> np.ndarray:
        raise NotImplementedError("nobody looks at these")
