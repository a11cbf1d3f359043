"""Where a token is, told by its neighbours."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from swinkit.layers.stem import CONVOLUTION
from swinkit.ops.blocks import close_blocks, open_blocks
from swinkit.ops.memory import in_order
from swinkit.ops.windows import Plan


class ConditionalPosition(nn.Module):
    """Conditional positional encoding (Chu et al. 2021, section 3.3): a depthwise convolution of the map, added to it.
    As published it is 3 wide.

    Its zero padding tells tokens how near the border is, its filters what is next to them; both hold for any size.
    """

    def __init__(self, channels: int, rank: int, width: int = 3) -> None:
        super().__init__()
        self.convolution = CONVOLUTION[rank](channels, channels, width, padding=width // 2, groups=channels)

    def forward(
        self, x: Float[Tensor, "b *rows c"], plan: Plan, valid: Bool[Tensor, "b cells"] | None = None
    ) -> Float[Tensor, "b *rows c"]:
        """Tokens in raster order in and out, or blocks, whose markers stay as they are; what a sample lacks counts as
        outside of it."""
        if x.ndim == 4:
            return open_blocks(self._added(close_blocks(x, plan), plan, valid), x[:, :, :1], plan)
        return self._added(x, plan, valid)

    def _added(self, x: Tensor, plan: Plan, valid: Tensor | None) -> Tensor:
        if valid is not None:
            x = x * valid[..., None]
        grid = in_order(x.transpose(1, 2)).unflatten(2, plan.space)
        if len(plan.space) == 3:  # channels last, oneDNN's bfloat16 weight gradient is memory that nobody wrote
            grid = grid.contiguous()
        return x + in_order(self.convolution(grid).flatten(2).transpose(1, 2))
