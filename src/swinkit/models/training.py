"""What is done to a finished model for training, from outside, in one order: subset, recompute, then compile."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from swinkit.backbone import Block


def prepare_training(
    model: nn.Module, *, recompute: bool = False, compile: bool = False, subset: bool = False
) -> nn.Module:
    """The same model, its blocks recomputed in the backward pass (less memory) and compiled one by one (regional).

    `subset`: stochastic depth leaves out a fixed share of every batch and does not compute it (`DropPath.kept`).
    """
    for module in model.modules():
        if isinstance(module, Block):
            module.subset = subset
            if recompute:
                module.forward = _recomputed(module.forward)
            if compile:
                module.compile()
    return model


def _recomputed(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(x: Tensor, *others: Any) -> Tensor:
        if not x.requires_grad:
            return forward(x, *others)
        result = checkpoint(partial(forward), x, *others, use_reentrant=False)
        assert isinstance(result, Tensor)
        return result

    return run
