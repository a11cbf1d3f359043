from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from swinkit.ops import losses
from swinkit.ops.losses import cross_entropy, dice, frequencies, in_parts, median_frequency
from swinkit.ops.resize import stretch

SPACES = [(7,), (5, 4), (3, 2, 4)]


def example(space: tuple[int, ...], classes: int = 5, batch: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    logits = torch.randn(batch, classes, *space, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, classes, (batch, *space))
    target.view(-1)[::4] = 255
    return logits, target


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_its_definition(space: tuple[int, ...], weighted: bool, smoothing: float) -> None:
    logits, target = example(space)
    weights = torch.tensor([0.5, 1.0, 2.0, 0.0, 3.0], dtype=torch.float64) if weighted else torch.ones(5).double()
    total, weight = cross_entropy(logits, target, weights=weights if weighted else None, smoothing=smoothing)
    log, expected, cells = logits.log_softmax(1), torch.zeros((), dtype=torch.float64), 0.0
    for index in (target != 255).nonzero():
        b, *cell = index.tolist()
        label, row = int(target[(b, *cell)]), log[(b, slice(None), *cell)]
        expected = expected - (1 - smoothing) * weights[label] * row[label] - smoothing / 5 * (weights * row).sum()
        cells += float(weights[label])
    torch.testing.assert_close(total, expected)
    assert float(weight) == pytest.approx(cells)
    (ours,) = torch.autograd.grad(total, logits)
    (theirs,) = torch.autograd.grad(expected, logits)
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("space", SPACES, ids=str)
@pytest.mark.parametrize("loss", [cross_entropy, dice])
def test_all_ignored_gives_zero_loss_weight_and_gradient(space: tuple[int, ...], loss) -> None:
    logits, target = example(space)
    total, weight = loss(logits, torch.full_like(target, 255))
    (slope,) = torch.autograd.grad(total, logits)
    assert total.item() == 0 and weight.item() == 0 and not slope.any()


@pytest.mark.parametrize("loss", [cross_entropy, dice])
def test_ignored_cells_change_nothing(loss) -> None:
    logits, target = example((5, 4))
    other = torch.where((target == 255)[:, None], logits + 100 * torch.randn_like(logits), logits)
    torch.testing.assert_close(loss(logits, target), loss(other, target))


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_dice_is_its_definition(space: tuple[int, ...]) -> None:
    logits, target = example(space)
    total, weight = dice(logits, target)
    expected, pairs = torch.zeros((), dtype=torch.float64), 0
    for b in range(len(target)):
        kept = target[b] != 255
        p, t = logits[b].softmax(0)[:, kept], target[b][kept]
        for c in t.unique().tolist():
            truth = (t == c).double()
            expected = expected + 1 - 2 * (p[c] * truth).sum() / (p[c].sum() + truth.sum())
            pairs += 1
    torch.testing.assert_close(total, expected)
    assert float(weight) == pairs
    slopes = [torch.autograd.grad(value, logits)[0] for value in (total, expected)]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("loss", [cross_entropy, dice])
def test_sums_and_weights_do_not_depend_on_how_the_batch_is_split(loss) -> None:
    logits, target = example((5, 4), batch=4)
    target[0] = 255
    whole = loss(logits, target)
    parts = [loss(logits[i : i + 1], target[i : i + 1]) for i in range(4)]
    torch.testing.assert_close(whole, tuple(sum(values) for values in zip(*parts, strict=True)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("loss", [cross_entropy, dice])
def test_low_precision_logits_are_summed_in_float32(dtype: torch.dtype, loss) -> None:
    logits, target = example((40, 40))
    low = logits.detach().to(dtype)
    total, weight = loss(low, target)
    assert total.dtype == weight.dtype == torch.float32
    torch.testing.assert_close(total, loss(low.float(), target)[0])
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss(low.float(), target)[0], total)


@pytest.mark.parametrize("space, cells", [((9,), (3,)), ((8, 7), (4, 4)), ((4, 6, 4), (2, 3, 2))], ids=str)
@pytest.mark.parametrize("budget", [1, 300, 1 << 22])
def test_losses_in_parts_equal_the_plain_graph(space, cells, budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "BUDGET", budget)
    _, target = example(space, batch=5)
    logits = torch.randn(5, 5, *cells, dtype=torch.float64, requires_grad=True)

    def loss(x: torch.Tensor, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        x = stretch(x, space)
        pairs = [cross_entropy(x, target[part]), dice(x, target[part])]
        return torch.stack([total for total, _ in pairs]), torch.stack([weight for _, weight in pairs])

    (sums, weights), (plain, plain_weights) = in_parts(loss, logits, math.prod(space)), loss(logits, slice(None))
    torch.testing.assert_close((sums, weights), (plain, plain_weights))
    assert not weights.requires_grad
    factors = torch.tensor([0.3, -2.0], dtype=torch.float64)
    (ours,) = torch.autograd.grad((sums * factors).sum(), logits)
    (theirs,) = torch.autograd.grad((plain * factors).sum(), logits)
    torch.testing.assert_close(ours, theirs)
    assert torch.autograd.gradcheck(lambda x: in_parts(loss, x, math.prod(space))[0], logits)


def test_losses_in_parts_run_without_gradients() -> None:
    logits, target = example((5, 4))

    def loss(x: torch.Tensor, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        total, weight = cross_entropy(x, target[part])
        return total[None], weight[None]

    expected = in_parts(loss, logits, 20)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            found = in_parts(loss, logits.detach().clone(), 20)
        torch.testing.assert_close(found, tuple(value.detach() for value in expected))
    low = logits.detach().to(torch.bfloat16).requires_grad_()
    in_parts(loss, low, 20)[0].sum().backward()
    assert low.grad is not None and low.grad.dtype == torch.bfloat16


def test_parts_keep_one_map_a_part_and_not_one_a_batch() -> None:
    """What is saved for the backward pass is as small as the coarse logits."""
    _, target = example((64, 64), batch=8)
    logits = torch.randn(8, 5, 4, 4, requires_grad=True)
    saved: list[int] = []

    def loss(x: torch.Tensor, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
        total, weight = cross_entropy(stretch(x, (64, 64)), target[part])
        return total[None], weight[None]

    sums, _ = in_parts(loss, logits, 64 * 64)
    saved.extend(tensor.numel() for tensor in sums.grad_fn.saved_tensors)
    assert sum(saved) == logits.numel()


def test_median_frequency_is_its_definition() -> None:
    counts, totals = [600, 300, 10, 0], [1000, 1000, 200, 0]
    shares = [0.6, 0.3, 0.05]
    assert median_frequency(counts, totals) == pytest.approx((0.3 / 0.6, 1.0, 0.3 / shares[2], 1.0))
    assert median_frequency(counts, totals, power=0.5) == pytest.approx((0.5**0.5, 1.0, 6.0**0.5, 1.0))
    assert median_frequency([30, 10]) == pytest.approx((0.5 / 0.75, 0.5 / 0.25))
    with pytest.raises(ValueError, match="2 counts but 1 totals"):
        median_frequency([1, 2], [3])


def test_frequencies_add_up_and_are_never_zero() -> None:
    shares = frequencies([90, 10, 0])
    assert sum(shares) == pytest.approx(1) and min(shares) > 5e-4 and shares[0] == pytest.approx(0.9, rel=0.01)
    assert frequencies([0, 0]) == (0.5, 0.5)
    biased = torch.tensor(shares).log()[:, None, None].expand(3, 1, 100)[None]
    target = torch.tensor([0] * 90 + [1] * 10)[None, None]
    assert float(F.cross_entropy(biased, target)) == pytest.approx(
        -(0.9 * math.log(0.9) + 0.1 * math.log(0.1)), rel=0.01
    )
