"""Several tasks on one backbone."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from task_examples import shared, smallest

from swinkit.files import ConfigError
from swinkit.tasks import Classify, Several
from swinkit.types import Batch


class Told(torch.nn.Module):
    """Answers with what it was given."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output, self.training = output, False

    def forward(self, *_: object) -> object:
        return self.output


def test_losses_and_answers_are_those_of_each_task_on_its_own_samples():
    task, batch, model = smallest("several", 2)
    model.eval()
    outputs = model(batch.grid)
    found = task.losses(model, batch)
    assert set(found) == {"map/cross_entropy", "kind/cross_entropy"}
    for name, rows in (("map", [0, 1]), ("kind", [1, 2])):
        part = Batch(grid=batch.grid[rows], target=batch.target[name][1], ids=("x", "y"), sizes=batch.sizes[:2])
        alone = task.tasks[name].losses(Told(picked(outputs[name], rows)), part)["cross_entropy"]
        torch.testing.assert_close(found[f"{name}/cross_entropy"][0], task.weights[name] * alone[0])
        torch.testing.assert_close(found[f"{name}/cross_entropy"][1], alone[1])
    answers = task.predict(model, batch)
    wanted = task.tasks["kind"].predict(Told(outputs["kind"]), batch)
    assert [a.answers["kind"].to_json() for a in answers] == [w.to_json() for w in wanted]
    assert answers[0].to_json()["id"] == "one" and set(answers[0].to_json()) == {"id", "map", "kind"}


def picked(output, rows):
    return {key: value[rows] for key, value in output.items()} if isinstance(output, dict) else output[rows]


def test_the_backbone_is_computed_once():
    task, batch, model = smallest("several", 2)
    seen: list[int] = []
    model.backbone.register_forward_pre_hook(lambda *_: seen.append(1))
    task.losses(model.train(), batch)
    assert len(seen) == 1
    task.predict(model.eval(), batch)
    assert len(seen) == 2


def test_a_task_that_looks_twice_gets_another_pass_for_its_second_look():
    """Or its two answers would be one, and `consistency` would learn nothing."""
    task, batch, model = smallest("several", 2)
    twice = dataclasses.replace(task, tasks={**task.tasks, "kind": Classify(classes=("a", "b"), consistency=5.0)})
    seen: list[torch.Tensor] = []
    model.backbone.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    drops = torch.nn.Dropout(0.5)
    model.stem.register_forward_hook(lambda _, __, out: (drops(out[0]), out[1]))
    found = twice.losses(model.train(), batch)
    assert len(seen) == 2 and not seen[0][1:].equal(seen[1])
    assert set(found) == {"map/cross_entropy", "kind/consistent_cross_entropy"}
    seen.clear()
    twice.losses(model.eval(), batch)
    assert len(seen) == 1


def test_a_task_that_wants_another_view_gets_its_own_pass():
    task, batch, model = smallest("several", 2)
    flipped = dataclasses.replace(task, tasks={**task.tasks, "kind": Classify(classes=("a", "b"), flip=True)})
    seen: list[int] = []
    model.backbone.register_forward_pre_hook(lambda *_: seen.append(1))
    model.eval()
    both = flipped.predict(model, batch)
    assert len(seen) == 2
    mirrored = task.predict(model, dataclasses.replace(batch, grid=batch.grid.flip(-1)))
    plain = task.predict(model, batch)
    for one, other, mean in zip(plain, mirrored, both, strict=True):
        want = (one.answers["kind"].scores + other.answers["kind"].scores) / 2
        torch.testing.assert_close(mean.answers["kind"].scores, want)


def test_a_task_without_a_target_in_the_batch_learns_nothing_from_it():
    task, batch, model = smallest("several", 1)
    only = batch.chosen([0])
    assert len(only.target["kind"][0]) == 0 and only.target["map"][0].tolist() == [0]
    assert set(task.losses(model.train(), only)) == {"map/cross_entropy"}
    metrics = task.metrics()
    metrics.update(task.predict(model.eval(), only), only)
    assert "kind_accuracy" not in metrics.result() and "map_miou" in metrics.result()


def test_learned_weights_balance_the_losses():
    """The minimum over s of exp(-s) * L + s is at s = log L (Kendall et al. 2018, section 3.2, without the halves)."""
    task, batch, _ = smallest("several", 1)
    task = dataclasses.replace(task, weights={})
    model = smallest("several", 1)[2]
    model.head = task.head(model.levels)
    model.eval()
    values = {name: float((total / weight).detach()) for name, (total, weight) in task.losses(model, batch).items()}
    for name, parameter in model.head.log_variances.items():
        parameter.data.fill_(torch.tensor(values[f"{name}/cross_entropy"]).log().item())
    total = sum(t / w for t, w in task.losses(model, batch).values())
    grads = torch.autograd.grad(total, list(model.head.log_variances.values()))
    assert all(abs(float(grad)) < 1e-5 for grad in grads)
    names = {name for name, _, decays in model.parameter_groups() if not decays}
    assert {"head.log_variances.map", "head.log_variances.kind"} <= names


def test_figures_are_each_tasks_and_their_mean():
    task, batch, model = smallest("several", 2)
    metrics = task.metrics()
    answers = task.predict(model.eval(), batch)
    metrics.update(answers, batch)
    result = metrics.result()
    assert result["score"] == pytest.approx((result["map_miou"] + result["kind_accuracy"]) / 2)
    alone = task.tasks["kind"].metrics()
    alone.update(
        [answers[1].answers["kind"], answers[2].answers["kind"]],
        Batch(grid=batch.grid[1:], target=torch.tensor([1, 0])),
    )
    assert alone.result()["accuracy"] == result["kind_accuracy"]
    assert metrics.score(answers[0], batch.chosen([0])) is not None


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"tasks": {}}, "tasks: is empty"),
        ({"tasks": {"a b": None}}, "is no name"),
        ({"weights": {"map": 1.0}}, "not one factor for each of map, kind"),
        ({"weights": {"map": 1.0, "kind": -1.0}}, "0 or more"),
        ({"kept": ("mop",)}, "kept: 'mop' is none of the tasks map, kind"),
        ({"kept": ("map", "kind")}, "leaves no task to learn"),
        ({"kept": ("map",), "weights": {"map": 1.0}}, "not one factor for each of kind"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    task, _ = shared(1)
    with pytest.raises(ConfigError, match=message):
        Several(**{"tasks": task.tasks, "weights": {}, **wrong})
