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


HELD = [
    (name, config)
    for name, layout in LAYOUTS.items()
    for config in (V1, V2)
    if config.version in layout.written and config.rank in layout.ranks
]
WITHOUT_NORMS = ("monai_2d",)
"""Layouts whose sources normalise outputs without weights."""


@pytest.mark.parametrize(("layout", "config"), HELD, ids=lambda value: getattr(value, "version", value))
def test_every_tensor_has_a_place_of_its_own_in_every_layout(layout, config):
    layout = LAYOUTS[layout]
    table = layout.table(len(config.depths), config.version, layout.place(config.version))
    left_out = ("head.", "backbone.norms.") if layout.name in WITHOUT_NORMS else "head."
    names = [name for name in classifier(config).state_dict() if not name.startswith(left_out)]
    assert all(table.sources(name) for name in names)
    places = [(move.theirs, move.part) for name in names for move in table.sources(name)]
    assert len(set(places)) == len(places)
    back = {move.ours for theirs, _ in places for move in table.moves(theirs)}
    assert back - {None} == set(names)


def test_an_unknown_layout_is_named_with_the_known_ones():
    with pytest.raises(CheckpointError, match="did you mean 'microsoft'"):
        find("microsft")
