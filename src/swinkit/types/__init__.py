"""Values and protocols shared by every room."""

from __future__ import annotations

from swinkit.types.protocols import Dataset, Layout, Metrics, Modality, Task
from swinkit.types.values import Batch, LabelMap, Levels, Prediction, Record, Sample, Window

__all__ = [
    "Batch",
    "Dataset",
    "LabelMap",
    "Layout",
    "Levels",
    "Metrics",
    "Modality",
    "Prediction",
    "Record",
    "Sample",
    "Task",
    "Window",
]
