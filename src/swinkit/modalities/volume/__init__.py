"""Volumes: from NIfTI files and DICOM series to grids of three axes."""

from __future__ import annotations

from swinkit.modalities.volume.volume import Volume

__all__ = ["Volume"]
