"""What a run was made with. Imports nothing heavy: `swinkit doctor` asks as well, even where torch cannot be loaded."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path

RECORDED = ("swinkit", "torch", "numpy", "opencv-python-headless", "pillow", "safetensors", "scikit-learn")
"""Packages whose version can change a run's numbers."""


def environment() -> dict[str, str]:
    """Versions and machine, as they should read."""
    facts = {"python": platform.python_version()}
    facts |= {name: found for name in RECORDED if (found := version(name)) is not None}
    return {**facts, "platform": platform.platform(), "processor": processor(), "cores": str(cores())}


def version(package: str) -> str | None:
    """The version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def processor() -> str:
    """The processor's name."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found.group(1).strip() if found else platform.processor() or platform.machine()


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int:
    """Bytes of memory that this process takes; the most it ever took where the system does not say more."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return _largest()


def _largest() -> int:
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if platform.system() == "Darwin" else most * 1024
