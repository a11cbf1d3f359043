"""One label a picture."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.modeling_outputs import ImageClassifierOutput
from transformers.utils.generic import can_return_tuple

from swinkit.heads import PooledLinear
from swinkit.hf.pretrained import SwinkitPreTrainedModel, mask_of, recorded
from swinkit.models import Model


class SwinkitForImageClassification(SwinkitPreTrainedModel):
    """The mean of the last map, then a linear layer (Liu et al. 2021)."""

    def make(self) -> Model:
        """The published classifier with `config.num_labels` classes."""
        config = self.config.swin
        last, labels = len(config.depths) - 1, len(self.config.classes)
        return Model(config, lambda levels: PooledLinear(levels.channels[-1], labels), outputs=(last,))

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        pixel_mask: Tensor | None = None,
        output_hidden_states: bool | None = None,
        **kwargs: Any,
    ) -> ImageClassifierOutput:
        """`logits` [b labels]; `loss` where labels came: transformers' own for the kind of labels.

        Args:
            pixel_values: [b c *space].
            labels: [b] ids (cross-entropy), [b] values (one label: regression) or [b labels] of 0 and 1.
            pixel_mask: [b *space], 0 where a picture was padded to the size of the batch.
        """
        wanted = self._wants_states(output_hidden_states)
        with recorded(self.swinkit, wanted) as maps:
            logits = self.swinkit(pixel_values, mask_of(pixel_mask))
        compare: Any = self.loss_function
        loss = None if labels is None else compare(labels, logits, self.config, **kwargs)
        return ImageClassifierOutput(loss=loss, logits=logits, hidden_states=tuple(maps) if wanted else None)
