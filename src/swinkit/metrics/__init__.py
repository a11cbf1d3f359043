"""Figures over a split, counted batch by batch and added up over processes."""

from __future__ import annotations

from swinkit.metrics.iou import MeanIou

__all__ = ["MeanIou"]
