"""What one block costs as sequences grow: full attention, shifted windows and cross_block (rank 1, forward, float32).

python benchmarks/mixing_cost.py                    a table on the terminal
python benchmarks/mixing_cost.py --publish          benchmarks/results/mixing_cost.json and .png as well

A block is norm, attention, norm and MLP at 128 channels and 4 heads, one sequence at a time. Full attention has no
bias of offsets, since a table of them would itself grow with the square. Every contender runs in a process of its own;
time is the median of repeated calls, memory is what the highest point of a call adds to the process. Exponents are
slopes of a line through the logarithms of the last three lengths.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swinkit.backbone import Patches, Swin, SwinConfig
from swinkit.layers.linear import Linear
from swinkit.layers.mlp import Mlp

CHANNELS, HEADS = 128, 4
LENGTHS = tuple(1 << power for power in range(10, 17))
MATH_LIMIT = 8192
CONTENDERS = ("full, math", "full, fused", "cross_block, K = 128", "cross_block, K ~ sqrt(N)", "shifted, K = 128")
RESULTS = Path(__file__).resolve().parent / "results"


class FullBlock(nn.Module):
    """The same block with every token attending to every other."""

    def __init__(self, *, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        self.norm1, self.norm2 = nn.LayerNorm(CHANNELS), nn.LayerNorm(CHANNELS)
        self.qkv, self.projection = Linear(CHANNELS, 3 * CHANNELS), Linear(CHANNELS, CHANNELS)
        self.mlp = Mlp(CHANNELS, 4 * CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """[1 n c] -> [1 n c]"""
        q, k, v = self.qkv(self.norm1(x)).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v)
        else:
            y = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1) @ v
        x = x + self.projection(y.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


def contender(name: str, length: int) -> Callable[[Tensor], Tensor]:
    """A call on [1 length channels]."""
    if name.startswith("full"):
        return FullBlock(fused=name.endswith("fused")).eval()
    mixing, window = name.split(",")[0], 128 if "128" in name else 1 << round(math.log2(length) / 2)
    config = SwinConfig(
        stem=Patches(size=(1,), channels=1), width=CHANNELS, depths=(2 if mixing == "shifted" else 1,),
        heads=(HEADS,), window=((window,),), mixing=mixing,  # type: ignore[arg-type]
    )  # fmt: skip
    stage = Swin(config, (0,)).eval().stages[0]
    if mixing == "shifted":
        stage.blocks = stage.blocks[1:]  # the shifted one, which is the dearer
        stage.cuts = stage.cuts[1:]
    return lambda x: stage(x, (x.shape[1],))[0]


@torch.no_grad()
def measure(name: str, lengths: tuple[int, ...]) -> list[dict[str, Any]]:
    """Rows of length, seconds and bytes."""
    rows: list[dict[str, Any]] = []
    for length in lengths:
        if name == "full, math" and length > MATH_LIMIT:
            continue
        torch.manual_seed(0)
        call, x = contender(name, length), torch.randn(1, length, CHANNELS)
        call(x)
        before = _highest()
        begun = time.perf_counter()
        call(x)
        times = [time.perf_counter() - begun]
        memory = _highest(reset=False) - before
        while sum(times) < 2 and len(times) < 15:
            begun = time.perf_counter()
            call(x)
            times.append(time.perf_counter() - begun)
        rows.append({"length": length, "seconds": statistics.median(times), "bytes": memory, "calls": len(times)})
        print(
            f"{name:26s} {length:6d}  {rows[-1]['seconds']:9.4f} s  {memory / 2**20:8.1f} MiB",
            file=sys.stderr,
            flush=True,
        )
    return rows


def _highest(*, reset: bool = True) -> int:
    """The process's highest resident size in bytes, where asked for since now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def exponent(rows: list[dict[str, Any]], of: str) -> float:
    """Slope of log(cost) over log(length), last three lengths."""
    xs = [math.log(row["length"]) for row in rows[-3:]]
    ys = [math.log(max(row[of], 1)) if of == "bytes" else math.log(row[of]) for row in rows[-3:]]
    return statistics.linear_regression(xs, ys).slope


def draw(found: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Time and memory over length, both logarithmic."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    for axis, key, scale, label in ((axes[0], "seconds", 1e3, "ms"), (axes[1], "bytes", 2**-20, "MiB")):
        for name, rows in found.items():
            axis.plot([r["length"] for r in rows], [r[key] * scale for r in rows], marker="o", label=name)
        axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel=label)
        axis.set_xticks(LENGTHS, [str(n) for n in LENGTHS], minor=False)
        axis.grid(visible=True, which="major", alpha=0.3)
    axes[0].set_title("time of one block")
    axes[1].set_title("memory that one call adds")
    axes[0].legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--publish", action="store_true", help="write the result files")
    parser.add_argument("--longest", type=int, default=LENGTHS[-1])
    parser.add_argument("--only", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    lengths = tuple(length for length in LENGTHS if length <= options.longest)
    if options.only:
        print(json.dumps(measure(options.only, lengths)))
        return
    found: dict[str, list[dict[str, Any]]] = {}
    for name in CONTENDERS:
        words = [sys.executable, __file__, "--only", name, "--longest", str(options.longest)]
        found[name] = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
    slopes = {name: {of: round(exponent(rows, of), 2) for of in ("seconds", "bytes")} for name, rows in found.items()}
    print(json.dumps(slopes, indent=2))
    at = {name: {row["length"]: row["seconds"] for row in rows} for name, rows in found.items()}
    ratio = at["full, fused"].get(16384, math.nan) / at["cross_block, K = 128"].get(16384, math.nan)
    print(f"at 16,384 tokens cross_block (K = 128) is {ratio:.1f} times as fast as fused full attention")
    if options.publish:
        RESULTS.mkdir(exist_ok=True)
        entry = {
            "bench": "mixing_cost", "metric": "speedup_over_full_fused_at_16384", "value": round(ratio, 2),
            "split": None, "seed": 0, "recipe": "python benchmarks/mixing_cost.py --publish",
            "cores": len(os.sched_getaffinity(0)), "threads": torch.get_num_threads(), "device": "cpu",
            "versions": {"torch": torch.__version__}, "date": time.strftime("%Y-%m-%d"),
            "exponents": slopes, "rows": found, "control": {"full, fused": at["full, fused"].get(16384)},
        }  # fmt: skip
        (RESULTS / "mixing_cost.json").write_text(json.dumps([entry], indent=2) + "\n")
        draw(found, RESULTS / "mixing_cost.png")


if __name__ == "__main__":
    main()
