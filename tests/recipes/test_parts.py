"""What a recipe says about keeping decoded samples is what its loaders do."""

from __future__ import annotations

import pytest
from tiny_runs import TINY, mask_folder

import swinkit as sk
from swinkit.recipes.parts import loader, open_data, repeated


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return mask_folder(tmp_path_factory.mktemp("set") / "data")


@pytest.mark.parametrize(("cache", "kept"), [("none", False), ("auto", True), ("memory", True)])
def test_a_split_that_is_read_again_and_again_is_kept_as_the_recipe_says(data, cache, kept):
    recipe = sk.recipes.segment(data, changes=TINY | {"training.cache": cache})
    split = open_data(recipe, "train")
    once, often = loader(recipe, split), repeated(recipe, split)
    assert once.decoded is None and (often.decoded is not None) is kept
    assert (once.batch, once.seed, once.workers) == (often.batch, often.seed, often.workers)
    (one,), (other,) = next(once.steps(3)), next(often.steps(3))
    assert one.ids == other.ids and one.grid.equal(other.grid) and one.target.equal(other.target)
