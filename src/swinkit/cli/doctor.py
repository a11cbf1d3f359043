"""`swinkit doctor`: what this installation consists of and can use."""

from __future__ import annotations

import importlib
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from swinkit.cli.options import parse
from swinkit.cli.output import document
from swinkit.recipes.environment import cores, processor, version


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Show versions, devices, extras and caches."""

    json: bool = False
    """print one JSON document on stdout"""


def run(arguments: Sequence[str]) -> int:
    """Print the findings; 1 where something that is needed is missing or broken."""
    options = parse(Options, "doctor", arguments)
    findings = examine()
    if options.json:
        document(findings)
    else:
        print("\n".join(_lines(findings)))
    return 0 if not findings["problems"] else 1


def examine() -> dict[str, Any]:
    """Plain values only."""
    needed, extras = _requirements()
    versions = {"swinkit": version("swinkit"), "python": platform.python_version()}
    versions |= {package: version(package) for package in needed}
    problems = [
        f"{name} is missing: pip install --upgrade swinkit" for name, version in versions.items() if not version
    ]
    devices: dict[str, Any] = {}
    try:
        devices = _devices()
    except (ImportError, OSError) as error:
        problems.append(f"torch cannot be loaded: {error}")
    return {
        "versions": versions,
        "system": {
            "platform": platform.platform(),
            "processor": processor(),
            "cores": cores(),
            "memory_gib": _memory(),
        },
        "devices": devices,
        "extras": {name: _extra(name, packages) for name, packages in extras.items()},
        "caches": _caches(),
        "problems": problems,
    }


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """What the installed package says it needs: always, and for each extra."""
    needed: list[str] = []
    extras: dict[str, list[str]] = {}
    try:
        lines = metadata.requires("swinkit") or []
    except metadata.PackageNotFoundError:  # run from a source folder
        lines = []
    for line in lines:
        package = re.split(r"[\s<>=!~;\[]", line, maxsplit=1)[0]
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", line)
        if extra is None:
            needed.append(package)
        elif package != "swinkit":
            extras.setdefault(extra.group(1), []).append(package)
    return needed, extras


def _extra(name: str, packages: Sequence[str]) -> dict[str, Any]:
    missing = [package for package in packages if version(package) is None]
    answer: dict[str, Any] = {"installed": not missing, "packages": {p: version(p) for p in packages}}
    if missing:
        answer["install"] = f"pip install 'swinkit[{name}]'"
    return answer


def _devices() -> dict[str, Any]:
    import torch

    devices: dict[str, Any] = {
        "cpu": {
            "threads": torch.get_num_threads(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "bf16": bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()),
        }
    }
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        devices[f"cuda:{index}"] = {
            "name": about.name,
            "memory_gib": round(about.total_memory / 2**30, 1),
            "capability": f"{about.major}.{about.minor}",
        }
    if torch.backends.mps.is_available():
        devices["mps"] = {}
    return devices


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _caches() -> dict[str, dict[str, Any]]:
    """The only places beside the run folders where files may be left."""
    home = Path.home()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    hub = Path(os.environ.get("HF_HOME") or cache / "huggingface")
    places = {
        "hugging face hub": os.environ.get("HF_HUB_CACHE") or hub / "hub",
        "torch.compile": os.environ.get("TORCHINDUCTOR_CACHE_DIR") or _inductor(),
        "triton": os.environ.get("TRITON_CACHE_DIR") or home / ".triton" / "cache",
        "matplotlib": os.environ.get("MPLCONFIGDIR") or cache / "matplotlib",
        "matplotlib settings": os.environ.get("MPLCONFIGDIR") or config / "matplotlib",
    }
    return {name: {"path": str(place), "mib": _size(Path(place))} for name, place in places.items()}


def _inductor() -> str:
    try:
        return importlib.import_module("torch._inductor.runtime.cache_dir_utils").default_cache_dir()
    except (ImportError, AttributeError):
        return ""


def _size(folder: Path) -> float | None:
    """MiB under `folder`; None where there is no such folder."""
    if not folder.is_dir():
        return None
    total = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    return round(total / 2**20, 1)


def _lines(findings: dict[str, Any]) -> list[str]:
    lines = ["versions"]
    lines += [f"  {name:<24} {version or 'missing'}" for name, version in findings["versions"].items()]
    lines += ["", "system", *(f"  {name:<24} {value}" for name, value in findings["system"].items())]
    lines += ["", "devices"]
    for name, about in findings["devices"].items():
        lines.append(f"  {name:<24} {', '.join(f'{key} {value}' for key, value in about.items())}")
    lines += ["", "extras"]
    for name, about in findings["extras"].items():
        lines.append(f"  {name:<24} {'installed' if about['installed'] else 'missing: ' + about['install']}")
    lines += ["", "caches"]
    for name, about in findings["caches"].items():
        size = "nothing there" if about["mib"] is None else f"{about['mib']} MiB"
        lines.append(f"  {name:<24} {about['path']} ({size})")
    lines += ["", *(findings["problems"] or ["everything that is needed is here"])]
    return lines
