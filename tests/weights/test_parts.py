"""Tensors that a layout splits, joins or reorders come back bit for bit; parts without a place here are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F
from weights.classifiers import V1, V2, classifier

from swinkit import weights
from swinkit.files import CheckpointError
from swinkit.weights import LAYOUTS, Layout
from swinkit.weights.names import Names
from swinkit.weights.parts import gather, scatter
from swinkit.weights.reading import choose, unwrap
from swinkit.weights.recognise import match
from swinkit.weights.reorder import REORDERS

JOINED = (("a.{b}.q", "{b}.qkv[0/3]"), ("a.{b}.k", "{b}.qkv[1/3]"), ("a.{b}.v", "{b}.qkv[2/3]"))
SPLIT = (("a.{b}.qkv[0/3]", "{b}.q"), ("a.{b}.qkv[1/3]", None), ("a.{b}.qkv[2/3]", "{b}.v"), ("norm.{p}", "n.{p}"))


def same(one, other):
    return one.keys() == other.keys() and all(one[k].dtype == other[k].dtype and one[k].equal(other[k]) for k in one)


def through(rows, state, prefix=""):
    """To ours and back, by a table."""
    names = Names(rows, 1, prefix)
    ours, kept = gather(state, [move for name in state for move in names.moves(name)])
    written, homeless = scatter(ours, names, kept)
    assert not homeless
    return ours, kept, written


def test_three_tensors_become_one_and_three_again():
    state = {f"a.0.{part}": torch.randn(2, 4) for part in "vqk"}
    ours, kept, written = through(JOINED, state)
    assert list(ours) == ["0.qkv"]
    assert ours["0.qkv"].equal(torch.cat([state["a.0.q"], state["a.0.k"], state["a.0.v"]]))
    assert not kept
    assert same(written, state)


def test_one_tensor_becomes_two_and_the_third_part_is_kept():
    state = {"a.4.qkv": torch.randn(6), "norm.weight": torch.randn(2)}
    ours, kept, written = through(SPLIT, state)
    assert ours["4.q"].equal(state["a.4.qkv"][:2])
    assert ours["4.v"].equal(state["a.4.qkv"][4:])
    assert same(kept, {"a.4.qkv[1/3]": state["a.4.qkv"][2:4]})
    assert same(written, state)


def test_a_part_that_nobody_has_is_zero_when_written_fresh():
    written, _ = scatter({"0.q": torch.ones(2), "0.v": torch.ones(2)}, Names(SPLIT, 1), {})
    assert written["a.0.qkv"].tolist() == [1, 1, 0, 0, 1, 1]


def test_a_part_that_we_ought_to_have_is_not_made_up():
    with pytest.raises(CheckpointError, match=r"a\.0\.qkv has only 2 of its 3 parts"):
        scatter({"0.q": torch.ones(2)}, Names(SPLIT, 1), {})


def test_a_prefix_stands_before_parts_too():
    state = {f"x.a.0.{part}": torch.randn(2, 4) for part in "qkv"}
    assert same(through(JOINED, state, "x.")[2], state)
    assert Names(JOINED, 1, "x.").moves("a.0.q") == ()


def test_parts_that_do_not_go_together_are_an_error():
    names = Names(JOINED, 1)
    state = {"a.0.q": torch.zeros(2), "a.0.k": torch.zeros(3), "a.0.v": torch.zeros(2)}
    with pytest.raises(CheckpointError, match=r"parts of 0\.qkv do not go together"):
        gather(state, [move for name in state for move in names.moves(name)])
    with pytest.raises(CheckpointError, match="not 3 equal parts"):
        gather({"a.0.qkv": torch.zeros(7)}, Names(SPLIT, 1).moves("a.0.qkv"))


@pytest.mark.parametrize("how", REORDERS)
@pytest.mark.parametrize("rows", [(), (6,)], ids=["norm", "reduction"])
def test_every_order_has_its_inverse(how, rows):
    value = torch.randn(*rows, 48)
    read, write = REORDERS[how]
    assert write(read(value)).equal(value)
    assert read(write(value)).equal(value)
    assert not read(value).equal(value)


def test_unfolds_order_is_that_of_unfold():
    """A merging of two rows and columns: the neighbours as we join them, times the reordered weight."""
    x, weight = torch.randn(1, 5, 2, 2, dtype=torch.float64), torch.randn(3, 20, dtype=torch.float64)
    wanted = F.unfold(x, 2, stride=2)[0, :, 0] @ weight.t()
    neighbours = torch.cat([x[0, :, 0, 0], x[0, :, 1, 0], x[0, :, 0, 1], x[0, :, 1, 1]])
    assert torch.allclose(neighbours @ REORDERS["unfold"][0](weight).t(), wanted)


def test_neighbours_that_are_not_four_are_an_error():
    rows = (("w", "m", "unfold"),)
    with pytest.raises(CheckpointError, match="whose last axis"):
        gather({"w": torch.zeros(2, 6)}, Names(rows, 1).moves("w"))


THEIRS, OURS = "layers.{s}.blocks.{b}.attn.", "backbone.stages.{s}.blocks.{b}.attention."
OTHERWISE = ("qkv.{p}", "q_bias", "v_bias", "reduction.weight")
SPLITTING = replace(
    LAYOUTS["microsoft"],
    name="splitting",
    only={
        "v1": ((THEIRS + "qkv.bias", OURS + "qkv.bias"),),
        "v2": (
            (THEIRS + "qkv.bias[0/3]", OURS + "query_bias"),
            (THEIRS + "qkv.bias[1/3]", None),
            (THEIRS + "qkv.bias[2/3]", OURS + "value_bias"),
        ),
    },
    names=(
        *(row for row in LAYOUTS["microsoft"].names if not row[0].endswith(OTHERWISE)),
        (THEIRS + "qkv.weight", OURS + "qkv.weight"),
        ("layers.{s}.downsample.reduction.weight", "backbone.stages.{s+1}.merging.reduction.weight", "unfold"),
        ("layers.{s}.gate", None),
    ),
    prefixes=("body{v}.", "", "inside.body."),
    written={"v1": (), "v2": ()},
)


@pytest.mark.parametrize("config", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("place", range(4))
def test_a_layout_behind_any_of_its_prefixes_comes_back(config, place):
    prefix = SPLITTING.places()[place]
    state = classifier(config).state_dict()
    fresh = weights.write(state, config, SPLITTING)
    first = SPLITTING.place(config.version)
    assert all(name.startswith((first, "head.")) for name in fresh)
    theirs = {prefix + name.removeprefix(first) if name.startswith(first) else name: v for name, v in fresh.items()}
    theirs |= {f"{prefix}layers.0.gate": torch.randn(2), "decoder.weight": torch.randn(3)}
    if config.version == "v2":
        theirs[f"{prefix}layers.1.blocks.0.attn.qkv.bias"] = torch.randn(48)
    found = match(theirs, SPLITTING)
    assert (found.distance, found.prefix, found.version) == (0, prefix, config.version)
    ours, kept = gather(theirs, found.moves)
    assert ours.keys() == state.keys()
    origin = weights.Origin(layout="splitting", place=found.prefix)
    leftovers = {name: theirs[name] for name in found.leftovers} | kept
    again = weights.write(ours, config, SPLITTING, origin=origin, leftovers=leftovers)
    assert same(again, theirs)


def test_tensors_behind_a_prefix_that_no_row_knows_are_strange():
    theirs = weights.write(classifier(V1).state_dict(), V1, SPLITTING)
    assert match(theirs | {"body.layers.0.other": torch.zeros(1)}, SPLITTING).strange == ("body.layers.0.other",)


def test_a_tensor_given_twice_is_strange():
    twice = replace(SPLITTING, names=(("layers.{s}.norm.{p}", "backbone.norms.{s}.{p}"), *SPLITTING.names))
    theirs = weights.write(classifier(V1).state_dict(), V1, SPLITTING)
    found = match(theirs | {"body.layers.2.norm.weight": torch.zeros(32)}, twice)
    assert found.strange == ("body.layers.2.norm.weight",)


def test_a_refusal_holds_only_where_no_other_layout_fits():
    theirs = weights.write(classifier(V1).state_dict(), V1, SPLITTING) | {"body.layers.0.gate": torch.zeros(1)}
    refusing: Layout = replace(SPLITTING, name="refusing", refused=((r"layers\.\d+\.gate", "a gated Swin"),))
    assert choose(unwrap(theirs)[0], [refusing, SPLITTING]).layout is SPLITTING
    with pytest.raises(CheckpointError, match=r"body\.layers\.0\.gate: this is a gated Swin"):
        choose(unwrap(theirs)[0], [refusing])
