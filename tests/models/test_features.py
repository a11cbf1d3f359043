"""Features at any subset of stages, of fresh models and of files with and without a head, for every rank."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import torch
from tiny_models import randomise, tiny

import swinkit as sk
from swinkit.backbone import Patches, SwinConfig, Tokens
from swinkit.files import ConfigError
from swinkit.heads.features import Features
from swinkit.models import Model, load, load_reported
from swinkit.weights import LAYOUTS, Origin, Weights, write_file

SUBSETS = [subset for count in (1, 2, 3) for subset in combinations(range(3), count)]


def save(model: Model, path, without: tuple[str, ...] = ()):
    state = {name: value for name, value in model.state_dict().items() if not name.startswith(without)}
    write_file(path, Weights(config=model.config, state=state, origin=Origin(layout="swinkit")))
    return path


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_file_without_a_head_gives_any_subset_of_its_features(tmp_path, rank, version):
    model = tiny(rank, version, stages=3)
    path, grid = save(model, tmp_path / "backbone.safetensors"), torch.randn(2, 2, *(11,) * rank)
    valid = torch.ones(2, *(11,) * rank, dtype=torch.bool)
    valid[0, ..., 6:] = False
    for mask in (None, valid):
        wanted = model.features(grid, mask)
        whole = load(path)
        assert not whole.training and all(map(torch.equal, whole(grid, mask), wanted))
        for outputs in SUBSETS:
            part, report = load_reported(path, outputs=outputs)
            assert all(map(torch.equal, part(grid, mask), [wanted[stage] for stage in outputs]))
            assert part.levels.channels == tuple(model.config.channels[stage] for stage in outputs)
            assert len(part.backbone.stages) == max(outputs) + 1
            assert not report.missing and set(report.loaded) == set(part.state_dict())


def test_tokens_have_features_too(tmp_path):
    config = SwinConfig(stem=Tokens(vocabulary=30), width=8, depths=(1, 1), heads=(1, 2), window=((4,),))
    model = Model(config, lambda levels: torch.nn.Identity()).eval()
    randomise(model)
    ids = torch.randint(0, 30, (2, 1, 9))
    (found,) = load(save(model, tmp_path / "text.safetensors"), outputs=(0,))(ids)
    assert found.equal(model.features(ids)[0])


def test_norms_that_a_file_lacks_are_new_and_told(tmp_path):
    model = tiny(2, stages=3)
    path = save(model, tmp_path / "backbone.safetensors", without=("backbone.norms.0.", "backbone.norms.1."))
    grid = torch.randn(1, 2, 16, 16)
    loaded, report = load_reported(path, outputs=(1, 2))
    assert report.missing == ("backbone.norms.1.weight", "backbone.norms.1.bias")
    assert "not in the file, left as new: backbone.norms.1.weight" in str(report)
    coarse, finest = loaded(grid)[-1], loaded(grid)[0]
    assert coarse.equal(model.features(grid)[-1])
    torch.testing.assert_close(finest.mean(1), torch.zeros(1, 8, 8), atol=1e-5, rtol=0)
    torch.testing.assert_close(finest.var(1, correction=0), torch.ones(1, 8, 8), atol=1e-3, rtol=0)


def test_a_classifier_gives_its_features_and_the_report_says_what_was_left(tmp_path):
    model = sk.build("swin_t", width=32, heads=(1, 2, 4, 8), classes=5).eval()
    path = tmp_path / "model.pth"
    write_file(path, Weights(config=model.config, state=model.state_dict(), origin=Origin(layout="swinkit")),
               "microsoft", size=224)  # fmt: skip
    grid = torch.randn(1, 3, 64, 64)
    loaded, report = load_reported(path, outputs=(1, 3))
    assert [feature.shape[2:] for feature in loaded(grid)] == [(8, 8), (2, 2)]
    assert loaded(grid)[-1].equal(model.features(grid)[-1])
    assert set(report.unexpected) == {"head.linear.weight", "head.linear.bias"}
    shallow, report = load_reported(path, outputs=(0,))
    assert shallow(grid)[0].shape == (1, 32, 16, 16)
    assert {name.split(".")[2] for name in report.unexpected if ".stages." in name} == {"1", "2", "3"}


@pytest.mark.parametrize("name", ["swin_nano", "swin_nano_1d", "swin_nano_3d"])
def test_fresh_models_return_features(name):
    rank = {"swin_nano": 2, "swin_nano_1d": 1, "swin_nano_3d": 3}[name]
    model = sk.build(name, outputs=(0, 2), depths=(1, 1, 1))
    grid = torch.zeros(1, model.config.stem.channels, *(32,) * rank)
    assert [f.shape for f in model(grid)] == [
        (1, model.config.channels[stage], *(32 // stride for stride in model.config.strides[stage])) for stage in (0, 2)
    ]
    assert not [name for name, _ in model.named_parameters() if name.startswith("head.")]


@pytest.mark.parametrize("outputs", [(), (2, 1), (1, 1), (-1,), (3,), [0, 7]])
def test_stages_that_do_not_exist_are_named(tmp_path, outputs):
    with pytest.raises(ConfigError, match="give rising stage numbers from 0 to 2"):
        sk.build("swin_nano", outputs=outputs)
    path = save(tiny(2, stages=3), tmp_path / "backbone.safetensors")
    with pytest.raises(ConfigError, match=r"backbone\.safetensors: .*give rising stage numbers from 0 to 2"):
        sk.load(path, outputs=outputs)


def test_features_and_classes_are_not_asked_for_together(tmp_path):
    path = save(tiny(2, stages=3), tmp_path / "backbone.safetensors")
    for ask in (lambda **wanted: sk.build("swin_nano", **wanted), lambda **wanted: sk.load(path, **wanted)):
        with pytest.raises(ConfigError, match="ask for one of them"):
            ask(outputs=(1,), classes=3)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_backbone_in_any_layout_gives_its_features(tmp_path, layout):
    """The norms that the layout has are the file's, the others are new and told."""
    rank = 2 if 2 in layout.ranks else layout.ranks[0]
    version = "v1" if layout.written.get("v1") is not None else "v2"
    table = layout.table(4, version)
    stem = Patches(size=(4,) * rank, norm=table.theirs("stem.norm.weight") is not None)
    config = SwinConfig(stem=stem, version=version, width=8, depths=(2, 2, 2, 2), heads=(1, 2, 4, 8),
                        window=((4,) * rank,), small_map=layout.small_map, pad_tokens=layout.pad_tokens)  # fmt: skip
    torch.manual_seed(0)
    model = Model(config, Features).eval()
    randomise(model)
    homeless = [name for name in model.state_dict() if name.startswith("backbone.norms.") and not table.theirs(name)]
    for name in homeless:
        torch.nn.init.constant_(model.get_parameter(name), float(name.endswith("weight")))
    state = {name: value for name, value in model.state_dict().items() if name not in homeless}
    path = tmp_path / ("weights.safetensors" if layout.name == "swinkit" else "weights.pth")
    write_file(path, Weights(config=config, state=state, origin=Origin(layout="swinkit")), layout, size=256)
    told: dict[str, Any] = {"order": layout.orders[0]} if layout.orders[0] else {}
    if version == "v2":
        told |= {"window": 4, "size": 256}
    # headless files of mmpretrain have the names of mmseg's, whose small maps are treated otherwise
    told["changes"] = {"small_map": layout.small_map}
    found, report = load_reported(path, **told)
    assert set(report.missing) == set(homeless)
    grid = torch.randn(1, 3, *(36,) * rank)
    for ours, theirs in zip(found(grid), model(grid), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    some, report = load_reported(path, outputs=(1, 3), **told)
    assert set(report.missing) == {name for name in homeless if name.split(".")[2] in "13"}
    assert all(map(torch.equal, some(grid), (found(grid)[1], found(grid)[3])))
