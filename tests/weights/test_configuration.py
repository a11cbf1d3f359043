"""The configuration of a model is found from its tensors alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from weights.classifiers import SIZE, V1, V2, classifier, published

from swinkit import weights
from swinkit.backbone import SIZES
from swinkit.files import CheckpointError

FLAT = [name for name, size in SIZES.items() if size.config.rank == 2 and size.config.stem.kind == "patches"]


@pytest.mark.parametrize("name", FLAT)
def test_microsoft_files_of_every_published_size(name):
    size, model = SIZES[name], published(name)
    state = weights.write(model.state_dict(), model.config, "microsoft", size=size.input)
    read = weights.read({"model": state})
    assert read.config == replace(size.config, drop_path=0.0, small_map="shrink_block", pad_tokens="mask")
    assert read.origin.size == size.input
    assert read.classes == size.classes


@pytest.mark.parametrize("name", FLAT)
def test_timm_files_of_every_published_size(name):
    size, model = SIZES[name], published(name)
    state = weights.write(model.state_dict(), model.config, "timm")
    trained = size.config.bias_windows if size.config.bias_window is not None else None
    given = {"window": size.config.windows[0], "size": size.input, "bias_window": trained}
    read = weights.read(state, **given if size.config.version == "v2" else {})
    assert read.config == replace(size.config, drop_path=0.0, small_map="shrink", pad_tokens="attend")


@pytest.mark.parametrize("name", ["video_swin_t", "video_swin_l_384"])
def test_rank_3_with_a_window_given(name):
    size, model = SIZES[name], published(name)
    read = weights.read(weights.write(model.state_dict(), model.config, "swinkit"), window=size.config.windows[0])
    assert read.config == replace(size.config, drop_path=0.0)


def test_a_rectangular_window_is_read_from_the_index():
    config = replace(V1, window=((2, 4),))
    state = weights.write(classifier(config).state_dict(), config, "microsoft", size=SIZE)
    assert weights.read(state).config == config
    bare = {name: value for name, value in state.items() if "index" not in name and "mask" not in name}
    with pytest.raises(CheckpointError, match="window="):
        weights.read(bare)
    assert weights.read(bare, window=(2, 4)).config.windows == config.windows


def test_v2_without_buffers_asks_for_its_window():
    state = weights.write(classifier(V2).state_dict(), V2, "timm")
    for given in ({}, {"window": 8}):
        with pytest.raises(CheckpointError, match="does not say which windows"):
            weights.read(state, **given)
    cut = weights.read(state, window=8, size=SIZE)
    assert cut.config.windows == ((8, 8), (8, 8), (4, 4))
    with pytest.raises(CheckpointError, match="one a stage"):
        weights.read(state, window=8, size=SIZE, bias_window=6)
    whole = weights.read(state, window=V2.windows, bias_window=(6, 6, 3))
    assert whole.config.bias_windows == V2.bias_windows


def test_masks_alone_tell_windows_and_size():
    """timm's V2 files before 0.9: a stage that never shifts has the window of the one before, cut to its map."""
    config = replace(V2, bias_window=None, small_map="shrink")
    read = weights.read(weights.write(classifier(config).state_dict(), config, "timm_old", size=SIZE))
    assert (read.origin.layout, read.origin.size) == ("timm_old", (SIZE, SIZE))
    assert read.config == config


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("layers.1.blocks.1.mlp.fc1.weight", lambda t: t[:-1], "another architecture"),
        ("layers.1.blocks.0.attn.relative_position_index", lambda t: t.flip(0), "not what the other tensors imply"),
        ("layers.0.blocks.1.attn_mask", lambda t: t * 0, "not what the other tensors imply"),
        ("patch_embed.proj.weight", lambda t: t.flatten(), "no projection"),
        ("layers.0.downsample.reduction.weight", lambda t: t[:, :-8], "joins 3 neighbours"),
    ],
)
def test_tensors_that_contradict_each_other_are_refused(name, spoil, message):
    state = weights.write(classifier(V1).state_dict(), V1, "microsoft", size=SIZE)
    state[name] = spoil(state[name]).clone()
    with pytest.raises(CheckpointError, match=message):
        weights.read(state)


def test_a_window_that_the_table_does_not_have_is_refused():
    state = weights.write(classifier(V1).state_dict(), V1, "timm")
    with pytest.raises(CheckpointError, match="window= is wrong"):
        weights.read(state, window=5)
    with pytest.raises(CheckpointError, match="for each of 3 stages"):
        weights.read(state, window=(4, 4, 4, 4))


def test_reading_does_not_touch_the_file():
    state = weights.write(classifier(V1).state_dict(), V1, "microsoft", size=SIZE)
    before = {name: value.clone() for name, value in state.items()}
    weights.read(state)
    assert all(state[name].equal(value) for name, value in before.items())
    assert torch.is_tensor(state["head.weight"])
