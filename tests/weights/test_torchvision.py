"""torchvision's files: found from their keys, read and written to the bit, with the rules of their source."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from weights.classifiers import V1, V2, classifier, published

from swinkit import weights
from swinkit.backbone import SIZES, Patches
from swinkit.files import CheckpointError

FLAT = {"v1": V1, "v2": replace(V2, window=((8, 8),), bias_window=None)}
DEEP = replace(V1, stem=Patches(size=(2, 4, 4)), window=((4, 3, 5),), merge=((1, 1, 1), (1, 2, 2), (1, 2, 2)))
LAYOUTS = {"torchvision": list(FLAT.values()), "torchvision_swin3d": [DEEP], "video_swin": [DEEP]}
CASES = [(layout, config) for layout, configs in LAYOUTS.items() for config in configs]
IDS = [f"{layout}-{config.version}" for layout, config in CASES]


def same(one, other):
    return one.keys() == other.keys() and all(one[k].dtype == other[k].dtype and one[k].equal(other[k]) for k in one)


@pytest.mark.parametrize(("layout", "config"), CASES, ids=IDS)
def test_ours_to_theirs_to_ours(layout, config):
    state = classifier(config).state_dict()
    read = weights.read(weights.write(state, config, layout))
    assert read.origin.layout == layout
    assert same(read.state, state)
    policy = {"small_map": weights.LAYOUTS[layout].small_map, "pad_tokens": "attend"}
    assert read.config == replace(config, **policy)


@pytest.mark.parametrize(("layout", "config"), CASES, ids=IDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_theirs_to_ours_to_theirs(layout, config, dtype):
    """With a head that has no place here, a bias of V2's keys, a wrapper, and every float as the file has it."""
    theirs = weights.write(classifier(config).state_dict(), config, layout)
    theirs["auxiliary.weight"] = torch.randn(2, 2)
    for name in theirs:
        if name.endswith("attn.qkv.bias"):
            theirs[name] = torch.randn_like(theirs[name])
    theirs = {f"module.{name}": v.to(dtype) if v.is_floating_point() else v for name, v in theirs.items()}
    read = weights.read({"state_dict": theirs})
    again = weights.write(read.state, read.config, layout, origin=read.origin, leftovers=read.leftovers)
    assert same(again, theirs)


def test_the_bias_of_the_keys_is_kept_apart_and_zero_when_new():
    """torchvision's V2 has one, and sets it to zero in every pass: shifted_window_attention."""
    config = FLAT["v2"]
    theirs = weights.write(classifier(config).state_dict(), config, "torchvision")
    names = [name for name in theirs if name.endswith("attn.qkv.bias")]
    assert len(names) == sum(config.depths)
    assert all(not theirs[name].chunk(3)[1].any() and theirs[name].chunk(3)[0].all() for name in names)
    theirs[names[0]] = theirs[names[0]] + 1
    read = weights.read(theirs)
    assert set(read.leftovers) == {f"{name}[1/3]" for name in names}
    assert read.leftovers[f"{names[0]}[1/3]"].equal(torch.ones(8))
    state, report = weights.fit(read, read.config, classifier(config).state_dict())
    assert report.whole, "nobody misses it"
    assert state["backbone.stages.0.blocks.0.attention.value_bias"].equal(theirs[names[0]].chunk(3)[2])


PICTURES = ("swin_t", "swin_s", "swin_b", "swin_v2_t", "swin_v2_s", "swin_v2_b")
PUBLISHED = [*[("torchvision", name) for name in PICTURES], ("torchvision_swin3d", "video_swin_t"),
             ("video_swin", "video_swin_t")]  # fmt: skip


@pytest.mark.parametrize(("layout", "name"), PUBLISHED)
def test_files_of_every_published_size(layout, name):
    size, model = SIZES[name], published(name)
    read = weights.read(weights.write(model.state_dict(), model.config, layout))
    policy = {"small_map": weights.LAYOUTS[layout].small_map, "pad_tokens": "attend"}
    config = replace(size.config, drop_path=0.0, **policy)
    assert (read.config.windows, read.config.bias_windows) == (config.windows, config.bias_windows)
    assert replace(read.config, window=config.window, bias_window=config.bias_window) == config
    assert read.classes == size.classes


@pytest.mark.parametrize(
    ("layout", "name", "keys"),
    [("torchvision", "swin_t", 185), ("torchvision", "swin_v2_t", 233), ("torchvision_swin3d", "video_swin_t", 185),
     ("video_swin", "video_swin_t", 185)],
)  # fmt: skip
def test_published_files_have_as_many_keys(layout, name, keys):
    """Counted from the state_dict of the projects' own classes."""
    model = published(name)
    assert len(weights.write(model.state_dict(), model.config, layout)) == keys


@pytest.mark.parametrize("prefix", ["backbone.", ""])
def test_video_swin_is_told_from_microsoft_by_its_axes(prefix):
    """Behind `backbone.` as in a recogniser, and the bare backbone, with and without the buffer."""
    theirs = weights.write(classifier(DEEP).state_dict(), DEEP, "video_swin")
    bare = {prefix + name.removeprefix("backbone."): value for name, value in theirs.items() if "cls_head" not in name}
    assert weights.recognise(bare).name == "video_swin"
    read = weights.read({"state_dict": bare})
    assert same(weights.write(read.state, read.config, "video_swin", origin=read.origin), bare)
    without = {name: value for name, value in bare.items() if "index" not in name}
    assert weights.recognise(without).name == "video_swin"
    with pytest.raises(CheckpointError, match="give window="):
        weights.read(without)
    assert weights.read(without, window=(4, 3, 5)).config.windows == DEEP.windows


@pytest.mark.parametrize(
    ("layout", "config", "told"),
    [
        ("torchvision", DEEP, "rank 3 and version v1"),
        ("microsoft", DEEP, "rank 3 and version v1"),
        ("torchvision_swin3d", V1, "rank 2 and version v1"),
        ("video_swin", V2, "rank 2 and version v2"),
    ],
)
def test_a_layout_without_such_models_is_not_written(layout, config, told):
    with pytest.raises(CheckpointError, match=f"the {layout} layout has no models of {told}"):
        weights.write(classifier(config).state_dict(), config, layout, size=64)


def test_the_pictures_names_with_three_axes_are_refused():
    """Such a file is of no layout, and the nearest say why."""
    state = weights.write(classifier(V1).state_dict(), V1, "torchvision")
    name = "features.0.0.weight"
    state[name] = state[name].unsqueeze(2)
    with pytest.raises(CheckpointError, match=r"torchvision does not know features\.0\.0\.weight of 3 axes"):
        weights.read(state)
