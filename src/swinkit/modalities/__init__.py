"""From files to grids and back. A new modality is one file here and one line in the table."""

from __future__ import annotations

from swinkit.modalities.image import Image
from swinkit.modalities.text import Text

MODALITIES = {"image": Image, "text": Text}

__all__ = ["MODALITIES", "Image", "Text"]
