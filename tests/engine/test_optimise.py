"""Parameter groups, the running average and the loss scale."""

from __future__ import annotations

import copy

import pytest
import torch
from toy_training import Toy

from swinkit.engine.optimise import (
    Scale,
    averaged,
    make_optimiser,
    optimiser_tensors,
    restore_optimiser,
    set_rate,
    update_average,
)
from swinkit.engine.training import Training


def test_groups_follow_depth_and_decay():
    model = Toy()
    optimiser = make_optimiser(model, Training(steps=1, rate=1.0, weight_decay=0.3, layer_decay=0.5))
    set_rate(optimiser, 2.0)
    found = {id(p): (group["lr"], group["weight_decay"]) for group in optimiser.param_groups for p in group["params"]}
    for name, depth, decays in model.parameter_groups():
        assert found[id(model.get_parameter(name))] == (2.0 * 0.5 ** (2 - depth), 0.3 if decays else 0.0)


def test_frozen_parameters_are_left_out_and_forgotten_ones_are_an_error():
    model = Toy()
    model.stem.requires_grad_(False)
    parameters = [p for group in make_optimiser(model, Training(steps=1)).param_groups for p in group["params"]]
    assert not any(p is q for p in parameters for q in model.stem.parameters())
    model.parameter_groups = lambda: Toy.parameter_groups(model)[1:]
    with pytest.raises(ValueError, match="every parameter once"):
        make_optimiser(model, Training(steps=1))


def test_the_optimiser_survives_as_tensors():
    model = Toy(dropout=0)
    optimiser = make_optimiser(model, Training(steps=1))
    grid = torch.randn(2, 3, 8, 8)

    def step(module, chosen) -> None:
        chosen.zero_grad()
        module(grid).square().mean().backward()
        chosen.step()

    step(model, optimiser)
    tensors = optimiser_tensors(model, optimiser)
    assert "unused.weight.step" not in tensors and "head.weight.exp_avg" in tensors
    other = copy.deepcopy(model)
    again = make_optimiser(other, Training(steps=1))
    restore_optimiser(other, again, tensors)
    step(model, optimiser)
    step(other, again)
    assert all(map(torch.equal, model.parameters(), other.parameters()))


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: t.pop("head.bias.exp_avg"),
        lambda t: t.update({"none.step": torch.zeros(())}),
        lambda t: t.update({"head.bias.exp_avg": torch.zeros(9)}),
    ],
)
def test_tensors_that_do_not_fit_change_nothing(edit):
    model = Toy()
    optimiser = make_optimiser(model, Training(steps=1))
    model(torch.randn(1, 3, 8, 8)).mean().backward()
    optimiser.step()
    tensors = dict(optimiser_tensors(model, optimiser))
    edit(tensors)
    fresh = make_optimiser(model, Training(steps=1))
    with pytest.raises(ValueError, match=r"head\.bias|none"):
        restore_optimiser(model, fresh, tensors)
    assert not fresh.state


def test_the_average_warms_up_and_leaves_the_model_alone():
    model = Toy()
    average = averaged(model)
    start = model.head.weight.detach().clone()
    with torch.no_grad():
        model.head.weight.add_(1.0)
    update_average(average, model, 0.99, 1)  # warm-up: decay 2 / 11
    assert torch.allclose(average.head.weight, start + 9 / 11)
    update_average(average, model, 0.5, 1000)
    assert torch.allclose(average.head.weight, start + 1 - 1 / 11, atol=1e-6)
    assert torch.allclose(model.head.weight, start + 1)
    assert not any(p.requires_grad for p in average.parameters())


def test_the_scale_halves_on_overflow_and_grows_with_patience():
    scale = Scale(value=8.0)
    scale.update(False)
    scale.update(False)
    assert (scale.value, scale.bad) == (2.0, 2)
    for _ in range(2000):
        scale.update(True)
    assert (scale.value, scale.good, scale.bad) == (4.0, 0, 0)
    assert Scale(**scale.to_json()) == scale
