"""Cost grows in proportion to the input: multiply-adds, time and memory over size, beside the peers' curves.

    .venv-peers/bin/python benchmarks/linear_cost.py                # a table
    .venv-peers/bin/python benchmarks/linear_cost.py --publish      # benchmarks/results/linear_cost.json and .png too
    .venv-peers/bin/python benchmarks/linear_cost.py --tiny         # to try the script

Pictures are for swin_t, volumes for the encoder of SwinUNETR (width 48, windows of 7 cells an axis), one input at a
time in float32. Every project has a fresh model at every size, ours the same one throughout. Exponents are slopes of
the logarithm of the cost over the logarithm of the number of cells, through all sizes; time is the median of the calls.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch
from compare import versions
from peers import find
from torch import Tensor, nn

from swinkit.backbone import Patches, SwinConfig
from swinkit.bench import peak_memory
from swinkit.bench.contenders import inference
from swinkit.heads.features import Features
from swinkit.models import Model, build, macs

RESULTS = Path(__file__).resolve().parent / "results"
SIDES = {"pictures": (448, 672, 896, 1344, 1792), "volumes": (64, 80, 96, 112, 128)}
TINY = {"pictures": (64, 96), "volumes": (32, 48)}
CHANNELS = {"pictures": 3, "volumes": 1}


def ours(kind: str) -> Model:
    """The one model of ours for all sizes."""
    torch.manual_seed(0)
    if kind == "pictures":
        return build("swin_t").eval()
    config = SwinConfig(
        stem=Patches(size=(2,) * 3, channels=1, norm=False), width=48, depths=(2,) * 4, heads=(3, 6, 12, 24),
        window=((7,) * 3,), small_map="shrink", pad_tokens="attend",
    )  # fmt: skip
    return Model(config, Features, (3,)).eval()


def theirs(kind: str) -> dict[str, Callable[[int], nn.Module]]:
    """Makers of the peers' models for a side."""
    if kind == "volumes":
        return {"monai": lambda side: find("monai").build("swin_unetr", "eager")}
    import timm

    return {
        "timm": lambda side: timm.create_model("swin_tiny_patch4_window7_224", img_size=side),
        "torchvision": lambda side: find("torchvision").build("swin_t", "eager"),
    }


def measure(call: Callable[[], Tensor], calls: int) -> dict[str, Any]:
    """Median seconds and most bytes."""
    call()
    times: list[float] = []
    for _ in range(calls):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return {"seconds": statistics.median(times), "bytes": peak_memory(call, torch.device("cpu"))}


def exponent(rows: Sequence[dict[str, Any]], of: str) -> float:
    """Slope of log(cost) over log(cells)."""
    xs, ys = ([math.log(row[key]) for row in rows] for key in ("cells", of))
    return round(statistics.linear_regression(xs, ys).slope, 3)


def curve(kind: str, sides: Sequence[int], calls: int) -> dict[str, list[dict[str, Any]]]:
    """Rows of every project; ours with multiply-adds."""
    model, rank = ours(kind), 2 if kind == "pictures" else 3
    found: dict[str, list[dict[str, Any]]] = {"swinkit": [], **{name: [] for name in theirs(kind)}}
    for side in sides:
        size = (side,) * rank
        grid = torch.randn(1, CHANNELS[kind], *size)
        for name in found:
            made = model if name == "swinkit" else theirs(kind)[name](side).eval()
            row = {"side": side, "cells": side**rank, **measure(inference(made, grid), calls)}
            if name == "swinkit":
                row["macs"] = macs(model, size)
            found[name].append(row)
            print(f"{kind} {name:12s} {side:5d}  {row['seconds']:8.3f} s  {row['bytes'] / 2**20:8.1f} MiB"
                  f"  {row.get('macs', 0) / 1e9:8.2f} GMACs", file=sys.stderr, flush=True)  # fmt: skip
    return found


def draw(curves: dict[str, dict[str, list[dict[str, Any]]]], path: Path) -> None:
    """Time and memory over cells, both logarithmic, a row a kind of input."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(len(curves), 2, figsize=(10, 3.8 * len(curves)), layout="constrained", squeeze=False)
    for pair, (kind, found) in zip(axes, curves.items(), strict=True):
        for axis, key, scale, label in zip(pair, ("seconds", "bytes"), (1, 2**-20), ("seconds", "MiB"), strict=True):
            for name, rows in found.items():
                colour = {"swinkit": "#1a7f5a"}.get(name)
                axis.plot([r["side"] for r in rows], [r[key] * scale for r in rows], "o-", label=name, color=colour)
            axis.set(xscale="log", yscale="log", xlabel="cells along an axis", ylabel=label, title=f"{kind}: {label}")
            axis.set_xticks([r["side"] for r in rows], [str(r["side"]) for r in rows], minor=False)
            axis.minorticks_off()
            axis.grid(visible=True, alpha=0.3)
        pair[0].legend()
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--calls", type=int, default=3, help="timed calls of every model and size")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--publish", action="store_true", help="write the result files")
    options = parser.parse_args(arguments)
    sides = TINY if options.tiny else SIDES
    curves = {kind: curve(kind, sides[kind], options.calls) for kind in options.kinds}
    slopes = {
        kind: {
            name: {of: exponent(rows, of) for of in ("seconds", "bytes", "macs") if of in rows[0]}
            for name, rows in found.items()
        }
        for kind, found in curves.items()
    }
    print(json.dumps(slopes, indent=2))
    if options.publish and not options.tiny:
        entry = {
            "bench": "linear_cost", "metric": "exponents", "value": slopes, "rows": curves, "seed": 0,
            "recipe": f"python benchmarks/linear_cost.py --kinds {' '.join(options.kinds)} --publish",
            "cores": len(os.sched_getaffinity(0)),
            "threads": torch.get_num_threads(), "device": "cpu", "versions": versions(),
            "date": date.today().isoformat(),
        }  # fmt: skip
        (RESULTS / "linear_cost.json").write_text(json.dumps([entry], indent=1) + "\n", encoding="utf-8")
        draw(curves, RESULTS / "linear_cost.png")


if __name__ == "__main__":
    main()
