"""Several inputs joined: what is missing changes nothing, and every parameter has its place."""

from __future__ import annotations

import pytest
import torch
from tiny_models import randomise

from swinkit.backbone import Patches, SwinConfig
from swinkit.engine import Training
from swinkit.engine.diagnose import find
from swinkit.engine.gradients import Gradients
from swinkit.engine.optimise import freeze, make_optimiser
from swinkit.engine.parallel import World
from swinkit.files import ConfigError
from swinkit.heads import PooledTokens
from swinkit.heads.tokens import parts_of
from swinkit.models import Joined, Joining, count, macs, prepare_training, prepared
from swinkit.tasks import Classify
from swinkit.types import Batch, Levels

SPACES = {"image": (12, 10), "audio": (16, 40), "text": (9,)}
CHANNELS = {"image": 3, "audio": 1, "text": 4}


def config(name: str) -> SwinConfig:
    rank = len(SPACES[name])
    return SwinConfig(
        stem=Patches(size=(2,) * rank, channels=CHANNELS[name]), width=8, depths=(1, 1), heads=(1, 2),
        window=((4,) * rank,), small_map="pad", pad_tokens="mask",
    )  # fmt: skip


@pytest.fixture
def model() -> Joined:
    torch.manual_seed(0)
    joining = Joining(tokens=9, width=16, depth=2, heads=2)
    made = Joined({name: config(name) for name in SPACES}, Classify(classes=("a", "b", "c")).head, joining).eval()
    randomise(made)
    return made


