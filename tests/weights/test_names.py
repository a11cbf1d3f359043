"""Tables of names work from both sides and give every tensor one name."""

from __future__ import annotations

import pytest
from weights.classifiers import V1, V2, classifier

from swinkit.files import CheckpointError
from swinkit.weights import LAYOUTS, find
from swinkit.weights.names import Names


def test_a_row_translates_there_and_back():
    names = Names((("features.{2s+1}.{b}.attn.{p}", "stages.{s}.blocks.{b}.attention.{p}"),), 4)
    assert names.ours("features.5.0.attn.weight") == "stages.2.blocks.0.attention.weight"
    assert names.theirs("stages.2.blocks.0.attention.weight") == "features.5.0.attn.weight"
    assert names.ours("features.4.0.attn.weight") is None, "no stage s has 2s + 1 = 4"
    assert names.ours("features.5.0.attn.running_mean") is None
    assert names.ours("xfeatures.5.0.attn.weight") is None


def test_a_number_below_the_first_is_no_match():
    assert Names((("layers.{s+1}.{p}", "stages.{s}.{p}"),), 4).ours("layers.0.weight") is None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("config", [V1, V2], ids=["v1", "v2"])
def test_every_tensor_has_one_name_in_every_layout(layout, config):
    state = classifier(config).state_dict()
    table = LAYOUTS[layout].table(len(config.depths))
    theirs = [table.theirs(name) for name in state]
    assert None not in theirs
    assert len(set(theirs)) == len(state)
    assert [table.ours(name) for name in theirs] == list(state)


def test_an_unknown_layout_is_named_with_the_known_ones():
    with pytest.raises(CheckpointError, match="did you mean 'microsoft'"):
        find("microsft")
