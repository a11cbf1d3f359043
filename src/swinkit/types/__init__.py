"""Values and protocols shared by every room."""

from __future__ import annotations

from swinkit.types.objects import Objects
from swinkit.types.part import PartOf
from swinkit.types.predictions import (
    Answers,
    ClassScores,
    Detections,
    Filled,
    Keypoints,
    LabelMap,
    Prediction,
    Tags,
    Transcript,
    Word,
)
from swinkit.types.protocols import Dataset, Layout, Metrics, Modality, Task
from swinkit.types.values import Batch, Levels, Record, Region, Sample, Window

__all__ = [
    "Answers",
    "Batch",
    "ClassScores",
    "Dataset",
    "Detections",
    "Filled",
    "Keypoints",
    "LabelMap",
    "Layout",
    "Levels",
    "Metrics",
    "Modality",
    "Objects",
    "PartOf",
    "Prediction",
    "Record",
    "Region",
    "Sample",
    "Tags",
    "Task",
    "Transcript",
    "Window",
    "Word",
]
