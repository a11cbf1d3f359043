"""A file of another architecture, or half a file, loads nothing, never a part of it; the error says what differs."""

from __future__ import annotations

import pytest
import torch
from weights.classifiers import SIZE, V1, classifier

from swinkit import weights
from swinkit.files import CheckpointError

CLASSIFIERS = ["microsoft", "timm", "timm_old", "torchvision", "transformers", "mmpretrain", "mmcls", "swinkit"]
MODEL = classifier(V1).state_dict()
STRANGERS = {
    "resnet": {f"layer{s}.{b}.conv1.weight": torch.zeros(4, 4, 3, 3) for s in (1, 2) for b in (0, 1)},
    "vit": {f"blocks.{b}.attn.qkv.weight": torch.zeros(24, 8) for b in range(3)} | {"cls_token": torch.zeros(1, 1, 8)},
    "bert": {f"encoder.layer.{b}.attention.self.query.weight": torch.zeros(8, 8) for b in range(3)},
    "names_of_ours_only": {"backbone.x": torch.zeros(1)},
}  # fmt: skip


def written(layout: str) -> dict[str, torch.Tensor]:
    """A whole file of that layout."""
    return weights.write(classifier(V1).state_dict(), V1, layout, size=SIZE)


def refused(tensors) -> str:
    """The sentence, of reading or of fitting what was read to the whole model."""
    with pytest.raises(CheckpointError) as error:
        weights.fit(weights.read(tensors), V1, MODEL)
    return str(error.value)


@pytest.mark.parametrize("name", STRANGERS)
def test_another_architecture_is_named_with_the_nearest_layouts(name):
    assert "fit no known layout: " in refused(STRANGERS[name])


@pytest.mark.parametrize("layout", CLASSIFIERS)
def test_half_a_file_is_refused(layout):
    whole = written(layout)
    for half in (list(whole)[: len(whole) // 2], list(whole)[::2]):
        refused({name: whole[name] for name in half})


@pytest.mark.parametrize("layout", CLASSIFIERS[:5])
def test_every_tensor_of_a_backbone_counts(layout):
    """Without it, or with another shape, the file is refused: tried for tensors of several kinds in the last stage."""
    whole = written(layout)
    marks = ("layers.2.blocks.1.", "encoder.layers.2.blocks.1.", "features.5.1.", "stages.2.blocks.1.")
    block = [name for name, value in whole.items() if any(mark in name for mark in marks) and value.is_floating_point()]
    block = [name for name in block if not name.endswith(("attn_mask", "_index"))]
    assert len(block) >= 12
    for name in block[::4]:
        refused({other: value for other, value in whole.items() if other != name})
    for name in block[1::4]:
        refused(whole | {name: torch.zeros(3, 3)})


def test_a_model_is_not_touched_by_a_file_that_does_not_fit():
    model = classifier(V1, seed=3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = weights.read(written("timm"))
    other = weights.Weights(config=found.config, state=dict(list(found.state.items())[:-1]), origin=found.origin)
    with pytest.raises(CheckpointError, match="the file lacks"):
        weights.fit(other, V1, model.state_dict())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
