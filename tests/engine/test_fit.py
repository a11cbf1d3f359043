"""The loop: what it yields, what it repeats, and what stops it before harm is done."""

from __future__ import annotations

import logging

import pytest
import torch
from toy_training import Paint, Plain, Setting, Stripes

from swinkit.engine import Interruption, fit
from swinkit.files import ConfigError, DataError, NonFinite

NAN = float("nan")


def steps(setting: Setting, model: torch.nn.Module | None = None, **more) -> list:
    return list(fit(model or setting.state.model, setting.task, setting.loader, setting.state, **more))


def curve(found) -> list:
    return [(step.loss.hex(), step.grad_norm.hex(), step.ids) for step in found]


def test_it_learns():
    found = steps(Setting({"steps": 60, "rate": 3e-2, "schedule": "constant"}))
    assert found[-1].losses["cells"] < 0.3 * found[0].losses["cells"]


@pytest.mark.parametrize("changes", [{"workers": 2}, {"compile": True}, {"keep": 5}], ids=str)
def test_the_same_seed_gives_the_same_bits(changes):
    one, other = Setting({"steps": 6}), Setting({"steps": 6, **changes})
    assert curve(steps(one)) == curve(steps(other))
    assert all(map(torch.equal, one.state.model.parameters(), other.state.model.parameters()))


def test_what_happens_between_two_steps_changes_nothing():
    wanted = curve(steps(Setting({"steps": 4})))
    setting, found = Setting({"steps": 4}), []
    for step in fit(setting.state.model, setting.task, setting.loader, setting.state):
        found.append(step)
        torch.manual_seed(step.step)
        torch.rand(100)
        setting.state.model.eval()
    assert curve(found) == wanted


def test_a_step_says_what_it_did():
    setting = Setting({"steps": 7, "batch": 5, "evaluate_every": 3, "save_every": 2, "warmup": 2})
    found = steps(setting)
    assert [step.step for step in found] == list(range(1, 8)) and {step.total for step in found} == {7}
    assert [step.step for step in found if step.evaluate] == [3, 6, 7]
    assert [step.step for step in found if step.save] == [2, 4, 6, 7]
    assert [step.last for step in found] == [False] * 6 + [True]
    assert all(len(step.ids) == 5 and step.micro == 5 for step in found)
    assert found[3].epoch == 20 / 24
    assert found[0].loss == pytest.approx(sum(found[0].losses.values()))
    assert found[0].rate == pytest.approx(3e-2 / 3) and found[-1].rate < found[2].rate
    assert all(step.seconds > 0 and not step.skipped and not step.interrupted for step in found)


def test_gradients_are_clipped_after_they_were_measured():
    setting = Setting({"steps": 1, "clip": 0.01})
    (step,) = steps(setting)
    norm = torch.nn.utils.get_total_norm([p.grad for p in setting.state.model.parameters() if p.grad is not None])
    assert step.grad_norm > 0.01 and norm.item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_follows_full_precision(precision):
    whole = steps(Setting({"steps": 10}, task=Paint(mix=False), dropout=0))
    mixed = steps(Setting({"steps": 10, "precision": precision}, task=Paint(mix=False), dropout=0))
    assert mixed[-1].loss == pytest.approx(whole[-1].loss, rel=0.05) and mixed[-1].loss != whole[-1].loss


def test_an_fp16_overflow_skips_the_step_and_halves_the_scale():
    setting = Setting({"steps": 4, "precision": "fp16"})
    setting.state.scale.value = 2.0**120
    before = [p.clone() for p in setting.state.model.parameters()]
    found = steps(setting)
    assert all(step.skipped for step in found) and setting.state.scale.value == 2.0**116
    assert all(map(torch.equal, setting.state.model.parameters(), before)) and setting.state.step == 4


def test_overflows_without_end_are_an_error():
    setting = Setting({"steps": 40, "precision": "fp16"})
    setting.state.scale.value = 2.0**120
    with pytest.raises(NonFinite, match="step 26: the gradient is not finite"):
        steps(setting)


class BadBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * NAN


def spoil(kind: str, setting: Setting) -> None:
    model = setting.state.model
    if kind == "activation":
        model.qkv.register_forward_hook(lambda _, __, output: output * NAN)
    elif kind == "gradient":
        model.norm.register_forward_hook(lambda _, __, output: BadBackward.apply(output))
    elif kind == "parameter gradient":
        model.norm.weight.register_hook(lambda gradient: gradient * NAN)
    elif kind == "weight":
        model.dropout.p = 0.0
        torch.nn.init.constant_(model.head.bias, float("inf"))


