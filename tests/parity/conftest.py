"""Comparison with other projects' models: run by the Python of `make peers`, left out where they are missing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

PEERS = ("timm", "torchvision", "transformers", "monai")
missing = [name for name in PEERS if importlib.util.find_spec(name) is None]
if missing:
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header() -> str:
    return f"parity: left out, {', '.join(missing)} not installed (make peers)" if missing else "parity: all peers here"


def import_torchvision() -> None:
    """One built for CUDA cannot register its operators beside a CPU torch; its Python part works without them."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision._meta_registrations"] = ModuleType("torchvision._meta_registrations")
        importlib.import_module("torchvision")


if not missing:
    import_torchvision()
