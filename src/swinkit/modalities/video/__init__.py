"""Clips: from films, folders of frames and arrays to grids of time, height and width."""

from __future__ import annotations

from swinkit.modalities.video.video import Video

__all__ = ["Video"]
