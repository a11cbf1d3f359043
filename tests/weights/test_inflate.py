"""Weights of pictures for video and volumes: published rules, equal features where theory says so, the report."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from weights.classifiers import V1, V2, classifier

from swinkit import weights
from swinkit.backbone import Convolutions
from swinkit.files import CheckpointError

BOTH = {"v1": V1, "v2": V2}
POLICY = {"small_map": "shrink", "pad_tokens": "mask"}


def of(config):
    """A random classifier and its weights as a file gives them."""
    model = classifier(config)
    return model, weights.Weights(config=config, state=model.state_dict(), origin=weights.Origin(layout="swinkit"))


def video(config, *, patch=2, window=4, merge=1, **changes):
    """The same model with an axis of time before the others."""
    last = (1,) * config.rank
    settings = {
        "stem": replace(config.stem, size=(patch, *config.stem.size)),
        "window": tuple((window, *row) for row in config.windows),
        "bias_window": tuple((window, *row) for row in config.bias_windows) if config.version == "v2" else None,
        "merge": tuple((1 if i == 0 else merge, *row) for i, row in enumerate((last, *config.merges[1:]))),
    }
    return replace(config, **(settings | changes))


def inflated(config, into):
    model, found = of(config)
    larger = classifier(into, seed=1)
    state, report = weights.fit(found, into, larger.state_dict())
    larger.load_state_dict(state, strict=True)
    return model, larger, report


def test_every_tensor_is_what_video_swin_makes_of_it():
    """Its `inflate_weights`, written out: repeat and divide the filters, repeat the tables, leave the rest."""
    model, larger, _ = inflated(V1, video(V1, patch=2, window=3))
    theirs = {name: value.clone() for name, value in model.state_dict().items()}
    name = "stem.projection.weight"
    theirs[name] = theirs[name].unsqueeze(2).repeat(1, 1, 2, 1, 1) / 2
    for name in [name for name in theirs if name.endswith("bias.table")]:
        theirs[name] = theirs[name].repeat(2 * 3 - 1, 1)
    ours = larger.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in theirs)


STILL = [(1, 8, 4), (1, 2, 4), (1, 16, 2), (1, 10, 4), (1, 6, 1), (2, 8, 4), (2, 16, 2), (2, 24, 4)]
"""Factor of merging in time, frames, window: one window, less than one, several with shifts, a last one with padding
that is no key, windows of one token. Merged maps are even: padding before merging is zeros, which no picture has."""


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("merge, frames, window", STILL)
def test_a_still_video_gives_the_features_of_its_picture(version, merge, frames, window):
    config = replace(BOTH[version], **POLICY)
    flat, deep, _ = inflated(config, video(config, window=window, merge=merge))
    picture = torch.randn(2, 3, 72, 40)
    wanted = flat.features(picture)[-1]
    found = deep.features(picture[:, :, None].expand(-1, -1, frames, -1, -1))[-1]
    assert found.shape[2] == frames // 2 // merge**2
    torch.testing.assert_close(found, wanted[:, :, None].expand_as(found), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("frames, same", [(8, True), (2, True), (10, False)])
def test_padding_in_time_that_attends_is_seen(frames, same):
    """Ten frames are five tokens and three of padding: keys of their own, which no picture has."""
    config = replace(V1, small_map="shrink", pad_tokens="attend")
    flat, deep, _ = inflated(config, video(config))
    picture = torch.randn(1, 3, 64, 64)
    found = deep.features(picture[:, :, None].expand(-1, -1, frames, -1, -1))[-1]
    wanted = flat.features(picture)[-1][:, :, None].expand_as(found)
    assert (found - wanted).abs().max() < 1e-4 * wanted.abs().max() if same else (found - wanted).abs().max() > 1e-2


def test_frames_that_differ_are_told_apart():
    _, deep, _ = inflated(V1, video(V1))
    found = deep.features(torch.randn(1, 3, 8, 64, 64))[-1]
    assert (found[:, :, 0] - found[:, :, 3]).abs().max() > 1e-2


@pytest.mark.parametrize("axes", [1, 2])
def test_signals_become_pictures_and_volumes(axes):
    config = replace(V1, stem=replace(V1.stem, size=(4,)), window=((4,),), **POLICY)
    into = video(config, window=3)
    into = video(into, window=2) if axes == 2 else into
    flat, deep, report = inflated(config, into)
    signal = torch.randn(2, 3, 50)
    wanted = flat.features(signal)[-1]
    grid = signal.reshape(2, 3, *(1,) * axes, 50).expand(2, 3, *(6,) * axes, 50)
    found = deep.features(grid)[-1]
    torch.testing.assert_close(found, wanted.reshape(2, 32, *(1,) * axes, -1).expand_as(found), rtol=1e-4, atol=1e-4)
    assert {r.how for r in report.reshaped} == {f"rank 1 -> {1 + axes}"}


def test_what_was_inflated_is_reported():
    _, _, report = inflated(V1, video(V1))
    assert [(r.name, r.before, r.after, r.how, r.fresh) for r in report.reshaped[:2]] == [
        ("stem.projection.weight", (8, 3, 4, 4), (8, 3, 2, 4, 4), "rank 2 -> 3", False),
        ("backbone.stages.0.blocks.0.attention.bias.table", (49, 1), (343, 1), "rank 2 -> 3", False),
    ]
    assert len(report.reshaped) == 1 + sum(V1.depths)
    assert "backbone.stages.*.blocks.*.attention.bias.table (2): [49, 1] -> [343, 1], rank 2 -> 3" in str(report)
    assert not report.missing and not report.unexpected


def test_other_channels_and_windows_go_with_it():
    """As one after the other: first other channels and a larger window in the plane, then the axis of time."""
    plane = replace(V1, stem=replace(V1.stem, channels=1), window=((6, 6),))
    _, found = of(V1)
    between = classifier(plane, seed=1)
    state, _ = weights.fit(found, plane, between.state_dict())
    between = weights.Weights(config=plane, state=state, origin=found.origin)
    wanted, _ = weights.fit(between, video(plane), classifier(video(plane), seed=1).state_dict())
    at_once, report = weights.fit(found, video(plane), classifier(video(plane), seed=1).state_dict())
    for name, value in wanted.items():
        torch.testing.assert_close(at_once[name], value, rtol=1e-6, atol=1e-6)
    assert report.reshaped[0].how == "rank 2 -> 3; 3 input channels -> 1"
    assert report.reshaped[1].how == "rank 2 -> 3; window (4, 4, 4) -> (4, 6, 6), uniform spacing"


def test_the_same_rank_is_left_alone():
    _, found = of(V1)
    assert weights.inflate(found, replace(V1, window=((5, 5),))) == (found, {})


def test_axes_are_not_taken_away():
    into = video(V1)
    _, found = of(into)
    with pytest.raises(CheckpointError, match="rank 3 in the file, 2 in the model"):
        weights.fit(found, V1, classifier(V1).state_dict())


def test_a_stem_of_convolutions_is_refused():
    config = replace(V1, stem=Convolutions(size=(4, 4)))
    _, found = of(config)
    with pytest.raises(CheckpointError, match=r"stem of convolutions cannot serve rank 3"):
        weights.inflate(found, video(V1))


def test_other_differences_are_still_told():
    _, found = of(V1)
    into = replace(video(V1), depths=(2, 2, 4))
    with pytest.raises(CheckpointError, match=r"depths \(2, 2, 2\) in the file, \(2, 2, 4\) in the model"):
        weights.fit(found, into, classifier(into).state_dict())
