"""From files to grids and back. A new modality is one file here and one line in the table."""

from __future__ import annotations

from swinkit.modalities.image import Image
from swinkit.modalities.video import Video

MODALITIES = {"image": Image, "video": Video}

__all__ = ["MODALITIES", "Image", "Video"]
