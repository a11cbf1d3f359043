"""timm: Swin V1 and V2."""

from __future__ import annotations

import timm
from timm.layers import set_fused_attn
from torch import Tensor, nn

LAYOUT = "timm"
MODELS = {
    "swin_t": "swin_tiny_patch4_window7_224",
    "swin_s": "swin_small_patch4_window7_224",
    "swin_b": "swin_base_patch4_window7_224",
    "swin_l": "swin_large_patch4_window7_224",
    "swin_v2_t": "swinv2_tiny_window8_256",
    "swin_v2_b": "swinv2_base_window8_256",
}
SETTINGS = ("eager", "fused")


def build(name: str, setting: str) -> nn.Module:
    """`fused` is its experimental use of scaled_dot_product_attention; V2 has none."""
    set_fused_attn(setting == "fused", experimental=setting == "fused")
    return timm.create_model(MODELS[name])


def state(model: nn.Module) -> dict[str, Tensor]:
    """Its weights under its names."""
    return model.state_dict()
