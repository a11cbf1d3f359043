"""What the scripts beside this share: options, the card, interleaved timing, and files of results.

Contenders are timed in blocks of many calls between two events of the device, in the order A B B A, so that a drift of
the clock meets all of them alike; a figure is the median of its blocks with a 95 % interval of the median.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import metadata
from math import comb
from pathlib import Path
from statistics import median
from typing import Any

import torch

from swinkit.layers.attention import WindowAttention
from swinkit.ops.attention import fused

PACKAGES = ("swinkit", "torch", "triton", "timm", "torchvision", "transformers", "numpy")
OUT = Path(__file__).parents[1] / "results" / "gpu"


@dataclass
class Run:
    """One call of one script: where it runs, how long it may, and what it has found."""

    name: str
    device: torch.device
    tiny: bool
    out: Path
    minutes: float
    rows: list[dict[str, Any]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def add(self, **row: Any) -> None:
        """Keep a row, print it, and write the file anew: a card may go away at any time."""
        self.rows.append(row)
        print(" ".join(f"{key}={_short(value)}" for key, value in row.items()), flush=True)
        self.out.mkdir(parents=True, exist_ok=True)
        found = {**machine(self.device), "script": self.name, "tiny": self.tiny, "rows": self.rows}
        (self.out / f"{self.name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")

    def late(self, what: str) -> bool:
        """Whether the time is up; then a row says what was left out."""
        up = time.monotonic() - self.began > 60 * self.minutes
        if up:
            self.add(skipped=what, reason=f"{self.minutes:g} minutes are over")
        return up


def begin(name: str, about: str | None, arguments: Sequence[str] | None, **more: Any) -> tuple[Run, argparse.Namespace]:
    """Reads the options every script has, and `more`: names of options with keywords of `add_argument`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="smallest sizes, to try the script; times mean nothing")
    parser.add_argument("--minutes", type=float, default=7.0, help="after these, nothing new is begun")
    for option, keywords in more.items():
        parser.add_argument(f"--{option}", **keywords)
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA device is here: give --tiny --device cpu to try the script")
    if device.type == "cpu":
        fused.DEVICES = ("cuda", "cpu")  # the operator's plain kernel stands in for a card
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(0)
    return Run(name, device, options.tiny, options.out, options.minutes), options


def machine(device: torch.device) -> dict[str, Any]:
    """Card, versions and day."""
    facts: dict[str, Any] = {"date": date.today().isoformat(), "python": platform.python_version()}
    facts["versions"] = {name: version for name in PACKAGES if (version := _version(name))}
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        facts |= {"device": about.name, "memory_gib": round(about.total_memory / 2**30, 1)}
        facts |= {"multiprocessors": about.multi_processor_count, "cuda": torch.version.cuda}
    else:
        facts["device"] = platform.processor() or platform.machine()
    return facts


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def use_backend(model: torch.nn.Module, backend: str | None) -> torch.nn.Module:
    """Have every window attention of a model run by that backend."""
    for module in model.modules():
        if isinstance(module, WindowAttention):
            module.backend = backend
    return model


def interleaved(
    calls: dict[str, Callable[[], object]], run: Run, *, rounds: int = 6, seconds: float = 0.05
) -> dict[str, list[float]]:
    """Seconds a call, of 2 x `rounds` blocks of each contender. A block is as many calls as take about `seconds`."""
    rounds, seconds = (1, 0.0) if run.tiny else (rounds, seconds)
    often = {}
    for name, call in calls.items():
        for _ in range(1 if run.tiny else 3):  # builds kernels, fills caches
            call()
        often[name] = max(1, int(seconds / max(block(call, 1, run.device), 1e-6)))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name in (*calls, *reversed(calls)):
            found[name].append(block(calls[name], often[name], run.device))
    return found


def block(call: Callable[[], object], times: int, device: torch.device) -> float:
    """Seconds a call."""
    if device.type != "cuda":
        begun = time.perf_counter()
        for _ in range(times):
            call()
        return (time.perf_counter() - begun) / times
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize(device)
    begin.record()
    for _ in range(times):
        call()
    end.record()
    torch.cuda.synchronize(device)
    return begin.elapsed_time(end) / 1000 / times


def summary(times: Sequence[float]) -> dict[str, Any]:
    """Median and the order statistics that hold the true median in at least 95 % of cases (few blocks: all of them)."""
    ordered, count = sorted(times), len(times)
    outside = 0.0
    cut = 0
    while cut < count // 2 and (outside := outside + comb(count, cut) / 2**count) <= 0.025:
        cut += 1
    low = max(cut - 1, 0)
    return {"seconds": median(ordered), "interval": [ordered[low], ordered[count - 1 - low]], "blocks": count}


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """L2 norm of the difference over that of what was wanted, in float64; NaN counts as infinite."""
    error = (found.double() - wanted.double()).norm() / wanted.double().norm().clamp(min=1e-30)
    return float(error) if error == error else float("inf")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
