"""Orthogonal updates: what they are, which parameters get them, and that they survive."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from toy_training import Setting, Toy

from swinkit.engine.muon import Muon, orthogonal
from swinkit.engine.optimise import make_optimiser, optimiser_tensors, restore_optimiser
from swinkit.engine.training import Training
from swinkit.files import ConfigError

ROWS = {"lr": 1e-2, "weight_decay": 0.1}


def group(*parameters: Tensor, orthogonal: bool = True) -> dict[str, object]:
    return {"params": list(parameters), "orthogonal": orthogonal}


def test_singular_values_come_near_one_and_vectors_stay():
    torch.manual_seed(0)
    for rows, columns in ((6, 20), (20, 6), (9, 9)):
        matrix = torch.randn(rows, columns, dtype=torch.float64).float()
        u, values, v = torch.linalg.svd(orthogonal(matrix[None])[0], full_matrices=False)
        assert values.min() > 0.4
        assert values.max() < 1.3
        u0, _, v0 = torch.linalg.svd(matrix, full_matrices=False)
        torch.testing.assert_close(u.T @ u0 @ v0, v, atol=0.35, rtol=0)  # the same polar factor, about


def test_it_is_torchs_muon_with_adamws_rates():
    torch.manual_seed(0)
    ours, theirs = (nn.ParameterList(torch.randn(shape) for shape in ((12, 30), (30, 12), (12, 30))) for _ in "ab")
    theirs.load_state_dict(ours.state_dict())
    own = Muon([group(*ours)], **ROWS)
    other = torch.optim.Muon(theirs, **ROWS, adjust_lr_fn="match_rms_adamw")
    start = [each.detach().clone() for each in ours]
    for _ in range(4):
        for mine, its in zip(ours, theirs, strict=True):
            mine.grad = torch.randn_like(mine)
            its.grad = mine.grad.clone()
        own.step()
        other.step()
    for mine, its, before in zip(ours, theirs, start, strict=True):  # torch computes in bfloat16
        assert (mine - its).norm() < 0.03 * (its - before).norm()


def test_a_convolution_is_a_matrix_of_a_row_for_each_channel_out():
    weight = nn.Parameter(torch.randn(6, 4, 3, 3))
    flat = nn.Parameter(weight.detach().reshape(6, 36))
    weight.grad = torch.randn_like(weight)
    flat.grad = weight.grad.reshape(6, 36)
    for parameter in (weight, flat):
        Muon([group(parameter)], **ROWS).step()
    torch.testing.assert_close(weight.reshape(6, 36), flat)


def test_other_groups_are_stepped_as_adamw_does():
    ours, theirs = (nn.Parameter(torch.ones(5, 5)) for _ in "ab")
    matrix = nn.Parameter(torch.eye(4))
    own = Muon([group(ours, orthogonal=False), group(matrix)], **ROWS)
    other = torch.optim.AdamW([theirs], **ROWS)
    for _ in range(3):
        for each in (ours, theirs):
            each.grad = torch.arange(25.0).view(5, 5) - 12
        own.step()  # the matrix has no gradient and stays
        other.step()
    torch.testing.assert_close(ours, theirs)
    assert torch.equal(matrix, torch.eye(4))


def test_only_inner_matrices_are_stepped_orthogonally():
    model = Toy()
    chosen = make_optimiser(model, Training(steps=1, optimiser="muon"))
    found = [p for row in chosen.param_groups if row["orthogonal"] for p in row["params"]]
    assert [id(p) for p in found] == [id(model.qkv.weight)]  # not the stem, the head, norms or biases
    plain = make_optimiser(model, Training(steps=1))
    assert not any(row["orthogonal"] for row in plain.param_groups)
    with pytest.raises(ConfigError, match=r"training\.optimiser: got 'sgd'"):
        Training(steps=1, optimiser="sgd")  # type: ignore[arg-type]


def test_what_it_keeps_survives_as_tensors():
    setting = Setting({"optimiser": "muon"})
    list(setting.events())
    tensors = {
        name: each.clone() for name, each in optimiser_tensors(setting.state.model, setting.state.optimiser).items()
    }
    assert "qkv.weight.momentum" in tensors
    assert "stem.weight.exp_avg" in tensors
    fresh = Setting({"optimiser": "muon"})
    restore_optimiser(fresh.state.model, fresh.state.optimiser, tensors)
    again = optimiser_tensors(fresh.state.model, fresh.state.optimiser)
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)
    del tensors["qkv.weight.momentum"]
    tensors["qkv.weight.exp_avg"] = torch.zeros(24, 8)
    with pytest.raises(ValueError, match="exp_avg: belongs to no parameter"):
        restore_optimiser(fresh.state.model, fresh.state.optimiser, tensors)
