"""Tells transformers of our classes."""

from __future__ import annotations

from typing import Any

from transformers import (
    AutoBackbone,
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageClassification,
    AutoModelForSemanticSegmentation,
    PreTrainedModel,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES,
)

from swinkit.hf.backbone import SwinkitBackbone
from swinkit.hf.classification import SwinkitForImageClassification
from swinkit.hf.config import SwinkitConfig
from swinkit.hf.processor import SwinkitImageProcessor
from swinkit.hf.segmentation import SwinTransformerForSegmentation


def register() -> None:
    """The Auto classes find ours by `model_type`; pipelines know them by name."""
    AutoConfig.register(SwinkitConfig.model_type, SwinkitConfig, exist_ok=True)
    AutoBackbone.register(SwinkitConfig, SwinkitBackbone, exist_ok=True)
    AutoImageProcessor.register(SwinkitConfig, image_processor_classes={"pil": SwinkitImageProcessor}, exist_ok=True)
    _add(AutoModelForImageClassification, SwinkitForImageClassification, MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES)
    _add(
        AutoModelForSemanticSegmentation, SwinTransformerForSegmentation, MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES
    )


def _add(auto: Any, model: type[PreTrainedModel], names: Any) -> None:
    auto.register(SwinkitConfig, model, exist_ok=True)
    names[SwinkitConfig.model_type] = (
        model.__name__
    )  # else a pipeline would run but log that it does not know the model
