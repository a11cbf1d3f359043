"""Models: stem, backbone and head put together; built fresh or loaded."""

from swinkit.models.build import build, change, count, find_size, macs
from swinkit.models.model import HeadFactory, Model, space_of
from swinkit.models.training import prepare_training

__all__ = [
    "HeadFactory",
    "Model",
    "build",
    "change",
    "count",
    "find_size",
    "macs",
    "prepare_training",
    "space_of",
]
