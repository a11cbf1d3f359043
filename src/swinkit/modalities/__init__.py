"""From files to grids and back. A new modality is one file here and one line in the table."""

from __future__ import annotations

from swinkit.modalities.audio import Audio
from swinkit.modalities.image import Image
from swinkit.modalities.mixed import Mixed
from swinkit.modalities.series import Series
from swinkit.modalities.text import Text
from swinkit.modalities.video import Video
from swinkit.modalities.volume import Volume

MODALITIES = {
    "image": Image,
    "audio": Audio,
    "series": Series,
    "text": Text,
    "video": Video,
    "volume": Volume,
    "mixed": Mixed,
}

__all__ = ["MODALITIES", "Audio", "Image", "Mixed", "Series", "Text", "Video", "Volume"]
