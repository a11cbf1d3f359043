"""Text: how it becomes ids, is varied for training, stacked and shown."""

from __future__ import annotations

from swinkit.modalities.text.text import Text

__all__ = ["Text"]
