"""Which cells are hidden in masked pre-training."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from swinkit.types import Window


def hide(
    allowed: Bool[Tensor, " b *space"], share: float, unit: Window, generator: torch.Generator | None = None
) -> Bool[Tensor, " b *space"]:
    """A mask of about `share` of the cells of every sample, in units of `unit` cells an axis; at least one where there
    is one (SimMIM, Xie et al. 2022, section 3.2: random masking in patches; Devlin et al. 2019 for tokens).

    Args:
        allowed: cells that may be hidden.
        generator: of the draw; None: the global one.
    """
    space = allowed.shape[1:]
    coarse = [-(-side // size) for side, size in zip(space, unit, strict=True)]
    draw = torch.rand(len(allowed), *coarse, generator=generator, device=generator.device if generator else None)
    for axis, size in enumerate(unit, start=1):
        draw = draw.repeat_interleave(size, axis).narrow(axis, 0, space[axis - 1])
    draw = draw.to(allowed.device).masked_fill(~allowed, 2.0)
    hidden = (draw < share) & allowed
    first = draw == draw.flatten(1).amin(1).view(-1, *[1] * len(space))
    none = ~hidden.flatten(1).any(1).view(-1, *[1] * len(space))
    return hidden | (none & first & allowed)
