"""swinkit against its peers: every way of every project to run a model, timed in turns on the same machine.

    make bench                                                                     # everything, about an hour
    .venv-peers/bin/python benchmarks/compare.py --models swin_t --kinds eager     # a part of it
    .venv-peers/bin/python benchmarks/compare.py --tiny                            # seconds: to try the script

Both sides have the same weights: ours are read from what the peer writes. Before anything is timed, swinkit and the
peer must agree in float64, and every contender must agree with that answer as closely as its precision lets it.
Projects take turns in blocks (A B B A), the ratio is taken block by block, intervals are of 95 %. Two ceilings, a
matrix product and a copy, are measured in the same blocks.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from bars import bars
from peers import PEERS, find
from safetensors.torch import save_file
from torch import Tensor, nn

import swinkit.bench as bench
from swinkit.bench.contenders import KINDS, inference, training_step
from swinkit.export import ENGINES, engine
from swinkit.models import Model, find_size, load, macs
from swinkit.recipes.environment import environment

RESULTS = Path(__file__).resolve().parent / "results"
SIZES = {"swin_v2_t": (256, 256), "swin_v2_b": (256, 256), "video_swin_t": (8, 224, 224), "swin_unetr": (112, 112, 112)}
"""Cells along each axis, where not 224 x 224."""
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
TOLERANCE = {"fp32": 1e-4, "bf16": 6e-2}
"""Largest difference from float64, relative to the largest logit."""


def compare(model: str, precision: str, batch: int, options: argparse.Namespace) -> dict[str, Any]:
    """All contenders of one model, precision and batch: a result with its rows."""
    dtype, device = PRECISIONS[precision], torch.device(options.device)
    torch.manual_seed(0)
    size = options.size or SIZES.get(model, (224, 224))
    channels = 1 if model == "swin_unetr" else 3
    grid = torch.randn(batch, channels, *size, device=device)
    peers = [find(name) for name in options.peers if model in find(name).MODELS]
    contenders: list[bench.Contender] = []
    ours: Model | None = None
    for adapter in peers:
        name = adapter.__name__.split(".")[-1]
        torch.manual_seed(0)
        theirs = adapter.build(model, adapter.SETTINGS[0]).to(device)
        enliven(theirs)
        same = read(adapter, model, theirs)
        wanted = agree(name, theirs, same, grid[:1])
        if ours is None:
            ours = same
            contenders += checked(own_ones(ours.to(dtype), grid.to(dtype), options), wanted, precision)
        for setting in adapter.SETTINGS:
            made = adapter.build(model, setting).to(device)
            made.load_state_dict(theirs.state_dict())
            contenders += checked(
                others(name, setting, made.to(dtype), grid.to(dtype), options.kinds), wanted, precision
            )
    if ours is None:
        sys.exit(f"no peer among {', '.join(options.peers)} has {model}")
    calls, most = bench.ceilings(device, dtype)
    calls |= {each.name: each.call for each in contenders}
    seconds = bench.interleaved(
        calls, blocks=options.blocks, block_seconds=options.block_seconds, told=progress(model, precision, batch)
    )
    flops = 2.0 * batch * macs(ours.float(), size)
    rows = bench.rows_of(contenders, seconds, most, batch=batch, flops=flops)
    for row in rows:
        row |= {"peak_mib": memory(row, contenders, device), "useful_flops_only_forward": row["kind"][:8] == "training"}
    return {
        "bench": "compare", "model": model, "precision": precision, "batch": batch, "size": list(size), "rows": rows,
        "ceilings": {name: most[name] / bench.figure(seconds[name]).median for name in most},
        "blocks": options.blocks, "threads": torch.get_num_threads(), "date": date.today().isoformat(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else environment()["processor"],
        "cores": len(os.sched_getaffinity(0)), "versions": versions(),
    }  # fmt: skip


def enliven(model: nn.Module) -> None:
    """Random norms, biases and tables, so that nothing that should matter is 0 or 1; matrices stay as they are made."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 or "table" in name:
            nn.init.normal_(parameter, mean=1.0 if "norm" in name and name.endswith("weight") else 0.0, std=0.1)


