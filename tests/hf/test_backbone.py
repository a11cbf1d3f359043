"""The backbone alone, and inside transformers' own UPerNet and Mask2Former."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hf.tiny_bridges import config
from tiny_models import randomise
from transformers import (
    AutoBackbone,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)

from swinkit.hf import SwinkitBackbone

ALL = ["stage1", "stage2", "stage3"]


def upernet(version: str = "v1") -> UperNetForSemanticSegmentation:
    torch.manual_seed(0)
    settings = UperNetConfig(
        backbone_config=config(version, out_features=ALL),
        hidden_size=16,
        auxiliary_channels=8,
        auxiliary_in_channels=32,
        num_labels=3,
    )
    return UperNetForSemanticSegmentation(settings)


def mask2former() -> Mask2FormerForUniversalSegmentation:
    torch.manual_seed(0)
    stages = {"depths": (1, 1, 1, 1), "heads": (1, 2, 4, 8)}
    settings = Mask2FormerConfig(
        backbone_config=config(out_indices=[1, 2, 3, 4], **stages),
        feature_size=32,
        mask_feature_size=32,
        hidden_dim=32,
        encoder_feedforward_dim=16,
        dim_feedforward=16,
        encoder_layers=1,
        decoder_layers=2,
        num_attention_heads=2,
        num_queries=5,
        train_num_points=64,
        feature_strides=(2, 4, 8, 16),
        common_stride=2,
        num_labels=3,
    )
    return Mask2FormerForUniversalSegmentation(settings)


def without_gradient(model: torch.nn.Module) -> list[str]:
    return [name for name, p in model.named_parameters() if p.grad is None or not p.grad.isfinite().all()]


def test_maps_are_those_of_the_network():
    backbone = AutoBackbone.from_config(config(out_features=ALL)).eval()
    assert type(backbone) is SwinkitBackbone
    pictures = torch.randn(2, 3, 37, 50)
    maps = backbone(pictures).feature_maps
    assert [one.shape[1] for one in maps] == backbone.channels == [8, 16, 32]
    for found, wanted in zip(maps, backbone.swinkit.features(pictures), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_a_subset_holds_no_more_than_it_needs():
    backbone = SwinkitBackbone(config(out_features=["stem", "stage2"])).eval()
    output = backbone(torch.randn(1, 3, 16, 16), output_hidden_states=True)
    assert [tuple(one.shape) for one in output.feature_maps] == [(1, 8, 8, 8), (1, 16, 4, 4)]
    assert [tuple(one.shape) for one in output.hidden_states] == [(1, 8, 8, 8), (1, 8, 8, 8), (1, 16, 4, 4)]
    assert torch.equal(output.feature_maps[0], output.hidden_states[0])
    assert len(backbone.swinkit.backbone.stages) == 2


def test_a_padded_picture_has_the_maps_it_has_alone():
    backbone = SwinkitBackbone(config(out_features=ALL, small_map="pad", pad_tokens="mask")).eval()
    randomise(backbone)
    picture, mask = torch.randn(1, 3, 16, 24), torch.zeros(2, 24, 32, dtype=torch.int64)
    padded = torch.cat([F.pad(picture, (0, 8, 0, 8)), torch.randn(1, 3, 24, 32)])
    mask[0, :16, :24], mask[1] = 1, 1
    for alone, found in zip(backbone(picture)[0], backbone(padded, pixel_mask=mask)[0], strict=True):
        height, width = alone.shape[2:]
        torch.testing.assert_close(found[:1, :, :height, :width], alone, rtol=1e-4, atol=1e-4)


def test_a_stage_that_was_not_asked_for_in_time_is_named():
    backbone = SwinkitBackbone(config(out_features=["stage3"])).eval()
    backbone.out_features = ["stage1", "stage3"]
    with pytest.raises(ValueError, match="stage1"):
        backbone(torch.randn(1, 3, 16, 16))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_upernet_runs_forward_and_backward(version):
    model = upernet(version).train()
    output = model(torch.randn(2, 3, 32, 48), labels=torch.randint(3, (2, 32, 48)))
    assert output.logits.shape == (2, 3, 32, 48)
    output.loss.backward()
    assert without_gradient(model) == []


def test_mask2former_runs_forward_and_backward():
    model = mask2former().train()
    masks = torch.zeros(2, 64, 64)
    masks[0, :32], masks[1, 32:] = 1, 1
    labels = {"mask_labels": [masks, masks], "class_labels": [torch.tensor([0, 2]), torch.tensor([1, 0])]}
    output = model(torch.randn(2, 3, 64, 64), **labels)
    assert output.class_queries_logits.shape == (2, 5, 4)
    output.loss.backward()
    assert [name for name in without_gradient(model) if "encoder.swinkit" in name] == []


@pytest.mark.parametrize("make", [upernet, mask2former])
def test_they_come_back_from_their_files_bit_for_bit(make, tmp_path):
    model, pictures = make().eval(), torch.randn(1, 3, 64, 64)
    model.save_pretrained(tmp_path)
    found = type(model).from_pretrained(tmp_path).eval()
    state = found.state_dict()
    assert [name for name, value in model.state_dict().items() if not torch.equal(value, state[name])] == []
    with torch.no_grad():
        before, after = model(pictures), found(pictures)
    for name in before:
        if isinstance(before[name], torch.Tensor):  # weights in a file are aligned differently, which sums can tell
            torch.testing.assert_close(after[name], before[name], rtol=1e-5, atol=1e-6)
