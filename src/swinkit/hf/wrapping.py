"""Models that there are, as classes of transformers."""

from __future__ import annotations

import torch
from torch import nn

from swinkit.files import ConfigError
from swinkit.heads import PooledLinear
from swinkit.hf.classification import SwinkitForImageClassification
from swinkit.hf.config import SwinkitConfig
from swinkit.hf.pretrained import SwinkitPreTrainedModel
from swinkit.hf.segmentation import SwinTransformerForSegmentation
from swinkit.models import Model
from swinkit.tasks import Segment


def wrap(model: Model, task: Segment | None = None, *, labels: tuple[str, ...] | None = None) -> SwinkitPreTrainedModel:
    """A copy of a model for transformers, in evaluation mode: `wrap(sk.load("swin_tiny.pth")).save_pretrained("out")`.

    Args:
        task: of a model that labels pixels, what it was trained for (`run.recipe.task`).
        labels: of a classifier, the names of its classes.

    Raises:
        ConfigError: the model has another head than the task (a linear classifier, where there is none).
    """
    head = model.head
    if task is not None:
        changes = {
            "id2label": dict(enumerate(task.classes)),
            "decoder": task.decoder,
            "decoder_channels": task.channels,
            "detail": task.detail,
            "dice": task.dice,
            "auxiliary": task.auxiliary,
            "class_weights": task.class_weights,
            "smoothing": task.smoothing,
            "prior": task.prior,
            "semantic_loss_ignore_index": task.ignore,
        }
        return _filled(SwinTransformerForSegmentation(SwinkitConfig.of(model.config, **changes)), model)
    if not isinstance(head, PooledLinear):
        raise ConfigError(f"the model's head is {type(head).__name__}: give the task that it was made for")
    names = labels or tuple(f"LABEL_{index}" for index in range(head.linear.out_features))
    config = SwinkitConfig.of(model.config, id2label=dict(enumerate(names)))
    return _filled(SwinkitForImageClassification(config), model)


def _filled(bridge: SwinkitPreTrainedModel, model: nn.Module) -> SwinkitPreTrainedModel:
    state = model.state_dict()
    wanted = bridge.swinkit.state_dict()
    differ = [name for name in wanted if name not in state or state[name].shape != wanted[name].shape]
    differ += [name for name in state if name not in wanted]
    if differ:
        raise ConfigError(f"the model does not fit the task or labels: {differ[0]} differs ({len(differ)} tensors do)")
    with torch.no_grad():
        bridge.swinkit.load_state_dict(state)
    return bridge.eval()
