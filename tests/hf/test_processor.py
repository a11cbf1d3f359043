"""Pictures in, label maps out, without torchvision."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hf.tiny_bridges import config
from PIL import Image
from transformers import AutoImageProcessor
from transformers.modeling_outputs import SemanticSegmenterOutput
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from swinkit.hf import SwinkitImageProcessor, SwinTransformerFeatureExtractor


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)


def test_the_tutorial_s_name_is_the_same_class():
    assert SwinTransformerFeatureExtractor is SwinkitImageProcessor


def test_pictures_come_out_as_from_transformers_own(picture):
    settings = {"size": {"height": 24, "width": 32}, "resample": 3}
    theirs = ViTImageProcessorPil(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], **settings)
    wanted = theirs(picture, return_tensors="pt")["pixel_values"]
    for given in (picture, picture.transpose(2, 0, 1), Image.fromarray(picture), torch.from_numpy(picture)):
        found = SwinkitImageProcessor(**settings)(given, return_tensors="pt")["pixel_values"]
        torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    assert "torchvision" not in sys.modules


def test_grey_pictures_become_three_channels(picture):
    found = SwinkitImageProcessor()([Image.fromarray(picture).convert("L")], return_tensors="pt")
    assert found["pixel_values"].shape == (1, 3, 224, 224)


def test_labels_keep_their_ids_and_follow_the_size(picture):
    labels = np.zeros((30, 40), np.uint8)
    labels[:, 20:], labels[0, 0] = 7, 255
    processor = SwinkitImageProcessor(size={"height": 60, "width": 80})
    found = processor([picture], [labels], return_tensors="pt")["labels"]
    assert found.dtype == torch.int64
    assert torch.equal(found[0], torch.from_numpy(labels.repeat(2, 0).repeat(2, 1)).long())
    reduced = processor([picture], [labels], do_reduce_labels=True, do_resize=False, return_tensors="pt")["labels"][0]
    assert reduced.unique().tolist() == [6, 255]  # 0 and 255 are no label now
    assert np.array_equal((reduced == 6).numpy(), labels == 7)


def test_pictures_of_several_sizes_are_padded_and_the_mask_says_where(picture):
    processor = SwinkitImageProcessor(do_resize=False, do_pad=True)
    small = picture[:20, :36]
    maps = [np.ones((30, 40), np.uint8), np.ones((20, 36), np.uint8)]
    found = processor([picture, small], maps, return_tensors="pt")
    assert found["pixel_values"].shape == (2, 3, 30, 40) and found["pixel_mask"].sum((1, 2)).tolist() == [1200, 720]
    assert not found["pixel_values"][1, :, 20:].any() and not found["pixel_values"][1, :, :, 36:].any()
    assert found["labels"][1].unique().tolist() == [1, 255] and (found["labels"][1] == 1).sum() == 720


def test_a_map_of_another_size_is_refused(picture):
    with pytest.raises(ValueError, match="one map a picture, at its size"):
        SwinkitImageProcessor()([picture], [np.zeros((40, 30), np.uint8)])


def test_label_maps_come_at_the_size_that_is_wanted():
    logits = torch.zeros(2, 3, 8, 8)
    logits[:, 1, :, 4:] = 1
    logits[:, 2, 4:, :4] = 2
    processor, output = SwinkitImageProcessor(), SemanticSegmenterOutput(logits=logits)
    small, large = processor.post_process_semantic_segmentation(output, target_sizes=[(8, 8), (32, 16)])
    assert torch.equal(small, logits[0].argmax(0))
    assert large.shape == (32, 16) and large[0, 0] == 0 and large[0, -1] == 1 and large[-1, 0] == 2
    assert processor.post_process_semantic_segmentation(output)[0].shape == (8, 8)
    with pytest.raises(ValueError, match="1 sizes for 2 pictures"):
        processor.post_process_semantic_segmentation(output, target_sizes=[(8, 8)])


def test_settings_come_back_from_their_file(tmp_path):
    SwinkitImageProcessor(size={"height": 32, "width": 48}, image_mean=[0.5, 0.5, 0.5]).save_pretrained(tmp_path)
    config().save_pretrained(tmp_path)
    found = AutoImageProcessor.from_pretrained(tmp_path)
    assert type(found) is SwinkitImageProcessor
    assert (found.size["height"], found.size["width"], list(found.image_mean)) == (32, 48, [0.5, 0.5, 0.5])
