"""The linear layer of every block."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from swinkit.ops.linear import Packed, linear, packed


class Linear(nn.Linear):
    """`nn.Linear`, followed by the exact GELU where `gelu` says so; `ops.linear` picks the product."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = True, gelu: bool = False) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.gelu = gelu
        self.packed: Packed | None = None
        """The weight as oneDNN reads it fastest; only in read-only copies for inference (`models.prepared`)."""

    def forward(self, input: Float[Tensor, "... c"], bias: Float[Tensor, " d"] | None = None) -> Float[Tensor, "... d"]:
        """Each token on its own; with another `bias` where one is given."""
        return linear(input, self.weight, self.bias if bias is None else bias, gelu=self.gelu, packed=self.packed)

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles go without the packed weight, which torch cannot copy."""
        return {**self.__dict__, "packed": None}

    def pack(self) -> None:
        """Keep the weight in oneDNN's order too, where it has one."""
        self.packed = packed(self.weight)
