"""Recipes to plain values and back."""

from __future__ import annotations

import dataclasses
import json

import pytest
from tiny_runs import TINY

import swinkit as sk
from swinkit.engine import Training
from swinkit.files import ConfigError
from swinkit.recipes.plain import differences, from_plain, read, to_plain, write
from swinkit.recipes.text import merged, parse_settings
from swinkit.tasks import Segment


@pytest.fixture(scope="module")
def recipe():
    return sk.recipes.segment("digit_scenes", changes=TINY | {"data.counts": [8, 4, 4]})


def test_a_recipe_survives_its_file(recipe, tmp_path):
    write(recipe, tmp_path / "recipe.json")
    assert read(tmp_path / "recipe.json") == recipe


def test_plain_values_are_json(recipe):
    plain = to_plain(recipe)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["task"]["kind"] == "segment"
    assert plain["data"] == {
        "kind": "digit_scenes",
        "path": "digit_scenes",
        "seed": 0,
        "counts": [8, 4, 4],
        "target": "mask",
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("training.leaning_rate=1", "training.leaning_rate: no such setting"),
        ("training.rates=1", "did you mean 'rate'?"),
        ("trainig.rate=1", "trainig: no such setting: did you mean 'training'?"),
        ("task.kind=segmnt", "task.kind: no task 'segmnt': did you mean 'segment'?"),
        ("task.decoder=fnp", "task.decoder"),
        ("data.kind=cocoa", "data.kind: no data 'cocoa'"),
        ("modality.kind=imge", "did you mean 'image'?"),
        ("model.name=swin_tt", "model: no model 'swin_tt': did you mean 'swin_t'?"),
        ("model.changes.depth=[1]", "did you mean 'depths'?"),
        ("model.changes.depths=[1, 2, 3]", "differ in length"),
        ("model.changes.width=wide", 'model.changes.width: input should be a valid integer, got "wide"'),
        ("training.rate=fast", 'training.rate: input should be a valid number, got "fast"'),
        ("training.batch=2.5", "training.batch: input should be a valid integer"),
        ("training.batch=true", "training.batch: input should be a valid integer"),
        ("training.batch='8'", "training.batch: input should be a valid integer"),
        ("training.batch=0", "training.batch: wanted a whole number of at least 1"),
        ("training.betas=[0.9]", "training.betas"),
        ("training.precision=fp8", "training.precision"),
        ("task.scales=[]", "task: scales"),
        ("modality.mean=[0.5, 0.4]", "modality: mean"),
        ("modality.size=[8]", "modality.size"),
        ("data.counts=[1, 1]", "data.counts"),
        ("training=3", "training: wanted names with values, got 3"),
        ("format=2", "format: 2 is not 1"),
    ],
)
def test_a_wrong_value_is_one_sentence_with_its_path(recipe, change, says):
    with pytest.raises(ConfigError) as caught:
        from_plain(merged(to_plain(recipe), parse_settings([change])), where="recipe.json")
    sentence = str(caught.value)
    assert sentence.startswith("recipe.json: ")
    assert says in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("part", ["task", "data", "model", "modality", "training"])
def test_every_part_is_needed(recipe, part):
    plain = to_plain(recipe)
    del plain[part]
    with pytest.raises(ConfigError, match=f"{part}: is missing"):
        from_plain(plain)


def test_a_model_of_another_rank_is_refused(recipe):
    with pytest.raises(ConfigError, match="is for grids of 1 axes, the data has 2"):
        dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, name="swin_nano_1d", changes={}))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Foreign(Segment):
    """A task that swinkit does not know."""


def test_a_strangers_task_is_named_but_never_brought_back_by_a_file(recipe, tmp_path):
    values = {field.name: getattr(recipe.task, field.name) for field in dataclasses.fields(recipe.task)}
    own = dataclasses.replace(recipe, task=Foreign(**values))
    write(own, tmp_path / "recipe.json")
    assert to_plain(own)["task"]["kind"].endswith(":Foreign")
    with pytest.raises(ConfigError, match=r"task\.kind: no task .*Foreign"):
        read(tmp_path / "recipe.json")
    assert from_plain(to_plain(own), task=own.task) == own


def test_differences_name_every_value_that_differs(recipe):
    other = dataclasses.replace(recipe, training=Training(steps=7, batch=4, rate=0.5))
    found = differences(to_plain(recipe)["training"], to_plain(other)["training"], "training.")
    assert "training.steps: 6, 7" in found
    assert any(line.startswith("training.rate: ") for line in found)
    assert not differences(to_plain(recipe), to_plain(recipe))