def read(adapter: ModuleType, model: str, theirs: nn.Module) -> Model:
    """Our model with their weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_file({name: value.cpu().contiguous().clone() for name, value in adapter.state(theirs).items()}, path)
        told: dict[str, Any] = {"outputs": (3,)} if adapter.LAYOUT == "monai" else {}
        if model.startswith("swin_v2"):  # its tensors do not tell the windows
            told["window"] = find_size(model).config.windows
        return load(path, **told).to(next(theirs.parameters()).device)


def agree(name: str, theirs: nn.Module, ours: Model, grid: Tensor) -> Tensor:
    """The answer in float64; exits where the two projects compute something else."""
    with torch.no_grad():
        wanted = copy.deepcopy(theirs).double().eval()(grid.double())
        found = copy.deepcopy(ours).double().eval()(grid.double())
    found = found if isinstance(found, Tensor) else found[-1]
    error = float((found - wanted).abs().max() / wanted.abs().max())
    if not error < 1e-6:  # V2 sums its scores in float32 in some projects
        sys.exit(f"swinkit and {name} differ by {error:.1e} in float64: not the same model")
    return wanted


def own_ones(model: Model, grid: Tensor, options: argparse.Namespace) -> list[bench.Contender]:
    """Our settings of every kind that was asked for."""
    kinds = [kind for kind in options.kinds if possible(kind, grid)]
    return [each for kind in kinds for each in bench.own(model, kind, grid)]


def others(project: str, setting: str, model: nn.Module, grid: Tensor, kinds: Sequence[str]) -> list[bench.Contender]:
    """One setting of a peer in every kind."""
    found: list[bench.Contender] = []
    for kind in kinds:
        if not possible(kind, grid) or (kind in ENGINES and setting != "eager"):
            continue
        begun, compiled = time.perf_counter(), "compiled" in kind
        fresh = copy.deepcopy(model)
        call: Callable[[], Tensor]
        if kind.startswith("training"):
            call = training_step(fresh, grid, compiled=compiled)
        elif kind in ENGINES:
            call = engine(fresh.eval(), grid, kind)
        else:
            call = inference(fresh.eval(), grid, compiled=compiled)
        call()
        found.append(bench.Contender(project, kind, setting, call, time.perf_counter() - begun))
    return found


def possible(kind: str, grid: Tensor) -> bool:
    """Engines run on the CPU; ONNX Runtime has no bfloat16 there."""
    if kind in ENGINES and grid.device.type != "cpu":
        return False
    return kind != "onnxruntime" or grid.dtype == torch.float32


def checked(contenders: list[bench.Contender], wanted: Tensor, precision: str) -> list[bench.Contender]:
    """The contenders, all of which gave that answer."""
    for each in contenders:
        if each.kind.startswith("training"):
            continue
        found = each.call()[:1]
        error = float((found.double() - wanted).abs().max() / wanted.abs().max())
        if not error < TOLERANCE[precision]:
            sys.exit(f"{each.name} in {precision} is {error:.1e} away from float64, {TOLERANCE[precision]:.0e} is let")
        print(f"  {each.name}: {error:.1e} from float64, made in {each.made_in:.1f} s", file=sys.stderr, flush=True)
    return contenders


def memory(row: dict[str, Any], contenders: Sequence[bench.Contender], device: torch.device) -> float | None:
    """Most MiB of tensors that a call holds; unknown for engines."""
    if row["kind"] in ENGINES:
        return None
    each = next(
        c for c in contenders if (c.project, c.kind, c.setting) == (row["project"], row["kind"], row["setting"])
    )
    return round(bench.peak_memory(each.call, device) / 2**20, 1)


def progress(model: str, precision: str, batch: int) -> Callable[[int], None]:
    """Says which block is done."""
    return lambda block: print(f"\r{model} {precision} batch {batch}: block {block + 1} ", end="", file=sys.stderr)


def versions() -> dict[str, str]:
    """Of what was compared."""
    found: dict[str, str] = {}
    for name in ("swinkit", "torch", "timm", "torchvision", "transformers", "monai", "onnxruntime", "openvino"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def publish(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Add to the file, in place of older results of the same model, precision, batch, kinds and device."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    new = [key(result) for result in results]
    kept = [result for result in kept if key(result) not in new]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([*kept, *results], indent=1) + "\n", encoding="utf-8")
    bench.draw(bars([*kept, *results]), path.with_suffix(".png"))


def key(result: dict[str, Any]) -> list[Any]:
    """What a result is about."""
    kinds = sorted({row["kind"] for row in result["rows"]})
    return [kinds, *(result[name] for name in ("model", "precision", "batch", "device"))]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["swin_t", "swin_v2_t"])
    parser.add_argument("--peers", nargs="+", default=["timm"], choices=PEERS)
    parser.add_argument("--precision", nargs="+", default=["fp32", "bf16"], choices=PRECISIONS)
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS[:4]), choices=KINDS)
    parser.add_argument("--size", nargs="+", type=int, help="cells along each axis; by default the published size")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--block-seconds", type=float, default=0.25)
    parser.add_argument("--tiny", action="store_true", help="one batch of 1 and two blocks, to try the script")
    parser.add_argument("--publish", action="store_true", help=f"write {RESULTS / 'compare.json'} and .png")
    parser.add_argument("--out", type=Path, help="write the results and the plot into this file and beside it")
    options = parser.parse_args(arguments)
    if options.tiny:
        options.batch, options.blocks, options.block_seconds = [1], 2, 0.0
    found: list[dict[str, Any]] = []
    path = options.out or (RESULTS / "compare.json" if options.publish else None)
    for model in options.models:
        for precision in options.precision:
            for batch in options.batch:
                found.append(compare(model, precision, batch, options))
                print(f"\n{model}, {precision}, batch {batch}\n{bench.table(found[-1]['rows'])}", flush=True)
                torch._dynamo.reset()
                if path:  # what was measured stays, whatever comes next
                    publish(found, path)


if __name__ == "__main__":
    main()