BAD = {
    "activation": r"loss 'cells' is nan, loss 'size' is nan .*first bad module: qkv \(its output\); samples stripe-",
    "gradient": r"the gradient is not finite .*first bad module: norm \(its backward pass, on the way to stem\); ",
    "parameter gradient": r"the gradient is not finite .*first bad module: norm \(the gradient of its norm.weight\)",
    "weight": r"loss 'cells' is (nan|inf).*first bad module: head \(its output\)",
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("micro", [None, 3])
def test_a_number_that_is_not_finite_is_found_at_that_step_and_told(kind, micro):
    setting = Setting({"steps": 5, "micro_batch": micro})
    before = None
    with pytest.raises(NonFinite, match=rf"^step 3: {BAD[kind]}") as caught:
        for step in fit(setting.state.model, setting.task, setting.loader, setting.state):
            if step.step == 2:
                spoil(kind, setting)
                before = [p.clone() for p in setting.state.model.parameters()]
    assert setting.state.step == 2
    assert all(map(torch.equal, setting.state.model.parameters(), before)) or kind == "weight"
    assert "of the losses cells, size" in str(caught.value) and "learning rate 0.0" in str(caught.value)
    assert all(p.grad is None for p in setting.state.model.parameters())


class Spotted(Plain):
    """One sample holds a NaN."""

    def augment(self, sample, rng):
        sample = super().augment(sample, rng)
        if sample.id == "stripe-7":
            sample.grid[0, 0, 0] = NAN
        return sample


def test_a_bad_input_is_told_by_its_sample_alone():
    setting = Setting({"steps": 9, "micro_batch": 4})
    object.__setattr__(setting.loader, "modality", Spotted())
    with pytest.raises(
        NonFinite, match=r"the input is not finite, then first bad module: stem \(its output\); samples stripe-7;"
    ):
        steps(setting)


def test_a_loss_that_is_itself_bad_is_told():
    class Bad(Paint):
        def losses(self, model, batch):
            return {**super().losses(model, batch), "size": (model(batch.grid).sum() * NAN, torch.ones(()))}

    with pytest.raises(NonFinite, match=r"loss 'size' is nan .*none, the loss 'size' itself is; samples"):
        steps(Setting({"steps": 1}, task=Bad()))


def test_memory_running_out_halves_the_micro_batch_and_keeps_the_batch(caplog):
    changes = {"steps": 4, "batch": 8, "clip": None}
    wanted = steps(Setting(changes, task=Paint(mix=False), dropout=0))
    setting = Setting(changes | {"workers": 1}, task=Paint(mix=False), dropout=0)

    def room_for_three(_, inputs) -> None:
        if len(inputs[0]) > 3:
            raise torch.OutOfMemoryError("as if")

    setting.state.model.register_forward_pre_hook(room_for_three)
    with caplog.at_level(logging.WARNING):
        found = steps(setting)
    assert [step.micro for step in found] == [2] * 4 and setting.state.micro == 2
    assert [step.ids for step in found] == [step.ids for step in wanted]
    assert [step.loss for step in found] == pytest.approx([step.loss for step in wanted], rel=1e-5)
    assert caplog.messages == [
        f"step 1: out of memory with {many} samples at a time: going on with {few}, the batch stays 8"
        for many, few in ((8, 4), (4, 2))
    ]


def test_no_room_for_one_sample_is_an_error():
    setting = Setting({"steps": 2})

    def none(*_) -> None:
        raise torch.OutOfMemoryError("as if")

    setting.state.model.register_forward_pre_hook(none)
    with pytest.raises(ConfigError, match="out of memory with one sample at a time"):
        steps(setting)


def test_a_bad_file_is_an_error_with_its_name():
    with pytest.raises(DataError, match="stripe-5.png: image"):
        steps(Setting({"steps": 9}, dataset=Stripes(broken=5)))


def test_an_interruption_ends_it_after_the_step():
    setting, interruption, found = Setting({"steps": 9}), Interruption(), []
    for step in fit(setting.state.model, setting.task, setting.loader, setting.state, interruption=interruption):
        found.append(step.interrupted)
        interruption.asked = step.step == 2
    assert found == [False, False, True]


def test_a_loader_of_other_settings_is_refused():
    setting = Setting({"steps": 2})
    for other in (Setting({"steps": 2, "batch": 4}), Setting({"steps": 2, "seed": 1}), Setting(dataset=Stripes(9))):
        with pytest.raises(ValueError, match="from the same settings"):
            list(fit(setting.state.model, setting.task, other.loader, setting.state))


def test_a_finished_state_gives_no_step():
    setting = Setting({"steps": 2})
    steps(setting)
    assert steps(setting) == []


def test_the_prepared_model_computes_and_the_state_holds_the_weights():
    class Prepared(torch.nn.Module):
        def __init__(self, inner) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, grid):
            return self.inner(grid)

    one, other = Setting({"steps": 3}), Setting({"steps": 3})
    assert curve(steps(one, Prepared(one.state.model))) == curve(steps(other))
    assert all(map(torch.equal, one.state.model.parameters(), other.state.model.parameters()))
