"""Several inputs of one sample, each with a stem and a backbone of its own, joined by attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Num
from torch import Tensor, nn

from swinkit.backbone import SwinConfig
from swinkit.files import ConfigError
from swinkit.heads.tokens import PooledTokens
from swinkit.layers.norm import LayerNorm
from swinkit.models.model import HeadFactory, Model
from swinkit.types import Levels

_SPARED = ("answer", ".places")


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """How inputs are joined."""

    tokens: int = 16
    """What an input is pooled to, at most."""
    width: int = 128
    """Channels of these tokens."""
    depth: int = 2
    """Layers of attention over the tokens of all inputs."""
    heads: int = 4
    alone: bool = True
    """Training asks for the answer to every input alone too, so that the model can do without the others."""

    def __post_init__(self) -> None:
        if min(self.tokens, self.width, self.depth, self.heads) < 1 or self.width % self.heads:
            raise ConfigError(
                f"joining: {self.tokens} tokens, width {self.width}, depth {self.depth}, {self.heads} heads: wanted "
                "numbers from 1, and a width that the heads divide"
            )


class Joined(nn.Module):
    """Turns the grids of several inputs into whatever its head returns.

    Each input becomes a few tokens (`PooledTokens`); these and a learned one pass pre-norm transformer layers (Vaswani
    et al. 2017; Xiong et al. 2020), and the head sees that one, as a map of one cell. Tokens of what a sample lacks are
    no keys, so it gets the answer of a model that was never asked about that.
    """

    def __init__(self, configs: Mapping[str, SwinConfig], head: HeadFactory, joining: Joining) -> None:
        """`configs`: input -> its backbone."""
        super().__init__()
        width = joining.width
        pooled = lambda levels: PooledTokens(levels, joining.tokens, width)  # noqa: E731
        parts = {name: Model(config, pooled, outputs=(len(config.depths) - 1,)) for name, config in configs.items()}
        self.parts = nn.ModuleDict(parts)
        self._alone = joining.alone and len(parts) > 1
        self.answer = nn.Parameter(0.02 * torch.randn(width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, joining.heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(joining.depth)
        )
        self.norm = LayerNorm(width)
        self.levels = Levels(channels=(width,), strides=((1,),))
        self.head = head(self.levels)

    def forward(
        self,
        grid: Mapping[str, Num[Tensor, "b c ..."]],
        valid: Mapping[str, Bool[Tensor, "b ..."] | None] | None = None,
    ) -> Any:
        """The head's output. `grid`: of every input that some sample has, by name; `valid` marks the cells that each
        sample has, none where it lacks the input.

        In training with `Joining.alone` the batch is answered again for every input alone, so the output has b rows
        for all inputs, then b for each; a sample that lacks the input is answered as a whole there.
        """
        strange = [name for name in grid if name not in self.parts]
        if strange or not grid:
            raise ValueError(f"inputs {', '.join(grid) or 'none'} came, wanted some of {', '.join(self.parts)}")
        count = len(next(iter(grid.values())))
        tokens = [self.answer.expand(count, 1, -1)]
        there = [torch.ones(count, 1, dtype=torch.bool, device=self.answer.device)]
        for name, part in self.parts.items():
            if name in grid:
                found, known = part(grid[name], None if valid is None else valid.get(name))
                tokens.append(found.float())
                there.append(known)
        x, known = torch.cat(tokens, 1), torch.cat(there, 1)
        if self.training and self._alone:
            known = torch.cat([known, *_each_alone(there)])
            x = x.repeat(len(known) // count, 1, 1)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~known)
        return self.head([self.norm(x[:, 0])[..., None]], None, (1,))

    @property
    def macs(self) -> int:
        """Multiply-adds of the layers that join one sample's inputs."""
        width, tokens = len(self.answer), 1 + sum(len(part.head.places) for part in self.parts.values())  # type: ignore[arg-type, union-attr]
        return len(self.layers) * (12 * tokens * width**2 + 2 * tokens**2 * width)

    def freeze(self, stages: int | None) -> None:
        """Train neither the stems nor the first `stages` stages of every input's backbone; see `Model.freeze`."""
        for name, part in self.parts.items():
            try:
                part.freeze(stages)  # type: ignore[operator]
            except ValueError as error:
                raise ValueError(f"input {name}: {error}") from error

    def parameter_groups(self) -> list[tuple[str, int, bool]]:
        """(name, depth, decays) of every parameter: those of the inputs' models as theirs, then one depth a layer, the
        head last."""
        groups = [
            (f"parts.{name}.{inner}", depth, decays)
            for name, part in self.parts.items()
            for inner, depth, decays in part.parameter_groups()  # type: ignore[operator]
        ]
        first = 1 + max(depth for _, depth, _ in groups)
        for name, parameter in self.named_parameters():
            if not name.startswith("parts."):
                words = name.split(".")
                depth = first + (int(words[1]) if words[0] == "layers" else len(self.layers))
                groups.append((name, depth, parameter.ndim > 1))
        return [(name, depth, decays and not name.endswith(_SPARED)) for name, depth, decays in groups]


def _each_alone(there: Sequence[Tensor]) -> list[Tensor]:
    """Which tokens there are [b tokens] when only one input is given, for every one; `there` begins with the answer's
    own. A sample without that input keeps what it has."""
    whole, found = torch.cat(list(there), 1), list[Tensor]()
    for kept in range(1, len(there)):
        only = [known if index in (0, kept) else torch.zeros_like(known) for index, known in enumerate(there)]
        found.append(torch.where(there[kept].any(1, keepdim=True), torch.cat(only, 1), whole))
    return found
