"""One class for a whole grid."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from task_examples import smallest
from torch import nn

from swinkit.files import ConfigError, DataError
from swinkit.tasks import Classify
from swinkit.types import Batch


class Told(nn.Module):
    """Answers with what it was given, and remembers what it saw."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, grid: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
        self.seen = grid
        return self.logits[: len(grid)]


def batch(target: list[int]) -> Batch:
    return Batch(grid=torch.randn(len(target), 1, 8, 8), target=torch.tensor(target))


def test_the_loss_is_torchs_with_smoothing_weights_and_unlabelled_samples():
    logits, target = torch.randn(5, 3), [0, 2, -1, 1, 2]
    weights = (0.5, 1.0, 2.0)
    task = Classify(classes=("a", "b", "c"), smoothing=0.1)
    total, count = task.losses(Told(logits), batch(target))["cross_entropy"]
    wanted = F.cross_entropy(logits, torch.tensor(target), ignore_index=-1, label_smoothing=0.1, reduction="sum")
    torch.testing.assert_close(total, wanted)
    assert count == 4
    weighted = Classify(classes=("a", "b", "c"), class_weights=weights)
    total, count = weighted.losses(Told(logits), batch(target))["cross_entropy"]
    wanted = F.cross_entropy(logits, torch.tensor(target), torch.tensor(weights), ignore_index=-1, reduction="sum")
    torch.testing.assert_close(total, wanted)
    assert count == pytest.approx(0.5 + 2 + 1 + 2)


@pytest.mark.parametrize("how", [{"mixup": 0.8}, {"cutmix": 1.0}, {"mixup": 0.8, "cutmix": 1.0}])
def test_mixed_labels_follow_what_is_seen(how):
    """Where every sample shows its own number, the labels can be read off what the model was shown."""
    task = Classify(classes=("a", "b", "c"), **how)
    grid = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1, 1).expand(3, 1, 16, 16)
    plain = Batch(grid=grid, target=torch.tensor([0, 1, 2]))
    for seed in range(8):
        torch.manual_seed(seed)
        model = Told(torch.randn(3, 3)).train()
        total, count = task.losses(model, plain)["cross_entropy"]
        seen = model.seen.mean((1, 2, 3))
        own = torch.tensor([0.0, 1.0, 2.0])
        share = (seen - own.roll(1)) / (own - own.roll(1))
        labels = F.one_hot(torch.arange(3), 3) * share[:, None] + F.one_hot(torch.arange(3), 3).roll(1, 0) * (
            1 - share[:, None]
        )
        torch.testing.assert_close(total, -(labels * model.logits.log_softmax(1)).sum(), rtol=1e-4, atol=1e-4)
        assert count == pytest.approx(3)
    model.eval()
    task.losses(model, plain)
    assert model.seen.equal(grid)


class Dropping(nn.Module):
    """Answers otherwise every time it is asked."""

    def __init__(self, *answers: torch.Tensor) -> None:
        super().__init__()
        self.answers = nn.ParameterList(answers)
        self.asked = 0

    def forward(self, grid: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
        self.asked += 1
        return self.answers[(self.asked - 1) % len(self.answers)]


def test_consistency_is_the_loss_of_r_drop():
    """Half of what Liang et al. 2021 say in section 2: there both cross-entropies are added."""
    torch.manual_seed(0)
    target = [0, 2, -1, 1]
    known, model = torch.tensor(target) >= 0, Dropping(torch.randn(4, 3), torch.randn(4, 3)).train()
    task = Classify(classes=("a", "b", "c"), smoothing=0.1, consistency=3.0)
    losses = task.losses(model, batch(target))
    (total, count), (p, q) = losses["consistent_cross_entropy"], (answer.log_softmax(1) for answer in model.answers)
    both = sum(
        F.cross_entropy(each, torch.tensor(target), ignore_index=-1, label_smoothing=0.1, reduction="sum")
        for each in model.answers
    )
    apart = sum(F.kl_div(x[known], y[known], log_target=True, reduction="sum") for x, y in ((p, q), (q, p)))
    torch.testing.assert_close(total, (both + 3.0 * apart / 2) / 2)
    assert count == 3 and model.asked == 2 and list(losses) == ["consistent_cross_entropy"]
    total.backward()
    assert all(answer.grad.abs().sum() > 0 for answer in model.answers)


def test_consistency_is_for_training_and_zero_where_nothing_is_dropped():
    task, plain = Classify(classes=("a", "b", "c"), consistency=3.0), Classify(classes=("a", "b", "c"))
    model, data = Told(torch.randn(3, 3)), batch([0, -1, 2])
    wanted, _ = plain.losses(model, data)["cross_entropy"]
    torch.testing.assert_close(task.losses(model.train(), data)["consistent_cross_entropy"][0], wanted)
    torch.testing.assert_close(task.losses(model.eval(), data)["cross_entropy"][0], wanted)


def test_mixing_never_happens_at_probability_zero():
    task = Classify(classes=("a", "b"), mixup=0.8, mixed=0.0)
    data, model = batch([0, 1]), Told(torch.randn(2, 2)).train()
    task.losses(model, data)
    assert model.seen.equal(data.grid)


def test_only_the_coarsest_map_is_looked_at():
    task, _, model = smallest("classify", 2)
    assert task.outputs == (-1,) and len(model.head.linear.weight) == 2
    with pytest.raises(DataError, match=r"x: target: 7 is no class \(0 to 1\)"):
        task.losses(model, Batch(grid=torch.randn(1, 3, 16, 16), target=torch.tensor([7]), ids=("x",)))


def test_flip_averages_over_the_mirror_image():
    task, data, model = smallest("classify", 2)
    data = Batch(grid=data.grid, ids=data.ids)
    model.eval()
    both = Classify(classes=task.classes, flip=True)
    mirrored = Batch(grid=data.grid.flip(-1), ids=data.ids)
    with torch.inference_mode():
        one, other, mean = (
            torch.stack([p.scores for p in t.predict(model, d)])
            for t, d in ((task, data), (task, mirrored), (both, data))
        )
    torch.testing.assert_close(mean, (one + other) / 2)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"classes": ("a",)}, "classes"),
        ({"smoothing": 1.0}, "smoothing"),
        ({"mixup": -1.0}, "mixup"),
        ({"mixed": 1.5}, "mixed"),
        ({"class_weights": (1.0,)}, "class_weights"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Classify(**{"classes": ("a", "b"), **wrong})


def test_an_answer_says_its_best_classes():
    task = Classify(classes=tuple("abcdef"))
    (answer,) = task.predict(Told(torch.tensor([[0.0, 3.0, 1.0, 0.0, 0.0, 2.0]])), batch([0]))
    assert answer.label == 1 and [name for name, _ in answer.best(3)] == ["b", "f", "c"]
    plain = answer.to_json()
    assert (
        plain["class"] == "b" and len(plain["best"]) == 5 and plain["score"] == pytest.approx(answer.scores[1].item())
    )
