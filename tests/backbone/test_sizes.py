"""Every published size has exactly the published parameters, and its multiply-adds."""

from __future__ import annotations

import pytest
import torch

from swinkit.backbone import ALIASES, SIZES, SwinConfig
from swinkit.files import ConfigError
from swinkit.models import build, count, find_size, macs

PUBLISHED = {  # parameters with the published head; multiply-adds in G of one forward pass at the published input
    "swin_t": (28_288_354, 4.4906),
    "swin_s": (49_606_258, 8.7409),
    "swin_b": (87_768_224, 15.4309),
    "swin_b_384": (87_903_584, 47.0831),
    "swin_l": (196_532_476, 34.4758),
    "swin_l_384": (196_735_516, 103.9191),
    "swin_v2_t": (28_347_154, 5.9397),
    "swin_v2_t_w16": (28_347_154, 6.6606),
    "swin_v2_s": (49_728_418, 11.5459),
    "swin_v2_s_w16": (49_728_418, 12.7831),
    "swin_v2_b": (87_918_816, 20.3251),
    "swin_v2_b_w16": (87_918_816, 21.9692),
    "swin_v2_b_w12_192": (87_918_816, 11.8563),
    "swin_v2_b_w24_384": (87_918_816, 55.1483),
    "swin_v2_l_w16": (196_739_932, 47.7403),
    "swin_v2_l_w24_384": (196_739_932, 115.9914),
    "video_swin_t": (28_158_070, 87.76),
    "video_swin_s": (49_816_678, 165.68),
    "video_swin_b": (88_048_984, 281.33),
    "video_swin_l": (196_953_916, 603.27),
    "video_swin_l_384": (199_999_516, 2106.38),
}


@pytest.mark.parametrize("name", SIZES)
def test_parameters_and_multiply_adds(name):
    with torch.device("meta"):
        model = build(name)
    parameters, operations = count(model), macs(model, SIZES[name].input)
    if name in PUBLISHED:
        assert parameters == PUBLISHED[name][0]
        assert abs(operations / 1e9 / PUBLISHED[name][1] - 1) < 0.005
    else:
        ours = ("swin_nano", "swin_micro", "swin_v2_l_w12")
        assert name.startswith((*ours, "swin_unetr")), "published sizes belong in PUBLISHED; tests/heads has Swin UNETR"


def test_aliases_are_timms_and_the_hubs_names():
    assert find_size("swin_tiny_patch4_window7_224.ms_in1k") is SIZES["swin_t"]
    assert find_size("microsoft/swin-tiny-patch4-window7-224") is SIZES["swin_t"]
    assert find_size("microsoft/swinv2-tiny-patch4-window8-256") is SIZES["swin_v2_t"]
    assert find_size("swinv2_tiny_window8_256") is SIZES["swin_v2_t"]
    assert not set(ALIASES) & set(SIZES)


def test_an_unknown_name_or_field_suggests_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'swin_t'"):
        build("swin_tt")
    with pytest.raises(ConfigError, match="did you mean 'drop_path'"):
        build("swin_nano", drop_pth=0.1)


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"heads": (3, 6)}, "differ in length"),
        ({"width": 50}, "cannot be split"),
        ({"window": ((7,),)}, "has rank 1|axes"),
        ({"window": ((7, 7), (7, 7))}, "2 rows for 4 stages"),
        ({"drop_path": 1.0}, r"not in \[0, 1\)"),
        ({"small_map": "grow"}, "does not exist"),
        ({"version": "v3"}, "v1, v2"),
        ({"merge": ((1, 1), (2, 0), (2, 2), (2, 2))}, "at least 1"),
    ],
)
def test_a_wrong_configuration_dies_at_birth(wrong, words):
    with pytest.raises(ValueError, match=words):
        SwinConfig(**wrong)
