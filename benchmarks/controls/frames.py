"""The control of transcripts: a plain residual convolutional network over frames, with the task's own head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from swinkit.recipes import Recipe
from swinkit.types import Levels


class FrameNet(nn.Module):
    """Two strided convolutions (one frame in four), then `depth` residual blocks of width 11, as in the convolutional
    networks of Collobert et al. (2016); what a sample lacks stays zero."""

    def __init__(self, recipe: Recipe, *, width: int, depth: int = 6) -> None:
        super().__init__()
        channels = recipe.modality.channels
        self.stem = nn.ModuleList([nn.Conv1d(channels, width, 5, 2, 2), nn.Conv1d(width, width, 5, 2, 2)])
        self.blocks = nn.ModuleList(nn.Conv1d(width, width, 11, padding=5) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth + 2))
        self.drop = nn.Dropout(0.1)
        self.head = recipe.task.head(Levels(channels=(width,), strides=((4,),)))

    def forward(self, grid: Tensor, valid: Tensor | None = None) -> object:
        """[b channels frames] -> the head's output."""
        x = grid
        kept = torch.ones_like(grid[:, 0], dtype=torch.bool) if valid is None else valid
        for index, layer in enumerate(self.stem):
            kept = kept[:, ::2]
            x = self._normed(torch.relu(layer(x)), index) * kept[:, None]
        for index, layer in enumerate(self.blocks, start=2):
            x = (x + self.drop(torch.relu(layer(self._normed(x, index))))) * kept[:, None]
        return self.head([x], None if valid is None else [kept], tuple(grid.shape[2:]))

    def parameter_groups(self) -> list[tuple[str, int, bool]]:
        """(name, depth, decays), as the engine asks."""
        return [(name, 0, parameter.ndim > 1) for name, parameter in self.named_parameters()]

    def _normed(self, x: Tensor, index: int) -> Tensor:
        return self.norms[index](x.movedim(1, -1)).movedim(-1, 1)
