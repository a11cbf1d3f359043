"""The bridge to transformers: its own kinds of classes around our models, known to its Auto classes and pipelines.

    from swinkit.hf import SwinTransformerForSegmentation, SwinkitConfig
    model = SwinTransformerForSegmentation(SwinkitConfig.named("swin_nano", num_labels=11))

Importing this module registers them; importing swinkit does not import transformers.
"""

from __future__ import annotations

from swinkit.files import MissingExtra

try:
    from swinkit.hf.backbone import SwinkitBackbone
    from swinkit.hf.classification import SwinkitForImageClassification
    from swinkit.hf.config import SwinkitConfig
    from swinkit.hf.pretrained import SwinkitPreTrainedModel
    from swinkit.hf.processor import SwinkitImageProcessor
    from swinkit.hf.registration import register
    from swinkit.hf.segmentation import SwinTransformerForSegmentation
    from swinkit.hf.wrapping import wrap
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "transformers":  # an old one lacks some of its modules
        raise
    raise MissingExtra("transformers", "hf") from None

SwinTransformerFeatureExtractor = SwinkitImageProcessor
"""The name that the tutorial gives to the image processor."""

register()

__all__ = [
    "SwinTransformerFeatureExtractor",
    "SwinTransformerForSegmentation",
    "SwinkitBackbone",
    "SwinkitConfig",
    "SwinkitForImageClassification",
    "SwinkitImageProcessor",
    "SwinkitPreTrainedModel",
    "wrap",
]