def batch(seed: int = 0) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Three samples; the second lacks the sound, the third has a narrower picture."""
    generator = torch.Generator().manual_seed(seed)
    grid = {name: torch.randn(3, CHANNELS[name], *space, generator=generator) for name, space in SPACES.items()}
    valid = {name: torch.ones(3, *space, dtype=torch.bool) for name, space in SPACES.items()}
    valid["audio"][1] = False
    valid["image"][2, :, 6:] = False
    return {name: grid[name] * valid[name][:, None] for name in SPACES}, valid


def test_a_missing_input_is_as_if_it_had_never_been_asked_for(model):
    grid, valid = batch()
    with torch.no_grad():
        whole = model(grid, valid)
        for without in SPACES:
            hidden = {name: each & (name != without) for name, each in valid.items()}
            zeros = {name: each * (name != without) for name, each in grid.items()}
            masked = model(zeros, hidden)
            absent = model({n: g for n, g in grid.items() if n != without}, valid)
            assert masked.isfinite().all()
            torch.testing.assert_close(masked, absent, atol=1e-6, rtol=1e-6)
            changed = (masked - whole).abs().amax(1) > 1e-3
            assert changed.tolist() == [True, without != "audio", True]  # the second has no sound


def test_a_sample_gets_alone_what_it_gets_beside_larger_ones(model):
    grid, valid = batch()
    with torch.no_grad():
        whole = model(grid, valid)
        small = {name: each[2:] for name, each in grid.items()} | {"image": grid["image"][2:, :, :, :6]}
        torch.testing.assert_close(whole[2:], model(small), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(prepared(model)(grid, valid), whole, atol=1e-5, rtol=1e-5)


def test_what_stands_where_nothing_is_valid_does_not_count(model):
    grid, valid = batch()
    other = {name: torch.where(valid[name][:, None], each, 0.0) for name, each in batch()[0].items()}
    other["audio"][1] = 7.0  # the sound that the second sample lacks
    with torch.no_grad():
        torch.testing.assert_close(model(other, valid), model(grid, valid), atol=1e-6, rtol=1e-6)


def test_every_parameter_is_listed_once_learns_and_can_be_frozen(model):
    groups = model.parameter_groups()
    assert sorted(name for name, _, _ in groups) == sorted(name for name, _ in model.named_parameters())
    depths = {name: depth for name, depth, _ in groups}
    assert depths["parts.text.stem.projection.weight"] == 0 and depths["head.linear.weight"] == max(depths.values())
    assert depths["parts.text.head.linear.weight"] < depths["layers.0.linear1.weight"] < depths["norm.weight"]
    decays = {name: kept for name, _, kept in groups}
    assert decays["layers.1.linear2.weight"] and not decays["answer"] and not decays["parts.image.head.places"]
    grid, valid = batch()
    prepare_training(model.train(), recompute=True)(grid, valid).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    optimiser = make_optimiser(model, Training(steps=1, batch=3, optimiser="muon"))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimiser.step()
    assert all(not parameter.equal(before[name]) for name, parameter in model.named_parameters())
    freeze(model, Training(steps=1, batch=3, freeze=1))
    still = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert {name.split(".")[1] for name in still} == set(SPACES) and not any("stages.1" in name for name in still)
    with pytest.raises(ConfigError, match="input image: 3 stages cannot be frozen"):
        freeze(model, Training(steps=1, batch=3, freeze=3))


def labelled(model: Joined) -> Batch:
    grid, valid = batch()
    parts = {name: Batch(grid=grid[name], valid=valid[name], ids=("a", "b", "c")) for name in SPACES}
    return Batch(grid=torch.zeros(3, 0), target=torch.tensor([0, 1, 2]), ids=("a", "b", "c"), parts=parts)


def test_it_learns_a_batch_in_which_an_input_is_missing(model):
    task, seen = Classify(classes=("a", "b", "c")), labelled(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(60):
        value, weight = task.losses(model.train(), seen)["cross_entropy"]
        optimiser.zero_grad()
        (value / weight).backward()
        optimiser.step()
        if value < 0.2:
            break
    assert value < 0.3
    with torch.no_grad():
        assert [each.label for each in task.predict(model.eval(), seen)] == [0, 1, 2]


def test_a_number_that_is_not_finite_is_found_in_the_input_that_has_it(model):
    seen = labelled(model)
    seen.parts["audio"].grid[2, 0, 3, 3] = torch.nan
    device = torch.device("cpu")
    gradients = Gradients(model.train(), Classify(classes=("a", "b", "c")), device, "fp32", 0, World(), 0)
    told = find(gradients, [seen], 0)
    assert told is not None and told.startswith("the input is not finite, then first bad module: parts.audio.stem")
    assert told.endswith("samples c")


def test_it_says_what_it_costs_and_what_it_is_asked(model):
    alone = macs(model, {"image": SPACES["image"]})
    assert count(model) > 0 and model.macs < alone < macs(model, SPACES)
    with pytest.raises(ValueError, match="inputs smell came, wanted some of image, audio, text"):
        model({"smell": torch.zeros(1, 3, 4, 4)})
    with pytest.raises(ValueError, match="inputs none came"):
        model({})
    with pytest.raises(ConfigError, match="width 10, depth 2, 4 heads"):
        Joining(width=10)
    with pytest.raises(ValueError, match="leave them out"):
        prepared(model, [(4, 4)])


def test_cells_are_dealt_to_equal_parts_of_what_a_sample_has():
    valid = torch.zeros(3, 7, dtype=torch.bool)
    valid[0], valid[1, :4], valid[2, :2] = True, True, True
    found = parts_of(valid, 3)
    assert found[0].tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert found[1, :4].tolist() == [0, 0, 1, 2] and found[2, :2].tolist() == [0, 1]
    square = parts_of(torch.ones(1, 4, 4, dtype=torch.bool), 2)
    assert square.view(4, 4).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    head = PooledTokens(Levels(channels=(5,), strides=((1,),)), 3, 5)
    torch.nn.init.eye_(head.linear.weight), torch.nn.init.zeros_(head.linear.bias), torch.nn.init.zeros_(head.places)
    head.norm = torch.nn.Identity()
    x = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(0))
    tokens, there = head([x], [valid], (7,))
    assert there.tolist() == [[True] * 3, [True] * 3, [True, True, False]] and not tokens[2, 2].any()
    torch.testing.assert_close(tokens[0, 1], x[0, :, 3:5].mean(1))
    torch.testing.assert_close(tokens[1, 0], x[1, :, :2].mean(1))


def test_training_asks_for_every_input_alone_as_evaluation_without_the_others_does(model):
    grid, valid = batch()
    with torch.no_grad():
        answers = model.train()(grid, valid).unflatten(0, (1 + len(SPACES), 3))
        model.eval()
        torch.testing.assert_close(answers[0], model(grid, valid))
        for name, answer in zip(SPACES, answers[1:], strict=True):
            alone = model({name: grid[name]}, {name: valid[name]})
            lacks = ~valid[name].flatten(1).any(1)  # the second has no sound: it is answered as a whole
            torch.testing.assert_close(answer, torch.where(lacks[:, None], answers[0], alone), atol=1e-6, rtol=1e-5)
    task, seen = Classify(classes=("a", "b", "c")), labelled(model)
    value, weight = task.losses(model.train(), seen)["cross_entropy"]
    assert weight == 12 and value > 0
