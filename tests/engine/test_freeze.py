"""Stages that are not trained stay as they are, to the bit, whatever else the run does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from task_examples import AsIs, Learnt, smallest
from tiny_models import tiny
from torch import nn
from toy_training import Toy

from swinkit.backbone import Block
from swinkit.engine import Checkpoints, Loader, State, Step, Training, fit
from swinkit.engine.optimise import freeze
from swinkit.engine.state import compare
from swinkit.files import CheckpointError, ConfigError
from swinkit.models import prepare_training
from swinkit.types import Task

RANKS = (1, 2, 3)
USUAL = Training(steps=4, batch=2, rate=1e-2, freeze=1, ema=0.5, layer_decay=0.8)


def run(rank: int, training: Training = USUAL, drop_path: float = 0.5) -> tuple[State, Task, Loader]:
    """Two stages under a decoder."""
    task, batch, model = smallest("segment", rank, drop_path=drop_path)
    loader = Loader(dataset=Learnt(batch), modality=AsIs(batch), batch=training.batch, seed=training.seed)
    return State(model, training, samples=len(batch.ids)), task, loader


def is_frozen(name: str, stages: int = 1) -> bool:
    parts = name.split(".")
    return parts[0] == "stem" or (parts[0] == "backbone" and int(parts[2]) < stages)


def all_steps(state: State, task: Task, loader: Loader) -> list[Step]:
    return list(fit(state.model, task, loader, state))


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("recompute", [False, True])
def test_what_is_frozen_has_no_gradient_and_keeps_every_bit(rank, recompute):
    state, task, loader = run(rank)
    before = {name: value.clone() for name, value in state.model.state_dict().items()}
    for _ in fit(prepare_training(state.model, recompute=recompute), task, loader, state):
        for name, parameter in state.model.named_parameters():
            assert (parameter.grad is None) == is_frozen(name), name
    for module in (state.model, state.average):
        for name, value in module.state_dict().items():
            assert value.equal(before[name]) == is_frozen(name), name
    stepped = {name.rpartition(".")[0] for name in state.tensors()["optimiser"]}
    assert stepped == {name for name, _ in state.model.named_parameters() if not is_frozen(name)}


@pytest.mark.parametrize("rank", RANKS)
def test_stochastic_depth_of_frozen_stages_stays_off(rank):
    model = tiny(rank, stages=3, drop_path=0.9, depths=(2, 2, 2)).train()
    grid = torch.randn(16, 2, *(8,) * rank)

    def differ() -> list[bool]:
        passes: list[list[torch.Tensor]] = []
        for seed in (1, 2):
            torch.manual_seed(seed)
            passes.append(model.features(grid))
        return [not a.equal(b) for a, b in zip(*passes, strict=True)]

    assert differ() == [True, True, True]
    model.freeze(2)
    assert differ() == [False, False, True] and model.train() is model and differ() == [False, False, True]
    model.freeze(None)
    assert differ() == [True, True, True] and all(p.requires_grad for p in model.parameters())
    assert not any(module.training for module in model.eval().modules())


def test_the_stem_alone_and_all_stages_can_be_frozen():
    model = tiny(2, stages=3)
    for stages in (0, 1, 3):
        model.freeze(stages)
        learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        assert learning == {name for name, _ in model.named_parameters() if not is_frozen(name, stages)}
    assert not learning
    with pytest.raises(ValueError, match="4 stages cannot be frozen, the model has 3: give 0 to 3"):
        model.freeze(4)


def test_what_was_frozen_by_others_stays_frozen():
    model = tiny(2, stages=3)
    model.backbone.stages[2].requires_grad_(False)
    model.freeze(1)
    model.freeze(None)
    assert not any(parameter.requires_grad for parameter in model.backbone.stages[2].parameters())


@pytest.mark.parametrize("rank", RANKS)
def test_a_frozen_run_that_is_left_and_taken_up_again_is_the_same_run(tmp_path, rank):
    whole, task, loader = run(rank)
    all_steps(whole, task, loader)
    half, checkpoints = run(rank)[0], Checkpoints(tmp_path, fingerprint={})
    with checkpoints.lock():
        for step in fit(half.model, task, loader, half):
            if step.step == 2:
                checkpoints.save(half)
                break
    again = run(rank)[0]
    checkpoints.load(tmp_path / "step-2", again)
    all_steps(again, task, loader)
    for part, tensors in whole.tensors().items():
        found = again.tensors()[part]
        assert found.keys() == tensors.keys() and all(found[name].equal(value) for name, value in tensors.items())


def test_a_checkpoint_of_other_frozen_stages_is_refused_by_name(tmp_path):
    checkpoints = Checkpoints(tmp_path, fingerprint={})
    with checkpoints.lock():
        checkpoints.save(run(2)[0])
    with pytest.raises(CheckpointError, match="freeze=1, this run has 0"):
        checkpoints.load(tmp_path / "step-0", run(2, replace(USUAL, freeze=0))[0])


def test_checkpoints_from_before_the_setting_go_on():
    settings = Training(steps=4).fingerprint()
    compare(Path("step-1"), {name: value for name, value in settings.items() if name != "freeze"}, settings)


def same_as_uncompiled(rank: int, compile: Callable[[nn.Module], object]) -> None:
    """Without stochastic depth, whose draws are a compiler's own."""
    short = replace(USUAL, steps=2)
    (plain, task, loader), (compiled, _, _) = (run(rank, short, drop_path=0.0) for _ in range(2))
    torch.compiler.reset()
    compile(compiled.model)
    wanted, found = all_steps(plain, task, loader), all_steps(compiled, task, loader)
    torch.testing.assert_close([step.loss for step in found], [step.loss for step in wanted], rtol=1e-3, atol=1e-4)
    fresh = run(rank)[0].model.state_dict()
    assert all(value.equal(fresh[name]) == is_frozen(name) for name, value in compiled.model.state_dict().items())


