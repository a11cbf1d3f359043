"""Numeric series: how they are read, varied for training, stacked and drawn."""

from __future__ import annotations

from swinkit.modalities.series.series import Series

__all__ = ["Series"]
