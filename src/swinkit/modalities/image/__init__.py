"""Pictures: how they are read, varied for training, stacked and drawn."""

from __future__ import annotations

from swinkit.modalities.image.image import Image
from swinkit.modalities.image.regions import picture_of

__all__ = ["Image", "picture_of"]
