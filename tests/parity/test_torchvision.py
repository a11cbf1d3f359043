"""torchvision's Swin V1 and V2 against ours at any size: it pads before rolling, as we do; its padding is a key."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
import torch
from parity.comparison import ours, randomise, same
from torch import Tensor
from torchvision.models.swin_transformer import (
    PatchMerging,
    PatchMergingV2,
    SwinTransformer,
    SwinTransformerBlock,
    SwinTransformerBlockV2,
)

from swinkit.backbone import SwinConfig


def to_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A small map of the names; V2's bias of the keys, which torchvision has but forces to zero, is left out."""
    renamed: dict[str, Tensor] = {}
    v2 = any(name.endswith("logit_scale") for name in state)
    for name, value in state.items():
        name = re.sub(r"^features\.0\.0\.", "stem.projection.", name)
        name = re.sub(r"^features\.0\.2\.", "stem.norm.", name)
        name = re.sub(
            r"^features\.(\d+)\.(norm|reduction)", lambda m: f"backbone.stages.{int(m[1]) // 2}.merging.{m[2]}", name
        )
        name = re.sub(r"^features\.(\d+)\.(\d+)\.", lambda m: f"backbone.stages.{int(m[1]) // 2}.blocks.{m[2]}.", name)
        name = re.sub(r"^norm\.", "backbone.norms.3.", name)
        name = re.sub(r"^head\.", "head.linear.", name)
        name = name.replace(".mlp.0.", ".mlp.fc1.").replace(".mlp.3.", ".mlp.fc2.").replace(".attn.", ".attention.")
        name = name.replace("attention.proj.", "attention.projection.").replace("logit_scale", "log_scale")
        name = name.replace("relative_position_bias_table", "bias.table").replace("cpb_mlp", "bias.mlp")
        if v2 and name.endswith("attention.qkv.bias"):
            query, _, renamed[name.replace("qkv.bias", "value_bias")] = value.chunk(3)
            name, value = name.replace("qkv.bias", "query_bias"), query
        renamed[name] = value
    return renamed


SIZES = {"multiple": (224, 224), "padded": (200, 264), "odd_maps": (252, 380), "long": (224, 600)}


def peer_of(version: str, width: int, depths, window: int):
    block, merging = {"v1": (SwinTransformerBlock, PatchMerging), "v2": (SwinTransformerBlockV2, PatchMergingV2)}[
        version
    ]
    heads = [width // 32 * 2**i for i in range(4)] if width % 32 == 0 else [2**i for i in range(4)]
    model = SwinTransformer([4, 4], width, list(depths), heads, [window, window], stochastic_depth_prob=0.0,
                            num_classes=10, block=block, downsample_layer=merging)  # fmt: skip
    config = SwinConfig(version=version, width=width, depths=tuple(depths), heads=tuple(heads),
                        window=((window, window),), small_map="shrink", pad_tokens="attend")  # fmt: skip
    return randomise(model), config


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_computes_what_torchvision_does(version, size):
    peer, config = peer_of(version, 24, (2, 2, 6, 2), 7)
    same(peer, ours(config, 10, to_ours(dict(peer.named_parameters()))), SIZES[size], to_ours)


def test_full_size_with_padding():
    torch.manual_seed(0)
    peer, config = peer_of("v1", 96, (2, 2, 6, 2), 7)
    same(peer, ours(config, 10, to_ours(dict(peer.named_parameters()))), (256, 320), to_ours)
