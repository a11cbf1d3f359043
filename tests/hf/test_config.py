"""The configuration carries ours, survives its JSON, and says what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

import pytest
from hf.tiny_bridges import config
from transformers import AutoConfig

from swinkit.backbone import SIZES, SwinConfig
from swinkit.files import ConfigError
from swinkit.hf import SwinkitConfig


@pytest.mark.parametrize("name", SIZES)
def test_a_named_size_comes_back_from_its_file(name, tmp_path):
    before = SwinkitConfig.named(name, id2label={0: "sky", 1: "road", 2: "tree"})
    before.save_pretrained(tmp_path)
    after = AutoConfig.from_pretrained(tmp_path)
    assert type(after) is SwinkitConfig
    assert after.swin == before.swin == SIZES[name].config
    assert after.classes == ("sky", "road", "tree")
    here = {"_name_or_path": after._name_or_path, "transformers_version": after.transformers_version}
    assert after.to_dict() == before.to_dict() | here


def test_the_file_says_every_field_of_the_backbone(tmp_path):
    config().save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    assert {field.name for field in fields(SwinConfig)} < set(written)
    assert written["model_type"] == "swinkit"
    assert written["stem"] == {"kind": "patches", "size": [2, 2], "channels": 3}


def test_fields_of_a_named_size_can_be_changed():
    found = SwinkitConfig.named("swin_t", width=48, channels=1, num_labels=7)
    assert (found.width, found.num_channels, found.hidden_size, found.num_labels) == (48, 1, 384, 7)
    assert SwinkitConfig.of(found.swin).swin == found.swin
    assert asdict(found.swin)["depths"] == (2, 2, 6, 2)


def test_outputs_are_stages_by_name_or_place():
    assert config().out_features == ["stage3"]
    assert config(out_features=["stem", "stage2"]).out_indices == [0, 2]
    assert config(out_indices=[1, 3]).out_features == ["stage1", "stage3"]
    with pytest.raises(ValueError, match="stage9"):
        config(out_features=["stage9"])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"heads": (3, 2, 4)}, "heads"), ({"version": "v3"}, "version"), ({"stem": {"kind": "waves"}}, "waves")],
)
def test_an_impossible_value_is_named(wrong, named):
    with pytest.raises(ConfigError, match=named):
        config(**wrong)


def test_an_unknown_size_names_the_nearest():
    with pytest.raises(ConfigError, match="swin_nano"):
        SwinkitConfig.named("swin_nan")
