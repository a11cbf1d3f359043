"""What every parity test does: the same random values in a peer's model and in ours, and the same input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from swinkit.backbone import SwinConfig
from swinkit.heads.linear import PooledLinear
from swinkit.models import Model
from swinkit.weights import LAYOUTS

LOGITS, GRADIENTS = 1e-5, 1e-4
"""Design S10: the largest difference of a logit over the largest logit; the norm of the difference of all gradients
over their norm."""

ToOurs = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


@dataclass(frozen=True)
class Gap:
    """How far two models are apart on one input."""

    logits: float
    gradients: float

    def __str__(self) -> str:
        return f"logits {self.logits:.1e}, gradients {self.gradients:.1e}"


def randomise(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter random, none near a value that hides it: V2's fresh norms are zero, tables and biases nearly so.

    Linear weights keep the size of the stream; logit scales stay below ln 20, where transformers' doubled mask does
    not show.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("logit_scale"):
                parameter.copy_(torch.rand(parameter.shape, generator=generator) * 2.9)
            elif parameter.ndim == 1 and name.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            elif parameter.ndim == 1 or "bias_table" in name:
                parameter.copy_(0.3 * noise)
            else:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
    return model.eval()


def ours(config: SwinConfig, classes: int, state: Mapping[str, Tensor]) -> Model:
    """Our classifier of that configuration with these weights, all of them and no others."""
    model = Model(config, lambda levels: PooledLinear(levels.channels[-1], classes), outputs=(len(config.depths) - 1,))
    model.load_state_dict(dict(state), strict=True)
    return model.eval()


def gap(peer: nn.Module, model: Model, size: tuple[int, int], to_ours: ToOurs, batch: int = 2) -> Gap:
    """Logits and gradients of `peer` and `model` on one random batch."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, 3, *size, generator=generator)
    theirs = peer(x)
    theirs = getattr(theirs, "logits", theirs)
    mine = model(x)
    with torch.no_grad():
        inferred = model(x)  # by another attention backend than in training
    weight = torch.randn(theirs.shape, generator=generator)
    (theirs * weight).sum().backward()
    (mine * weight).sum().backward()
    wanted = to_ours({name: p.grad for name, p in peer.named_parameters() if p.grad is not None})
    found = {name: p.grad for name, p in model.named_parameters()}
    assert set(wanted) == set(found)
    off = torch.stack([(wanted[name] - found[name]).square().sum() for name in wanted]).sum().sqrt()
    norm = torch.stack([g.square().sum() for g in wanted.values()]).sum().sqrt()
    theirs = theirs.detach()
    apart = max(float((theirs - y.detach()).abs().max()) for y in (mine, inferred))
    return Gap(apart / float(theirs.abs().max()), float(off / norm))


def same(peer: nn.Module, model: Model, size: tuple[int, int], to_ours: ToOurs) -> None:
    """Assert that two models agree within S10; `pytest -rP` shows the figures."""
    found = gap(peer, model, size, to_ours)
    print(found)  # noqa: T201
    assert found.logits <= LOGITS
    assert found.gradients <= GRADIENTS


def by_table(layout: str, stages: int) -> ToOurs:
    """Names by the table of a layout that swinkit reads."""
    table = LAYOUTS[layout].table(stages)

    def to_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {table.ours(name): value for name, value in state.items()}

    return to_ours
