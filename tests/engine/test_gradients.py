"""The gradient of a step is that of all sums over all weights, however the batch is cut."""

from __future__ import annotations

import pytest
import torch
from toy_training import Paint, Plain, Setting, Stripes, Toy

from swinkit.engine import Loader, World
from swinkit.engine.gradients import Gradients, OutOfMemory

ALL = list(range(8))


def batches(*cuts: int) -> list:
    """Eight samples of different weight, cut into micro-batches of these sizes."""
    modality = Plain()
    samples = [modality.read(Stripes(8)[at]) for at in ALL]
    parts, at = [], 0
    for size in cuts:
        parts.append(modality.collate(samples[at : at + size]))
        at += size
    return parts


def gradient(task: Paint, *cuts: int, scale: float = 1.0) -> tuple[torch.Tensor, list[float]]:
    torch.manual_seed(0)
    model = Toy(dropout=0)
    work = Gradients(model, task, torch.device("cpu"), "fp32", 0, World(), 0)
    losses, asked = work.accumulate(batches(*cuts), 0, several=len(cuts) > 1, scale=scale, asked=False)
    assert not asked and work.names == sorted(work.names)
    flat = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    return flat, losses.tolist()


def expected(task: Paint) -> torch.Tensor:
    """What the definition says, computed at once."""
    torch.manual_seed(0)
    model = Toy(dropout=0)
    losses = task.losses(model, batches(8)[0])
    sum(total / weight for total, weight in losses.values()).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("second", [False, True], ids=["one loss", "two losses"])
@pytest.mark.parametrize("cuts", [(8,), (4, 4), (1, 7), (3, 3, 2), (1,) * 8], ids=str)
@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_cuts_and_scales_give_the_gradient_of_the_definition(second, cuts, scale):
    task = Paint(second=second, mix=False)
    found, losses = gradient(task, *cuts, scale=scale)
    wanted = expected(task)
    assert (found - wanted).norm() <= 1e-6 * wanted.norm()
    assert losses == pytest.approx(gradient(task, 8)[1], rel=1e-6)


def test_the_mean_of_means_would_be_wrong():
    """The samples do weigh differently: this is what the tests above are worth."""
    task = Paint(second=False, mix=False)
    means = sum(gradient_of(task, batch) for batch in batches(4, 4)) / 2
    assert (means - expected(task)).norm() > 1e-3 * means.norm()


def gradient_of(task: Paint, batch) -> torch.Tensor:
    torch.manual_seed(0)
    model = Toy(dropout=0)
    total, weight = task.losses(model, batch)["cells"]
    (total / weight).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


class Ignored(Paint):
    """Nothing in the batch counts."""

    def losses(self, model, batch):
        return {name: (total * 0, weight * 0) for name, (total, weight) in super().losses(model, batch).items()}


@pytest.mark.parametrize("cuts", [(8,), (4, 4)], ids=str)
def test_a_batch_without_any_weight_is_no_nan(cuts):
    found, losses = gradient(Ignored(mix=False), *cuts)
    assert losses == [0, 0] and not found.any()


def test_names_must_stay_the_same():
    class Fickle(Paint):
        def losses(self, model, batch):
            losses = super().losses(model, batch)
            return losses if len(batch.ids) == 4 else {"cells": losses["cells"]}

    with pytest.raises(ValueError, match=r"losses \['cells'\], before \['cells', 'size'\]"):
        gradient(Fickle(mix=False), 4, 3)


@pytest.mark.parametrize("text", ["as if", "DefaultCPUAllocator: can't allocate memory"])
def test_memory_running_out_is_told_apart_from_other_errors(text):
    run = Setting()
    work = Gradients(run.state.model, run.task, torch.device("cpu"), "fp32", 0, World(), 0)
    kind = torch.OutOfMemoryError if text == "as if" else RuntimeError

    def fail(*_) -> None:
        raise kind(text)

    handle = run.state.model.head.register_forward_hook(fail)
    with pytest.raises(OutOfMemory):
        work.accumulate(batches(8), 0, several=False, scale=1, asked=False)
    handle.remove()
    run.state.model.register_forward_hook(lambda *_: torch.ones(2) @ torch.ones(3))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        work.accumulate(batches(8), 0, several=False, scale=1, asked=False)


def test_draws_depend_on_step_process_and_micro_batch_alone():
    model, task = Toy(dropout=0.5), Paint()
    batch = next(iter(Loader(dataset=Stripes(4), modality=Plain(), batch=4).once()))

    def loss(seed: int, rank: int, step: int, micro: int) -> float:
        torch.manual_seed(99)
        work = Gradients(model, task, torch.device("cpu"), "fp32", seed, World(rank, 2), 0)
        return work.losses(batch, step, micro)["cells"][0].item()

    keys = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    assert len({loss(*key) for key in keys}) == len(keys)
    assert [loss(*key) for key in keys] == [loss(*key) for key in keys]
