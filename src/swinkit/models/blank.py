"""Models whose parameters hold nothing yet, because a file's are about to take their place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.overrides import TorchFunctionMode

FILLING = ("normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_", "constant_", "fill_", "zero_")
"""What fills a parameter: functions of `torch.nn.init`, and methods that they call."""


class Blank(TorchFunctionMode):
    """While it is entered, parameters are made but not filled. Buffers are worked out as always.

    Drawing the first values of a large Swin takes longer than reading its file.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        kwargs = kwargs or {}
        filled = args[0] if args else kwargs.get("tensor")
        if func.__name__ in FILLING and isinstance(filled, nn.Parameter):
            return filled
        return func(*args, **kwargs)
