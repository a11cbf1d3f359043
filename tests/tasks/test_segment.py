from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swinkit.files import ConfigError, DataError
from swinkit.heads import FPN, UPerNet
from swinkit.tasks import Segment
from swinkit.types import Batch, Levels

CLASSES = ("rest", "corner", "half")
LEVELS = Levels(channels=(4, 8), strides=((2, 2), (4, 4)))


class Cells(nn.Module):
    """Labels cells of `stride` from their mean, one channel a class: what is right can be worked out by hand."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.scale = stride, nn.Parameter(torch.ones(()))

    def forward(self, grid: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
        space = grid.shape[2:]
        padding = [p for n in reversed(space) for p in (0, -n % self.stride)]
        x = nn.functional.pad(grid, padding)
        for axis in range(2, x.ndim):
            x = x.unflatten(axis, (-1, self.stride)).mean(axis + 1)
        return {"logits": self.scale * x}


def batch(space: tuple[int, ...] = (8, 8), count: int = 2, **changes: Any) -> Batch:
    torch.manual_seed(0)
    values = {
        "grid": torch.randn(count, 3, *space),
        "target": torch.randint(0, 3, (count, *space)),
        "ids": tuple("abcdefg"[:count]),
        "sizes": (space,) * count,
    }
    return Batch(**{**values, **changes})


@pytest.mark.parametrize("space", [(9,), (6, 5), (4, 3, 5)], ids=str)
def test_losses_are_sums_over_labelled_cells(space: tuple[int, ...]) -> None:
    model, example = Cells(), batch(space)
    example.target[0] = 255
    found = Segment(classes=CLASSES).losses(model, example)
    total, weight = found["cross_entropy"]
    expected = nn.functional.cross_entropy(example.grid[1:], example.target[1:], reduction="sum")
    torch.testing.assert_close(total, expected)
    assert set(found) == {"cross_entropy"} and weight.item() == example.target[1].numel()


def test_padded_and_further_ignored_cells_do_not_count() -> None:
    example, task = batch(), Segment(classes=CLASSES, also_ignore=(9,))
    valid = torch.ones(2, 8, 8, dtype=torch.bool)
    valid[1, :, 5:] = False
    example.target[0, 0] = 9
    ((total, weight),) = task.losses(Cells(), dataclasses.replace(example, valid=valid)).values()
    target = example.target.clone()
    target[0, 0] = 255
    target[1, :, 5:] = 255
    torch.testing.assert_close(
        total, nn.functional.cross_entropy(example.grid, target, reduction="sum", ignore_index=255)
    )
    assert weight.item() == 64 - 8 + 40


def test_a_batch_without_any_label_gives_zero_and_no_gradient() -> None:
    model, task = Cells(2), Segment(classes=CLASSES, dice=1.0)
    found = task.losses(model, batch(target=torch.full((2, 8, 8), 255)))
    assert all(total.item() == 0 and weight.item() == 0 for total, weight in found.values())
    sum(total for total, _ in found.values()).backward()
    assert model.scale.grad is not None and model.scale.grad.item() == 0


def test_factors_change_the_sums_and_not_the_weights() -> None:
    head = FPN(LEVELS, 3, channels=4, auxiliary=4)
    features = [torch.randn(2, 4, 4, 4), torch.randn(2, 8, 2, 2)]

    class Fixed(nn.Module):
        def forward(self, grid: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
            return head(features)

    plain = Segment(classes=CLASSES, dice=1.0, auxiliary=1.0).losses(Fixed(), batch())
    scaled = Segment(classes=CLASSES, dice=0.5, auxiliary=0.4).losses(Fixed(), batch())
    assert set(plain) == {"cross_entropy", "dice", "auxiliary"}
    for name, factor in (("cross_entropy", 1.0), ("dice", 0.5), ("auxiliary", 0.4)):
        torch.testing.assert_close(scaled[name][0], factor * plain[name][0])
        assert scaled[name][1].equal(plain[name][1])
    head.eval()
    assert set(Segment(classes=CLASSES, auxiliary=0.4).losses(Fixed(), batch())) == {"cross_entropy"}


def test_class_weights_weigh_sum_and_weight() -> None:
    weights, example = (0.5, 2.0, 3.0), batch()
    ((total, weight),) = Segment(classes=CLASSES, class_weights=weights).losses(Cells(), example).values()
    mean = nn.functional.cross_entropy(example.grid, example.target, torch.tensor(weights))
    torch.testing.assert_close(total / weight, mean)


def test_targets_at_their_original_sizes_are_met_by_resizing_the_logits() -> None:
    """In evaluation a target keeps its size, padded at the high end to that of the largest."""
    grid, valid = torch.zeros(2, 3, 8, 8), torch.ones(2, 8, 8, dtype=torch.bool)
    grid[:, 1, :, 4:] = 50.0
    grid[:, 0, :, :4] = 50.0
    valid[1, :4] = False
    valid[1, :, 6:] = False
    valid[1] = valid[1].flip(0)
    sizes = ((16, 16), (8, 12))
    target = torch.full((2, 16, 16), 255)
    target[0] = (torch.arange(16) >= 8).long()
    target[1, :8, :12] = (torch.arange(12) >= 8).long()
    example, task = Batch(grid=grid, valid=valid, target=target, ids=("a", "b"), sizes=sizes), Segment(classes=CLASSES)
    ((total, weight),) = task.losses(Cells(2), example).values()
    assert weight.item() == 256 + 96 and total.item() / weight.item() < 0.01
    parts = dataclasses.replace(example, target=[target[0], target[1, :8, :12]])
    torch.testing.assert_close(task.losses(Cells(2), parts)["cross_entropy"], (total, weight))
    found = task.predict(Cells(2), example)
    assert [tuple(p.labels.shape) for p in found] == list(sizes)
    assert found[1].labels.equal(target[1, :8, :12])
    metrics = task.metrics()
    metrics.update(found, example)
    assert metrics.result()["miou"] == 1.0


def test_a_padded_sample_is_predicted_as_it_is_alone() -> None:
    example, task = batch(), Segment(classes=CLASSES, scores=True)
    valid = torch.zeros(2, 8, 8, dtype=torch.bool)
    valid[0], valid[1, :4, :6] = True, True
    together = dataclasses.replace(example, valid=valid, sizes=((8, 8), (4, 6)))
    alone = batch(count=1, grid=example.grid[1:, :, :4, :6], sizes=((4, 6),), ids=("b",))
    first, second = task.predict(Cells(), together)[1], task.predict(Cells(), alone)[0]
    assert first.labels.equal(second.labels) and first.id == second.id == "b"
    assert first.scores is not None and second.scores is not None and first.scores.equal(second.scores)
    torch.testing.assert_close(second.scores, example.grid[1, :, :4, :6].softmax(0).amax(0))


def test_predictions_without_sizes_have_the_size_of_the_grid() -> None:
    found = Segment(classes=CLASSES).predict(Cells(4), batch((7, 9), sizes=(), ids=()))
    assert [tuple(p.labels.shape) for p in found] == [(7, 9)] * 2 and found[1].id == "1"
    assert found[0].scores is None and found[0].classes == CLASSES and found[0].labels.dtype == torch.int64


@pytest.mark.parametrize("space", [(13,), (13, 10), (5, 7, 6)], ids=str)
@pytest.mark.parametrize("overlap", [False, True])
def test_windows_over_a_local_model_predict_the_same(space: tuple[int, ...], overlap: bool) -> None:
    example = batch(space)
    window = (4,) * len(space)
    windows = Segment(classes=CLASSES, scores=True, window=window, stride=() if overlap else window)
    whole = Segment(classes=CLASSES, scores=True)
    for ours, theirs in zip(windows.predict(Cells(), example), whole.predict(Cells(), example), strict=True):
        assert ours.labels.equal(theirs.labels)
        torch.testing.assert_close(ours.scores, theirs.scores)


def test_mirror_and_scales_agree_where_they_should() -> None:
    grid = torch.zeros(1, 3, 8, 8)
    grid[:, 0, :, :4], grid[:, 1, :, 4:] = 9.0, 9.0
    example = Batch(grid=grid, sizes=((8, 8),), ids=("a",))
    plain = Segment(classes=CLASSES, scores=True).predict(Cells(2), example)[0]
    flipped = Segment(classes=CLASSES, scores=True, flip=True).predict(Cells(2), example)[0]
    assert flipped.labels.equal(plain.labels)
    torch.testing.assert_close(flipped.scores, plain.scores)
    several = Segment(classes=CLASSES, scales=(0.5, 1.0, 2.0), flip=True).predict(Cells(2), example)[0]
    assert several.labels.equal(plain.labels)
    both = Segment(classes=CLASSES, scales=(1.0, 2.0), flip=True, window=(8, 8)).predict(Cells(2), example)[0]
    assert both.labels.equal(plain.labels)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_output_is_compared_in_float32(dtype: torch.dtype) -> None:
    class Low(Cells):
        def forward(self, grid: Tensor, valid: Tensor | None = None) -> dict[str, Tensor]:
            return {"logits": super().forward(grid, valid)["logits"].to(dtype)}

    model = Low(2)
    found = Segment(classes=CLASSES, dice=1.0).losses(model, batch((64, 64)))
    assert all(value.dtype == torch.float32 for pair in found.values() for value in pair)
    found["cross_entropy"][0].backward()
    assert model.scale.grad is not None and model.scale.grad.isfinite()
    Segment(classes=CLASSES, flip=True).predict(Low(2), batch())


def test_heads_follow_the_settings() -> None:
    fpn = Segment(classes=CLASSES, detail=2, channels=8, auxiliary=0.4).head(LEVELS)
    assert isinstance(fpn, FPN) and fpn.auxiliary is not None and fpn.classifier.conv.stride == (2, 2)
    upernet = Segment(classes=CLASSES, decoder="upernet", channels=8).head(LEVELS)
    assert isinstance(upernet, UPerNet) and upernet.auxiliary is not None
    assert Segment(classes=CLASSES, decoder="upernet", channels=8, auxiliary=0.0).head(LEVELS).auxiliary is None
    assert Segment(classes=CLASSES).head(LEVELS).auxiliary is None


def test_the_first_answer_is_the_best_constant_one() -> None:
    prior, weights = (0.9, 0.09, 0.01), (0.5, 1.0, 10.0)
    head = Segment(classes=CLASSES, prior=prior, class_weights=weights).head(LEVELS)
    cost = torch.tensor(prior) * torch.tensor(weights)
    bias = torch.zeros(3, requires_grad=True)
    optimiser = torch.optim.LBFGS([bias], max_iter=50)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = -(cost * bias.log_softmax(0)).sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    torch.testing.assert_close(head.classifier.conv.bias.softmax(0), bias.detach().softmax(0), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"classes": ("one",)}, "classes"),
        ({"classes": ("one", "one")}, "classes"),
        ({"ignore": 1}, "ignore: 1 is the id of class 'corner'"),
        ({"also_ignore": (2,)}, "ignore: 2"),
        ({"decoder": "upernets"}, "did you mean 'upernet'"),
        ({"class_weights": (1.0,)}, "class_weights"),
        ({"class_weights": (1.0, 1.0, -1.0)}, "class_weights"),
        ({"prior": (0.5, 0.5, 0.0)}, "prior"),
        ({"dice": -1.0}, "dice"),
        ({"smoothing": 1.0}, "smoothing"),
        ({"detail": 2, "decoder": "upernet"}, "detail"),
        ({"detail": 0}, "detail"),
        ({"scales": ()}, "scales"),
        ({"scales": (0.0,)}, "scales"),
        ({"window": (4, 4), "stride": (5, 4)}, "stride"),
        ({"window": (4, 4), "stride": (4,)}, "stride"),
        ({"stride": (4,)}, "stride"),
        ({"window": (0, 4)}, "stride"),
    ],
)
def test_wrong_settings_die_when_they_are_given(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Segment(**{"classes": CLASSES, **changes})


def test_an_unknown_id_in_a_target_names_the_sample() -> None:
    example, task = batch(), Segment(classes=CLASSES)
    example.target[1, 0, 0] = 7
    with pytest.raises(DataError, match="a, b: target: id 7 is no class"):
        task.losses(Cells(), example)
    with pytest.raises(DataError, match="b: target: id 7"):
        task.losses(Cells(), dataclasses.replace(example, target=list(example.target)))
    with pytest.raises(ValueError, match="no target"):
        task.losses(Cells(), dataclasses.replace(example, target=None))
