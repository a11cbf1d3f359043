"""A label for every pixel."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import SemanticSegmenterOutput
from transformers.utils.generic import can_return_tuple

from swinkit.hf.config import SwinkitConfig
from swinkit.hf.pretrained import SwinkitPreTrainedModel, mask_of, recorded
from swinkit.models import Model
from swinkit.ops.resize import stretch
from swinkit.tasks import Segment
from swinkit.types import Batch


class SwinTransformerForSegmentation(SwinkitPreTrainedModel):
    """Semantic segmentation: the head and the losses are those of `swinkit.tasks.Segment`."""

    accepts_loss_kwargs = False  # the mean over labelled pixels is taken here; Trainer is to average over its steps

    def make(self) -> Model:
        """The pyramid with `config.decoder` on all its stages."""
        return Model(self.config.swin, task_of(self.config).head)

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> SemanticSegmenterOutput:
        """`logits` [b labels *space] at the size of `pixel_values`; `loss` where labels came.

        The loss is the mean cross-entropy over all pixels whose label is not `config.semantic_loss_ignore_index`, plus
        Dice and auxiliary loss where the configuration has them; 0 where every pixel is ignored.

        Args:
            pixel_values: [b c *space].
            labels: [b *space] ids; another size than the pictures' is taken as it is, the logits are resized to it.
            pixel_mask: [b *space], 0 where a picture was padded to the size of the batch.

        Raises:
            DataError: a label is no class and not ignored.
        """
        wanted, valid = self._wants_states(output_hidden_states), mask_of(pixel_mask)
        with recorded(self.swinkit, wanted) as maps:
            output = self.swinkit(pixel_values, valid)
        loss = None
        if labels is not None:
            batch = Batch(grid=pixel_values, valid=valid, target=labels)
            terms = task_of(self.config).losses(_Known(output), batch).values()
            loss = torch.stack([total / weight.clamp_min(1e-6) for total, weight in terms]).sum()
        return SemanticSegmenterOutput(
            loss=loss,
            logits=stretch(output["logits"], tuple(pixel_values.shape[2:])),
            hidden_states=tuple(maps) if wanted else None,
        )


def task_of(config: SwinkitConfig) -> Segment:
    """The task that the configuration describes."""
    return Segment(
        classes=config.classes,
        ignore=config.semantic_loss_ignore_index,
        decoder=config.decoder,  # pyright: ignore[reportArgumentType]  (the task checks it)
        channels=config.decoder_channels,
        detail=config.detail,
        dice=config.dice,
        auxiliary=config.auxiliary,
        class_weights=None if config.class_weights is None else tuple(config.class_weights),
        smoothing=config.smoothing,
        prior=None if config.prior is None else tuple(config.prior),
    )


class _Known(nn.Module):
    """Stands where a task would run the model: its output is there already."""

    def __init__(self, output: dict[str, Tensor]) -> None:
        super().__init__()
        self.output = output

    def forward(self, *_: Any) -> dict[str, Tensor]:
        return self.output
