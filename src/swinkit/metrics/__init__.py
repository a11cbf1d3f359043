"""Figures over a split, counted batch by batch and added up over processes."""

from __future__ import annotations

from swinkit.metrics.accuracy import Accuracy
from swinkit.metrics.average_precision import AveragePrecision
from swinkit.metrics.iou import MeanIou
from swinkit.metrics.keypoints import KeypointError
from swinkit.metrics.word_error import WordError

__all__ = ["Accuracy", "AveragePrecision", "KeypointError", "MeanIou", "WordError"]
