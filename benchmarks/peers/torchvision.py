"""torchvision: Swin V1 and V2, and the 3-D one for video."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import swin_b, swin_s, swin_t, swin_v2_b, swin_v2_t
from torchvision.models.video import swin3d_t

LAYOUT = "torchvision"
MODELS = {
    "swin_t": swin_t,
    "swin_s": swin_s,
    "swin_b": swin_b,
    "swin_v2_t": swin_v2_t,
    "swin_v2_b": swin_v2_b,
    "video_swin_t": swin3d_t,
}
SETTINGS = ("eager",)


def build(name: str, setting: str) -> nn.Module:
    """It has one way."""
    del setting
    return MODELS[name]()


def state(model: nn.Module) -> dict[str, Tensor]:
    """Its weights under its names."""
    return model.state_dict()
