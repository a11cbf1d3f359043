"""Models: stem, backbone and head put together; built fresh or loaded."""

from __future__ import annotations

from swinkit.models.build import build, change, count, find_size, macs
from swinkit.models.load import load, load_reported
from swinkit.models.mixed import Joined, Joining
from swinkit.models.model import HeadFactory, Model, space_of
from swinkit.models.prepared import Prepared, prepared
from swinkit.models.training import prepare_training

__all__ = [
    "HeadFactory",
    "Joined",
    "Joining",
    "Model",
    "Prepared",
    "build",
    "change",
    "count",
    "find_size",
    "load",
    "load_reported",
    "macs",
    "prepare_training",
    "prepared",
    "space_of",
]
