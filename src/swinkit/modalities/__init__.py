"""From files to grids and back. A new modality is one file here and one line in the table."""

from __future__ import annotations

from swinkit.modalities.audio import Audio
from swinkit.modalities.image import Image

MODALITIES = {"image": Image, "audio": Audio}

__all__ = ["MODALITIES", "Audio", "Image"]
