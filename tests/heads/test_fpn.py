from __future__ import annotations

import math

import pytest
import torch

from swinkit.heads import FPN
from swinkit.heads.convolution import Classifier
from swinkit.types import Levels

RANKS = [1, 2, 3]


def pyramid(rank: int, finest: int = 6, batch: int = 2) -> tuple[Levels, list[torch.Tensor]]:
    """Three levels whose maps are not multiples of each other."""
    torch.manual_seed(0)
    sizes, channels = [finest], (4, 8, 16)
    while len(sizes) < 3:
        sizes.append(-(-sizes[-1] // 2))
    levels = Levels(channels=channels, strides=tuple((4 * 2**i,) * rank for i in range(3)))
    return levels, [torch.randn(batch, c, *(s,) * rank) for c, s in zip(channels, sizes, strict=True)]


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("detail", [1, 2, 4])
def test_logits_have_detail_cells_a_token(rank: int, detail: int) -> None:
    levels, features = pyramid(rank, finest=5)
    head = FPN(levels, 3, channels=8, detail=detail)
    logits = head(features, None, (17,) * rank)["logits"]
    assert tuple(logits.shape) == (2, 3, *(5 * detail,) * rank)
    logits.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())


@pytest.mark.parametrize("rank", RANKS)
def test_every_level_reaches_the_logits(rank: int) -> None:
    levels, features = pyramid(rank)
    features = [feature.requires_grad_() for feature in features]
    FPN(levels, 3, channels=8)(features)["logits"].pow(2).sum().backward()
    assert all(feature.grad is not None and feature.grad.abs().amin() > 0 for feature in features)


@pytest.mark.parametrize("rank", RANKS)
def test_samples_do_not_see_each_other_or_the_padding(rank: int) -> None:
    levels, features = pyramid(rank)
    head = FPN(levels, 3, channels=8, detail=2).train()
    together = head(features)["logits"]
    torch.testing.assert_close(head([feature[:1] for feature in features])["logits"], together[:1])
    valid = [torch.ones(2, *feature.shape[2:], dtype=torch.bool) for feature in features]
    for mask in valid:
        mask[1, ..., mask.shape[-1] // 2 :] = False
    clean = head(features, valid)["logits"]
    dirty = [torch.where(mask[:, None], x, 1e3) for x, mask in zip(features, valid, strict=True)]
    torch.testing.assert_close(head(dirty, valid)["logits"], clean)
    torch.testing.assert_close(clean[0], together[0])


@pytest.mark.parametrize("rank", RANKS)
def test_every_cell_of_a_token_has_weights_of_its_own_and_lies_in_order(rank: int) -> None:
    classifier = Classifier(rank, 1, 1, detail=2)
    with torch.no_grad():
        classifier.conv.weight.copy_(torch.arange(2.0**rank).view(1, 1, *(2,) * rank))
    tokens = torch.arange(1.0, 1 + 3**rank).view(1, 1, *(3,) * rank)
    place = torch.arange(2.0**rank).view((2,) * rank)
    expected = torch.kron(tokens[0, 0], place)  # every token, larger, holding its cells
    assert classifier(tokens)[0, 0].equal(expected)


def test_the_prior_is_the_first_answer() -> None:
    levels, features = pyramid(2)
    prior = (0.7, 0.2, 0.1)
    head = FPN(levels, 3, channels=8, detail=2, prior=prior)
    with torch.no_grad():
        head.classifier.conv.weight.zero_()
    share = head(features)["logits"].softmax(1)
    torch.testing.assert_close(share.mean((0, 2, 3)), torch.tensor(prior))
    loss = -(share.clamp_min(1e-9).log().mean((0, 2, 3)) * torch.tensor(prior)).sum()
    assert loss.item() == pytest.approx(-sum(p * math.log(p) for p in prior), rel=1e-4)


def test_auxiliary_output_is_for_training_only() -> None:
    levels, features = pyramid(2)
    head = FPN(levels, 3, channels=8, auxiliary=8)
    assert tuple(head.train()(features)["auxiliary"].shape) == (2, 3, 3, 3)  # the last level but one
    assert set(head.eval()(features)) == {"logits"}
    assert set(FPN(levels, 3, channels=8).train()(features)) == {"logits"}


def test_a_single_level_is_enough() -> None:
    levels = Levels(channels=(4,), strides=((4, 4),))
    assert tuple(FPN(levels, 3, channels=8, auxiliary=8)([torch.randn(1, 4, 5, 5)])["logits"].shape) == (1, 3, 5, 5)


@pytest.mark.parametrize("detail", [0, 3, 8])
def test_detail_that_does_not_divide_the_stride_is_refused(detail: int) -> None:
    with pytest.raises(ValueError, match="does not divide the finest stride"):
        FPN(pyramid(2)[0], 3, detail=detail)


@pytest.mark.parametrize("prior", [(0.5, 0.5), (1.0, 0.0, 0.0)])
def test_a_prior_that_does_not_fit_is_refused(prior: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="positive frequency for each of the 3 classes"):
        FPN(pyramid(2)[0], 3, prior=prior)


def test_states_have_the_documented_names() -> None:
    names = {name.rsplit(".", 1)[0] for name in FPN(pyramid(2)[0], 3).state_dict()}
    assert names == {"laterals.0", "laterals.1", "laterals.2", "smooth.conv", "smooth.norm", "classifier.conv"}
