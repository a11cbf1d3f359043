"""What our classes for transformers share: a `swinkit.models.Model` inside, and how its weights begin."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from swinkit.hf.config import SwinkitConfig
from swinkit.models import Model

READY = "_is_hf_initialized"
"""The mark by which transformers knows tensors that have their values."""


class SwinkitPreTrainedModel(PreTrainedModel):
    """A `PreTrainedModel` around a `swinkit.models.Model`, which every class has under the same name, so that weights
    of one are loaded by another (heads that do not fit start fresh, as transformers says on loading)."""

    config_class = SwinkitConfig
    config: SwinkitConfig
    base_model_prefix = "swinkit"
    main_input_name = "pixel_values"
    input_modalities = ["image"]
    _no_split_modules = ["Block"]
    _supports_sdpa = True

    def __init__(self, config: SwinkitConfig) -> None:
        super().__init__(config)
        self.swinkit = self.make()
        tensors = [tensor for _, tensor in _tensors(self.swinkit)]
        if not any(tensor.is_meta for tensor in tensors):
            for tensor in tensors:
                setattr(tensor, READY, True)  # ours begin as they should
        self.post_init()

    def make(self) -> Model:
        """A fresh network for the configuration."""
        raise NotImplementedError

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Asked for each module after loading: what was in no file (a new head, our buffers) comes from a fresh
        network, all at once."""
        wanted = [(name, tensor) for name, tensor in _tensors(self.swinkit) if not getattr(tensor, READY, False)]
        if not wanted:
            return
        fresh = dict(_tensors(self.make()))
        for name, tensor in wanted:
            tensor.copy_(fresh[name])
            setattr(tensor, READY, True)

    def _wants_states(self, told: bool | None) -> bool:
        return bool(self.config.output_hidden_states if told is None else told)


@contextmanager
def recorded(model: Model, wanted: bool) -> Generator[list[Tensor]]:
    """While it is open: a list that fills with the maps [b c *space] that stem and stages put out, before any norm."""
    maps: list[Tensor] = []

    def stem(_module: nn.Module, _inputs: Any, output: Any) -> None:
        maps.append(output[0].movedim(-1, 1))

    def stage(_module: nn.Module, _inputs: Any, output: Any) -> None:
        maps.append(output[0].unflatten(1, output[1]).movedim(-1, 1))

    handles = []
    if wanted:
        handles = [
            model.stem.register_forward_hook(stem),
            *(part.register_forward_hook(stage) for part in model.backbone.stages),
        ]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()


def mask_of(pixel_mask: Tensor | None) -> Tensor | None:
    """transformers' mask (1 = pixel of the picture, 0 = padding) as our `valid`."""
    return None if pixel_mask is None else pixel_mask.bool()


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return chain(module.named_parameters(), module.named_buffers())
