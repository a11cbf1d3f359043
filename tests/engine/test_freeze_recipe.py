"""`training.freeze` of a recipe, from the command line to the weights of the run."""

from __future__ import annotations

import json

import pytest
from tiny_runs import TINY, mask_folder, settings

import swinkit as sk
from swinkit.cli.main import main
from swinkit.engine import read_weights
from swinkit.files import ConfigError
from swinkit.recipes.parts import make_model
from swinkit.recipes.plain import read


def test_a_setting_freezes_the_stages_of_a_run_and_of_its_continuation(tmp_path):
    data, out = mask_folder(tmp_path / "data"), tmp_path / "run"
    words = ["train", "segment", str(data), "--out", str(out), *settings(training__freeze=1, training__ema=0.9)]
    assert main(words) == 0
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["training"]["freeze"] == 1
    fresh, last = make_model(read(out / "recipe.json")).state_dict(), out / "checkpoints" / "step-6"
    learnt = read_weights(last)
    for name, value in learnt.items():
        frozen = name.startswith(("stem.", "backbone.stages.0.", "backbone.norms.0."))
        assert value.equal(fresh[name]) == frozen, name
    assert main(["train", "--resume", "3", "--out", str(out)]) == 0
    assert all(value.equal(learnt[name]) for name, value in read_weights(last).items())


def test_more_stages_than_the_model_has_are_an_error_of_the_recipe(tmp_path):
    with pytest.raises(ConfigError, match=r"training\.freeze: 3 stages, 'swin_nano' has 2: give 0 to 2"):
        sk.recipes.segment(mask_folder(tmp_path / "data"), changes=TINY | {"training.freeze": 3})
