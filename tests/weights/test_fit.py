"""Weights for a model of another configuration, and the report on every tensor."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_models import tiny
from torch.nn import functional as F
from weights.classifiers import SIZE, V1, V2, classifier

from swinkit import weights
from swinkit.files import CheckpointError


def read(config, **options):
    state = weights.write(classifier(config).state_dict(), config, "microsoft", size=SIZE)
    return weights.read(state, **options)


def fitted(config, into, classes=5, **options):
    model = classifier(into, classes, seed=1)
    state, report = weights.fit(read(config), into, model.state_dict(), **options)
    model.load_state_dict(state, strict=True)
    return model, report


@pytest.mark.parametrize("config", [V1, V2], ids=["v1", "v2"])
def test_the_same_model_is_whole(config):
    model, report = fitted(config, config)
    x = torch.randn(1, 3, SIZE, SIZE)
    assert model(x).equal(classifier(config)(x))
    assert report.whole
    assert (
        str(report)
        == f"{len(model.state_dict())} tensors loaded from the microsoft layout: all of the model, all of the file"
    )


def test_another_number_of_classes_keeps_the_head_new():
    model, report = fitted(V1, V1, classes=7)
    assert model.head.linear.bias.equal(classifier(V1, 7, seed=1).head.linear.bias)
    assert [(r.name, r.before, r.after, r.fresh) for r in report.reshaped] == [
        ("head.linear.weight", (5, 32), (7, 32), True),
        ("head.linear.bias", (5,), (7,), True),
    ]
    assert not {"head.linear.weight", "head.linear.bias"} & set(report.loaded)
    assert "head.linear.weight: [5, 32] -> [7, 32], 5 classes -> 7, left as new" in str(report)
    assert report.to_json()["reshaped"][0]["after"] == [7, 32]


@pytest.mark.parametrize("channels", [1, 2, 4, 5, 6])
def test_other_channels_answer_alike_to_channels_that_are_alike(channels):
    model, report = fitted(V1, replace(V1, stem=replace(V1.stem, channels=channels)))
    grey = torch.randn(1, 1, SIZE, SIZE)
    wanted = classifier(V1)(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(model(grey.expand(-1, channels, -1, -1)), wanted, rtol=1e-4, atol=1e-4)
    assert [r.name for r in report.reshaped] == ["stem.projection.weight"]


def test_channels_follow_the_published_cases():
    filters = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(weights.adapt_channels(filters, 1), filters.sum(1, keepdim=True))
    torch.testing.assert_close(weights.adapt_channels(filters, 6), filters.repeat(1, 2, 1, 1) / 2)


def test_v1_windows_are_resampled():
    into = replace(V1, window=((6, 6),))
    model, report = fitted(V1, into)
    assert len(report.reshaped) == 6
    before = classifier(V1).backbone.stages[1].blocks[1].attention.bias.table
    wanted = F.interpolate(before.t().view(1, -1, 7, 7), size=(11, 11), mode="bicubic")[0].flatten(1).t()
    torch.testing.assert_close(model.backbone.stages[1].blocks[1].attention.bias.table, wanted, rtol=1e-5, atol=1e-5)
    assert "window (4, 4) -> (6, 6), uniform spacing" in str(report)


def test_windows_of_equal_area_are_told_apart():
    """Tables of windows 2 x 4 and 4 x 2 have the same shape."""
    config, into = replace(V1, window=((2, 4),)), replace(V1, window=((4, 2),))
    _, report = fitted(config, into)
    assert len(report.reshaped) == 6


def test_v2_serves_any_window_but_not_another_training_window():
    into = replace(V2, window=((4, 4),))
    _, report = fitted(V2, into)
    assert report.whole
    with pytest.raises(CheckpointError, match="outputs would change silently"):
        fitted(V2, replace(V2, bias_window=None))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 16}, "width 8 in the file, 16 in the model"),
        ({"depths": (2, 4, 2)}, r"depths \(2, 2, 2\) in the file, \(2, 4, 2\) in the model"),
        ({"heads": (1, 1, 1)}, "heads"),
        ({"version": "v2", "mlp_ratio": 2.0}, "version v1 in the file, v2 in the model; mlp_ratio"),
        ({"stem": replace(V1.stem, size=(2, 2))}, "stem"),
    ],
)
def test_another_architecture_is_refused(change, message):
    with pytest.raises(CheckpointError, match=message):
        fitted(V1, replace(V1, **change))


def test_a_backbone_with_another_head_needs_permission():
    model = tiny(2, stages=3, patch=4, stem=V1.stem, small_map=V1.small_map)
    with pytest.raises(
        CheckpointError, match=r"lacks backbone\.norms\.\*\.weight \(2\).*the model has no head\.linear"
    ):
        weights.fit(read(V1), model.config, model.state_dict())
    state, report = weights.fit(read(V1), model.config, model.state_dict(), optional=("head.", "backbone.norms."))
    assert set(report.missing) == {f"backbone.norms.{s}.{p}" for s in (0, 1) for p in ("weight", "bias")}
    assert set(report.unexpected) == {"head.linear.weight", "head.linear.bias"}
    assert all(state[name].equal(classifier(V1).state_dict()[name]) for name in report.loaded)
    assert "not in the file, left as new: backbone.norms.*.weight (2)" in str(report)


def test_heads_without_a_place_are_reported():
    state = weights.write(classifier(V1).state_dict(), V1, "timm") | {"head_dist.weight": torch.zeros(1)}
    found, model = weights.read(state), classifier(V1)
    with pytest.raises(CheckpointError, match=r"no head here takes head_dist\.weight"):
        weights.fit(found, V1, model.state_dict())
    _, report = weights.fit(found, V1, model.state_dict(), optional=("head.",))
    assert report.unexpected == ("head_dist.weight",)


def test_nothing_in_common_is_an_error():
    with pytest.raises(CheckpointError, match="none of the"):
        weights.fit(read(V1), V1, {"other": torch.zeros(1)}, optional=("",))


def test_half_precision_is_widened():
    found = read(V1)
    half = weights.Weights(config=V1, state={k: v.half() for k, v in found.state.items()}, origin=found.origin)
    state, _ = weights.fit(half, V1, classifier(V1).state_dict())
    assert {value.dtype for value in state.values()} == {torch.float32}
