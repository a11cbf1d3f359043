"""Heads that find points."""

from __future__ import annotations

import pytest
import torch

from swinkit.backbone import Patches, SwinConfig
from swinkit.files import ConfigError
from swinkit.heads import Deconvolutions, SimCC
from swinkit.models import Model, build, count
from swinkit.tasks import Pose
from swinkit.types import Levels

LEVELS = Levels(channels=(16, 32), strides=((4, 4), (32, 32)))
PEOPLE = tuple(f"point {number}" for number in range(17))


@pytest.mark.parametrize(("name", "parameters"), [("swin_t", 32_768_139), ("swin_b", 93_040_585)])
def test_a_published_size_has_the_parameters_of_mmpose(name, parameters):
    task = Pose(points=PEOPLE, decoder="deconvolutions")
    with torch.device("meta"):
        assert count(build(name, task.head, outputs=[3])) == parameters


def test_three_layers_make_a_stride_of_32_one_of_4():
    head = Deconvolutions(LEVELS, 5, channels=8)
    maps = head([torch.randn(2, 16, 16, 24), torch.randn(2, 32, 2, 3)])["logits"]
    assert maps.shape == (2, 5, 16, 24)
    with pytest.raises(ConfigError, match="batch norm"):
        head([torch.randn(1, 16, 8, 8), torch.randn(1, 32, 1, 1)])


def test_simcc_has_a_row_for_each_axis_of_one_size():
    head = SimCC(LEVELS, 5, size=(64, 90), split=3)
    output = head([torch.randn(2, 16, 16, 23), torch.randn(2, 32, 2, 3)], None, (64, 90))
    assert output["y"].shape == (2, 5, 192) and output["x"].shape == (2, 5, 270)
    with pytest.raises(ConfigError, match=r"a grid of \(64, 96\) came"):
        head([torch.randn(2, 16, 16, 24), torch.randn(2, 32, 2, 3)], None, (64, 96))


@pytest.mark.parametrize("decoder", ["deconvolutions", "simcc"])
def test_points_are_for_pictures(decoder):
    config = SwinConfig(stem=Patches(size=(2,), channels=1), width=8, depths=(1,), heads=(1,), window=((4,),))
    with pytest.raises(ConfigError, match="points are found in pictures"):
        Model(config, Pose(points=("a",), decoder=decoder, size=(8, 8)).head)
