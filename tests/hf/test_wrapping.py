"""Models of swinkit become models of transformers with the same answers."""

from __future__ import annotations

import pytest
import torch
from tiny_models import randomise

import swinkit as sk
from swinkit.files import ConfigError
from swinkit.hf import SwinkitForImageClassification, SwinTransformerForSegmentation, wrap
from swinkit.models import Model
from swinkit.tasks import Segment

SMALL = {"width": 16, "depths": (1, 1, 1)}


def test_a_classifier_keeps_its_logits(tmp_path):
    model = sk.build("swin_nano", classes=2, **SMALL).eval()
    randomise(model)
    wrap(model, labels=("cat", "dog")).save_pretrained(tmp_path)
    found, pictures = SwinkitForImageClassification.from_pretrained(tmp_path), torch.randn(2, 3, 20, 32)
    assert found.config.classes == ("cat", "dog")
    torch.testing.assert_close(found(pictures).logits, model(pictures), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("decoder", ["fpn", "upernet"])
def test_a_segmenter_keeps_its_logits(decoder):
    task = Segment(classes=("sky", "road"), decoder=decoder, channels=8, ignore=200, prior=(0.3, 0.7))
    model = Model(sk.build("swin_nano", **SMALL).config, task.head).eval()
    randomise(model)
    found, pictures = wrap(model, task), torch.randn(2, 3, 32, 32)
    assert type(found) is SwinTransformerForSegmentation and not found.training
    assert (found.config.classes, found.config.semantic_loss_ignore_index) == (("sky", "road"), 200)
    whole = torch.nn.functional.interpolate(model(pictures)["logits"], size=(32, 32), mode="bilinear")
    torch.testing.assert_close(found(pictures).logits, whole)


def test_a_head_that_does_not_fit_is_refused():
    model = sk.build("swin_nano", classes=3, **SMALL)
    with pytest.raises(ConfigError, match="does not fit"):
        wrap(model, labels=("cat", "dog"))
    with pytest.raises(ConfigError, match="does not fit"):
        wrap(model, Segment(classes=("sky", "road")))
    task = Segment(classes=("sky", "road"))
    with pytest.raises(ConfigError, match="FPN"):
        wrap(Model(model.config, task.head))
