"""Classifier and segmenter: losses, outputs, files."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hf.tiny_bridges import config
from tiny_models import randomise
from torch import nn
from transformers import AutoModelForImageClassification, AutoModelForSemanticSegmentation

from swinkit.files import ConfigError, DataError
from swinkit.hf import SwinkitBackbone, SwinkitForImageClassification, SwinTransformerForSegmentation

CLASSES = [SwinkitBackbone, SwinkitForImageClassification, SwinTransformerForSegmentation]


def tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers, those that no file holds too."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def segmenter(**changes) -> SwinTransformerForSegmentation:
    torch.manual_seed(0)
    model = SwinTransformerForSegmentation(config(**changes))
    randomise(model)
    return model.eval()


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("kind", CLASSES)
def test_a_model_comes_back_from_its_file_bit_for_bit(kind, version, tmp_path):
    before = kind(config(version, decoder="upernet", decoder_channels=8)).eval()
    randomise(before)
    before.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    after = kind.from_pretrained(tmp_path)
    assert tensors(after).keys() == tensors(before).keys()
    assert [name for name, value in tensors(before).items() if not torch.equal(value, tensors(after)[name])] == []
    pictures = torch.randn(1, 3, 21, 30)
    for one, other in zip(before(pictures).to_tuple(), after(pictures).to_tuple(), strict=True):
        for found, wanted in zip(other, one, strict=True):  # weights in a file are aligned differently: sums can tell
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=2e-5)


def test_auto_classes_find_them(tmp_path):
    for auto, kind in (
        (AutoModelForImageClassification, SwinkitForImageClassification),
        (AutoModelForSemanticSegmentation, SwinTransformerForSegmentation),
    ):
        kind(config()).save_pretrained(tmp_path / kind.__name__)
        assert type(auto.from_pretrained(tmp_path / kind.__name__)) is kind


def test_fresh_weights_are_ours_not_those_that_transformers_would_draw():
    model = SwinTransformerForSegmentation(config("v2", prior=[0.5, 0.25, 0.25]))
    for block in model.swinkit.backbone.stages[0].blocks:
        assert not block.norm1.weight.any()  # V2 starts as an identity
    torch.testing.assert_close(model.swinkit.head.classifier.conv.bias, torch.tensor([0.5, 0.25, 0.25]).log())


def test_a_classifier_becomes_a_segmenter_with_a_fresh_head(tmp_path):
    classifier = SwinkitForImageClassification(config())
    randomise(classifier)
    classifier.save_pretrained(tmp_path)
    found = SwinTransformerForSegmentation.from_pretrained(tmp_path, prior=[0.5, 0.25, 0.25])
    old, new = classifier.swinkit, found.swinkit
    assert all(torch.equal(p, new.backbone.stages.get_parameter(n)) for n, p in old.backbone.stages.named_parameters())
    assert torch.equal(old.stem.projection.weight, new.stem.projection.weight)
    assert torch.equal(new.backbone.norms["0"].weight, torch.ones(8))
    torch.testing.assert_close(new.head.classifier.conv.bias, torch.tensor([0.5, 0.25, 0.25]).log())
    spread = new.head.smooth.conv.weight.std()
    assert 0.5 < spread / (2 / (96 * 9)) ** 0.5 < 1.5  # as ConvNorm draws it
    loss = found(torch.randn(2, 3, 16, 16), labels=torch.randint(3, (2, 16, 16))).loss
    assert loss.isfinite()


@pytest.mark.parametrize("size", [(16, 16), (17, 23)])
def test_the_loss_is_the_mean_over_labelled_pixels(size):
    model, labels = segmenter(), torch.randint(3, (2, *size))
    labels[0, : size[0] // 2] = 255
    output = model(torch.randn(2, 3, *size), labels=labels)
    assert output.logits.shape == (2, 3, *size)
    torch.testing.assert_close(output.loss, F.cross_entropy(output.logits, labels, ignore_index=255))


def test_another_id_can_be_ignored_and_no_label_at_all_is_no_loss():
    model = segmenter(semantic_loss_ignore_index=-100)
    labels = torch.full((1, 16, 16), -100)
    loss = model(torch.randn(1, 3, 16, 16), labels=labels).loss
    assert loss == 0
    loss.backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_labels_may_be_finer_than_the_pictures():
    model, labels = segmenter(), torch.randint(3, (1, 32, 48))
    output = model(torch.randn(1, 3, 16, 24), labels=labels)
    coarse = model.swinkit.head(model.swinkit.features(torch.zeros(1, 3, 16, 24)))["logits"]
    assert output.logits.shape[2:] == (16, 24) and coarse.shape[2:] == (8, 12)
    whole = F.interpolate(output.logits, size=(32, 48), mode="bilinear", align_corners=False)
    torch.testing.assert_close(output.loss, F.cross_entropy(whole, labels))


def test_dice_and_auxiliary_losses_are_added_while_training():
    labels = torch.randint(3, (2, 16, 16))
    plain = segmenter()(torch.ones(2, 3, 16, 16), labels=labels).loss
    assert segmenter(dice=1.0)(torch.ones(2, 3, 16, 16), labels=labels).loss > plain
    more = segmenter(auxiliary=0.4)
    silent, told = (more.train(mode)(torch.ones(2, 3, 16, 16), labels=labels).loss for mode in (False, True))
    assert told > silent


def test_a_label_that_is_no_class_is_named():
    with pytest.raises(DataError, match="id 7 is no class"):
        segmenter()(torch.randn(1, 3, 16, 16), labels=torch.full((1, 16, 16), 7))


def test_one_class_cannot_be_segmented():
    with pytest.raises(ConfigError, match="two or more"):
        segmenter(num_labels=1)


def test_a_classifier_takes_ids_and_several_labels():
    model, pictures = SwinkitForImageClassification(config()).eval(), torch.randn(4, 3, 16, 16)
    ids = torch.tensor([0, 2, 1, 2])
    output = model(pictures, labels=ids)
    torch.testing.assert_close(output.loss, F.cross_entropy(output.logits, ids))
    several = SwinkitForImageClassification(config(problem_type="multi_label_classification"))
    assert several(pictures, labels=torch.ones(4, 3)).loss.isfinite()


@pytest.mark.parametrize("kind", [SwinkitForImageClassification, SwinTransformerForSegmentation])
def test_outputs_are_tuples_where_they_are_wanted_and_hold_states_where_asked(kind):
    model, pictures = kind(config()).eval(), torch.randn(1, 3, 16, 16)
    output = model(pictures, output_hidden_states=True)
    assert [tuple(one.shape[1:]) for one in output.hidden_states] == [(8, 8, 8), (8, 8, 8), (16, 4, 4), (32, 2, 2)]
    (logits,) = model(pictures, return_dict=False)
    assert torch.equal(logits, output.logits)
    assert "hidden_states" not in model(pictures)


def test_a_padded_picture_has_the_label_it_has_alone():
    model = SwinkitForImageClassification(config(small_map="pad", pad_tokens="mask")).eval()
    randomise(model)
    picture, mask = torch.randn(1, 3, 16, 20), torch.zeros(2, 24, 28, dtype=torch.int64)
    padded = torch.cat([F.pad(picture, (0, 8, 0, 8)), torch.randn(1, 3, 24, 28)])
    mask[0, :16, :20], mask[1] = 1, 1
    torch.testing.assert_close(model(padded, pixel_mask=mask).logits[:1], model(picture).logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_half_precision_weights_load_and_run(version, tmp_path):
    SwinkitForImageClassification(config(version)).save_pretrained(tmp_path)
    model = SwinkitForImageClassification.from_pretrained(tmp_path, dtype=torch.bfloat16)
    logits = model(torch.randn(1, 3, 16, 16, dtype=torch.bfloat16)).logits
    assert logits.dtype == torch.bfloat16 and logits.isfinite().all()