@pytest.mark.parametrize("rank", [2, *(pytest.param(rank, marks=pytest.mark.slow) for rank in RANKS if rank != 2)])
def test_compiled_blocks_learn_the_same(rank):
    def eager(model: nn.Module) -> None:
        for block in (module for module in model.modules() if isinstance(module, Block)):
            block.compile(backend="aot_eager")

    same_as_uncompiled(rank, eager)


@pytest.mark.slow
def test_the_training_setting_compiles_frozen_models():
    same_as_uncompiled(2, partial(prepare_training, compile=True))


def test_a_model_without_stages_too_many_of_them_and_nothing_to_train_are_named():
    with pytest.raises(ConfigError, match=r"training\.freeze: 2 leaves nothing to train"):
        freeze(tiny(2), replace(USUAL, freeze=2))
    with pytest.raises(ConfigError, match=r"training\.freeze: a Toy has no stages to freeze"):
        State(Toy(), USUAL, samples=4)
    with pytest.raises(ConfigError, match=r"training\.freeze: 9 stages cannot be frozen, the model has 2"):
        run(2, replace(USUAL, freeze=9))
    with pytest.raises(ConfigError, match=r"training\.freeze: wanted a whole number of at least 0, got -1"):
        replace(USUAL, freeze=-1)


def test_the_rate_of_each_layer_does_not_depend_on_what_is_frozen():
    free, frozen = (run(2, replace(USUAL, freeze=stages))[0] for stages in (None, 1))
    scales = [
        {id(p): group["scale"] for group in state.optimiser.param_groups for p in group["params"]}
        for state in (free, frozen)
    ]
    for name in (name for name, parameter in frozen.model.named_parameters() if parameter.requires_grad):
        pair = [scales[i][id(state.model.get_parameter(name))] for i, state in enumerate((free, frozen))]
        assert pair[0] == pair[1]
