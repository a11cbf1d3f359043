"""Figures over a split, counted batch by batch and added up over processes."""

from __future__ import annotations

from swinkit.metrics.accuracy import Accuracy
from swinkit.metrics.average_precision import AveragePrecision
from swinkit.metrics.dice import DiceScore
from swinkit.metrics.iou import MeanIou
from swinkit.metrics.keypoints import KeypointError
from swinkit.metrics.recovered import Recovered
from swinkit.metrics.tags import TagAccuracy
from swinkit.metrics.tracks import Seen, TrackScores
from swinkit.metrics.word_error import WordError

__all__ = [
    "Accuracy",
    "AveragePrecision",
    "DiceScore",
    "KeypointError",
    "MeanIou",
    "Recovered",
    "Seen",
    "TagAccuracy",
    "TrackScores",
    "WordError",
]
