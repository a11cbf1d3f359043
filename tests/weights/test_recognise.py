"""The layout is found from the keys, and what fits none is refused with what differs."""

from __future__ import annotations

import pytest
import torch
from weights.classifiers import SIZE, V1, V2, classifier

from swinkit import weights
from swinkit.files import CheckpointError


def file(layout, config=V1):
    return weights.write(classifier(config).state_dict(), config, layout, size=SIZE)


@pytest.mark.parametrize(
    ("layout", "config"),
    [
        ("microsoft", V1),
        ("microsoft", V2),
        ("timm", V1),
        ("timm", V2),
        ("timm_old", V2),
        ("swinkit", V1),
        ("swinkit", V2),
    ],
)
def test_every_layout_is_recognised(layout, config):
    assert weights.recognise(file(layout, config)).name == layout


def test_merging_decides_without_a_head():
    for layout in ("microsoft", "timm"):
        state = {
            k: v for k, v in file(layout).items() if not k.startswith("head") and "index" not in k and "mask" not in k
        }
        assert weights.recognise(state).name == layout


@pytest.mark.parametrize("buffer", ["index", "mask"])
def test_timm_files_of_the_time_between_still_had_buffers(buffer):
    old = {k: v for k, v in file("microsoft").items() if buffer in k}
    read = weights.read(file("timm") | old)
    assert read.origin.layout == "timm"
    written = weights.write(read.state, read.config, "timm", origin=read.origin)
    assert written.keys() == file("timm").keys() | old.keys()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"model": s},
        lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}, "epoch": torch.tensor(3)},
        lambda s: {"model": {f"_orig_mod.module.{k}": v for k, v in s.items()}, "optimizer": {"state": {}}},
    ],
)
def test_wrappers_are_taken_off(wrap):
    assert weights.recognise(wrap(file("microsoft"))).name == "microsoft"


def test_a_part_can_be_chosen():
    plain, smooth = file("timm"), {k: v + 1 for k, v in file("timm").items()}
    read = weights.read({"state_dict": plain, "state_dict_ema": smooth}, part="state_dict_ema")
    assert read.state["head.linear.bias"].equal(smooth["head.fc.bias"])
    with pytest.raises(CheckpointError, match="it holds state_dict"):
        weights.read({"state_dict": plain}, part="ema")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absolute_pos_embed", "absolute position embedding"),
        ("patch_embed.proj.0.weight", "several convolutions"),
        ("layers.2.blocks.1.mlp._moe_layer.gates.0.wg.weight", "mixture of experts"),
        ("layers.0.blocks.0.spatial_mlp.weight", "Swin-MLP"),
        ("layers.0.blocks.1.norm3.weight", "third norm"),
        ("stages.0.blocks.0.attn.meta_mlp.fc1.weight", "V2-CR"),
    ],
)
def test_other_architectures_are_refused_by_name(name, message):
    with pytest.raises(CheckpointError, match=message):
        weights.read(file("microsoft") | {name: torch.zeros(1)})


def test_what_fits_none_lists_the_nearest_and_what_differs():
    state = file("microsoft")
    del state["layers.1.blocks.0.norm2.bias"]
    state["layers.0.gate"] = torch.zeros(1)
    with pytest.raises(CheckpointError) as error:
        weights.recognise(state)
    text = str(error.value)
    assert (
        "fit no known layout: microsoft lacks backbone.stages.1.blocks.0.norm2.bias and does not know layers.0.gate"
        in text
    )
    assert text.count(";") == 2, "three layouts"


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"model": {}},
        {"conv1.weight": torch.zeros(1), "layer1.0.bn1.weight": torch.zeros(1)},
        {"blocks.0.attn.qkv.weight": torch.zeros(1), "patch_embed.proj.weight": torch.zeros(1)},
        {"features.0.0.weight": torch.zeros(1), "features.1.0.attn.qkv.weight": torch.zeros(1)},
    ],
)
def test_other_files_load_nothing(state):
    with pytest.raises(CheckpointError, match="fit no known layout"):
        weights.read(state)


def test_a_hole_among_the_blocks_is_noticed():
    state = {k: v for k, v in file("timm").items() if not k.startswith("layers.1.blocks.0.")}
    with pytest.raises(CheckpointError, match="fit no known layout"):
        weights.read(state)
