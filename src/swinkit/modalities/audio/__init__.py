"""Sounds: how they are read, turned into log-mel frames, varied for training, stacked and drawn."""

from __future__ import annotations

from swinkit.modalities.audio.audio import Audio

__all__ = ["Audio"]
