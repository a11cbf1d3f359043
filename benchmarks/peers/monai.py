"""MONAI: the encoder of SwinUNETR for volumes."""

from __future__ import annotations

from monai.networks.nets.swin_unetr import SwinTransformer
from torch import Tensor, nn

LAYOUT = "monai"
MODELS = {"swin_unetr": 48}
SETTINGS = ("eager",)


class Coarsest(nn.Module):
    """The encoder's coarsest map, without the merging after it, which the others do not have."""

    def __init__(self, encoder: SwinTransformer) -> None:
        super().__init__()
        self.whole = {f"swinViT.{name}": value.clone() for name, value in encoder.state_dict().items()}
        encoder.layers4[0].downsample = None
        self.encoder = encoder

    def forward(self, grid: Tensor) -> Tensor:
        return self.encoder(grid, True)[-1]


def build(name: str, setting: str) -> nn.Module:
    """The published width, one channel in."""
    del setting
    encoder = SwinTransformer(
        in_chans=1, embed_dim=MODELS[name], window_size=(7, 7, 7), patch_size=(2, 2, 2), depths=(2, 2, 2, 2),
        num_heads=(3, 6, 12, 24), spatial_dims=3, qkv_bias=True,
    )  # fmt: skip
    return Coarsest(encoder)


def state(model: nn.Module) -> dict[str, Tensor]:
    """Its weights under its names, the last merging too."""
    assert isinstance(model, Coarsest)
    return model.whole
