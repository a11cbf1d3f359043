"""A weight file becomes the model it was made from, whatever its layout."""

from __future__ import annotations

import pytest
import torch
from tiny_models import randomise

from swinkit.files import CheckpointError
from swinkit.models import build, load, load_reported
from swinkit.weights import Origin, Weights, write_file


@pytest.mark.parametrize("layout, suffix", [("microsoft", "pth"), ("timm", "safetensors"), ("swinkit", "safetensors")])
def test_a_file_of_any_layout_gives_the_same_logits(tmp_path, layout, suffix):
    model = build("swin_t", width=32, heads=(1, 2, 4, 8), classes=5).eval()
    randomise(model)
    weights = Weights(config=model.config, state=model.state_dict(), leftovers={}, origin=Origin(layout="swinkit"))
    path = tmp_path / f"model.{suffix}"
    write_file(path, weights, layout, size=224)
    loaded, report = load_reported(path)
    grid = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(loaded(grid), model(grid))
    assert len(report.loaded) == len(model.state_dict()) and not report.missing and not loaded.training


def test_a_file_without_a_classifier_is_refused_by_name(tmp_path):
    model = build("swin_t", width=32, heads=(1, 2, 4, 8))
    state = {name: value for name, value in model.state_dict().items() if not name.startswith("head.")}
    path = tmp_path / "backbone.safetensors"
    write_file(path, Weights(config=model.config, state=state, leftovers={}, origin=Origin(layout="swinkit")))
    with pytest.raises(CheckpointError, match=r"backbone\.safetensors: holds no linear classifier"):
        load(path)
