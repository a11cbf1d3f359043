"""The pyramid as a transformers backbone, for its UPerNet, Mask2Former and others that take an AutoBackbone."""

from __future__ import annotations

from torch import Tensor, nn
from transformers.backbone_utils import BackboneMixin
from transformers.modeling_outputs import BackboneOutput
from transformers.utils.generic import can_return_tuple

from swinkit.hf.config import SwinkitConfig
from swinkit.hf.pretrained import SwinkitPreTrainedModel, mask_of, recorded
from swinkit.models import Model


class SwinkitBackbone(BackboneMixin, SwinkitPreTrainedModel):
    """Maps of the stages that `config.out_features` names, finest first, each normalised; the stem's as it is."""

    has_attentions = False  # fused attention forms no weights to return

    def __init__(self, config: SwinkitConfig) -> None:
        super().__init__(config)
        self.num_features = [config.swin.width, *config.swin.channels]

    def make(self) -> Model:
        """A pyramid without a head."""
        stages = [index - 1 for index in self._places() if index > 0]
        return Model(self.config.swin, lambda levels: nn.Identity(), outputs=tuple(stages or [0]))

    @can_return_tuple
    def forward(
        self,
        pixel_values: Tensor,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
        pixel_mask: Tensor | None = None,
    ) -> BackboneOutput:
        """`feature_maps`, and `hidden_states` (stem and stages before any norm) where they are asked for.

        Args:
            pixel_values: [b c *space].
            output_attentions: accepted for the sake of callers; there are none.
            return_dict: False: a tuple.
            pixel_mask: [b *space], 0 where a picture was padded to the size of the batch.
        """
        wanted, places = self._wants_states(output_hidden_states), self._places()
        with recorded(self.swinkit, wanted or 0 in places) as maps:
            features = self.swinkit.features(pixel_values, mask_of(pixel_mask))
        found = dict(zip(self.swinkit.backbone.outputs, features, strict=True))
        missing = [self.stage_names[place] for place in places if place and place - 1 not in found]
        if missing:
            raise ValueError(
                f"out_features {missing} came after the backbone was made and have no norm: name them in the config"
            )
        return BackboneOutput(
            feature_maps=tuple(found[place - 1] if place else maps[0] for place in places),  # pyright: ignore[reportArgumentType]
            hidden_states=tuple(maps) if wanted else None,
        )

    def _places(self) -> list[int]:
        """Places of the outputs among `stage_names`."""
        names = self.config.stage_names
        return [names.index(name) for name in self.config.out_features or ()]
