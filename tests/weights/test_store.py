"""Weight files on disk."""

from __future__ import annotations

import json

import pytest
import torch
from weights.classifiers import SIZE, V1, V2, classifier

from swinkit import weights
from swinkit.backbone import SIZES
from swinkit.files import CheckpointError
from swinkit.files.tensors import read_tensors, write_tensors
from swinkit.models import build


def same(one, other):
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


@pytest.mark.parametrize("config", [V1, V2], ids=["v1", "v2"])
def test_a_published_kind_of_file_survives_ours(tmp_path, config):
    """microsoft .pth -> swinkit safetensors -> microsoft .pth, bit for bit, with a head that has no place."""
    theirs = weights.write(classifier(config).state_dict(), config, "microsoft", size=SIZE) | {"extra.w": torch.ones(2)}
    torch.save({"model": theirs, "epoch": 3, "max_accuracy": 81.2}, tmp_path / "a.pth")
    first = weights.read_file(tmp_path / "a.pth")
    weights.write_file(tmp_path / "b.safetensors", first)
    second = weights.read_file(tmp_path / "b.safetensors")
    assert (second.config, second.origin) == (first.config, first.origin)
    weights.write_file(tmp_path / "c.pth", second, "microsoft")
    assert same(torch.load(tmp_path / "c.pth", weights_only=True)["model"], theirs)


def test_timm_files_are_flat(tmp_path):
    found = weights.read(weights.write(classifier(V1).state_dict(), V1, "timm"))
    for name in ("a.safetensors", "a.pth"):
        weights.write_file(tmp_path / name, found, "timm")
        assert "head.fc.weight" in read_tensors(tmp_path / name).tensors
        assert same(weights.read_file(tmp_path / name).state, found.state)


@pytest.mark.parametrize("name", ["swin_nano", "swin_nano_1d", "swin_nano_3d"])
def test_our_own_sizes_need_no_other_layout(tmp_path, name):
    model = build(name, width=24, heads=(1, 2, 4), depths=(1, 1, 1), classes=3)
    origin = weights.Origin(layout="swinkit")
    weights.write_file(
        tmp_path / "a.safetensors", weights.Weights(config=model.config, state=model.state_dict(), origin=origin)
    )
    back = weights.read_file(tmp_path / "a.safetensors")
    assert back.config == model.config
    assert same(back.state, model.state_dict())


@pytest.mark.parametrize("size", SIZES)
def test_every_configuration_survives_json(size):
    from dataclasses import asdict

    config = SIZES[size].config
    assert weights.config_from(json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("{", "no JSON"),
        ("[]", "not a table"),
        ('{"widht": 3}', "did you mean 'width'"),
        ('{"stem": {"kind": "patch"}}', "stem.kind 'patch' does not exist; did you mean 'patches'"),
        ('{"width": "wide"}', "swinkit.config"),
        ('{"depths": [2], "heads": [1, 2]}', "differ in length"),
    ],
)
def test_a_spoilt_configuration_is_named(tmp_path, config, message):
    write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(1)}, {"swinkit.config": config})
    with pytest.raises(CheckpointError, match=message) as error:
        weights.read_file(tmp_path / "a.safetensors")
    assert str(error.value).startswith(str(tmp_path / "a.safetensors"))
