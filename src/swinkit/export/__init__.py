"""Models as programs of other runtimes."""

from __future__ import annotations

from swinkit.export.engines import ENGINES, engine
from swinkit.export.onnx import write_onnx

__all__ = ["ENGINES", "engine", "write_onnx"]
