"""`swinkit bench`: how fast a model runs here."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional

from swinkit.cli.options import parse, shown
from swinkit.cli.output import document
from swinkit.files import ConfigError, did_you_mean

PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Time a model in every way swinkit runs it, against what the machine can do at most.

    The ways take turns in blocks; a line says the median time of a call, its 95 % interval, inputs a second, useful
    FLOP/s (training counts the forward pass alone) and their share of a matrix product's rate measured in the same
    blocks.
    """

    model: Annotated[Positional[str], shown("MODEL")]
    """a name that `swinkit models` lists, or a weight file"""
    kinds: Annotated[tuple[str, ...], shown("KIND")] = ("eager",)
    """eager, compiled, onnxruntime, openvino, training or 'training, compiled'"""
    batch: Annotated[tuple[int, ...], shown("N")] = (1,)
    """inputs in a call"""
    size: Annotated[tuple[int, ...], shown("N")] = ()
    """cells along each axis; by default the published size"""
    precision: Annotated[tuple[str, ...], shown("KIND")] = ("fp32",)
    """fp32, bf16, fp16"""
    device: Annotated[str, shown("NAME")] = "cpu"
    """cpu or cuda"""
    blocks: Annotated[int, shown("N")] = 20
    """turns that every way takes"""
    block_seconds: Annotated[float, shown("S")] = 0.25
    """how long a turn repeats its call, at least once"""
    out: Annotated[Path | None, shown("FILE.json")] = None
    """write the rows here, and a plot beside it"""
    json: bool = False
    """print one JSON document on stdout"""


def run(arguments: Sequence[str]) -> int:
    """Time, print, write."""
    options = parse(Options, "bench", arguments)
    _check(options)
    from swinkit import bench

    results = [_measure(options, precision, batch) for precision in options.precision for batch in options.batch]
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        bench.draw({_title(r): r["rows"] for r in results}, options.out.with_suffix(".png"))
    if options.json:
        document(results)
        return 0
    for result in results:
        print(f"{_title(result)}\n{bench.table(result['rows'])}\n")
    return 0


def _check(options: Options) -> None:
    for name in options.precision:
        if name not in PRECISIONS:
            raise ConfigError(f"bench: no precision {name!r}: {did_you_mean(name, PRECISIONS)}")
    least = {"batch": min(options.batch, default=0), "size": min(options.size, default=1), "blocks": options.blocks}
    for field, value in least.items():
        if value < 1:
            raise ConfigError(f"bench: {field} is {value}: give 1 or more")
    if options.out and options.out.suffix != ".json":
        raise ConfigError(f"bench: {options.out} should end in .json (the plot stands beside it as .png)")


def _measure(options: Options, precision: str, batch: int) -> dict[str, Any]:
    import torch

    from swinkit import bench
    from swinkit.models import build, find_size, load, macs
    from swinkit.recipes.environment import environment

    if options.device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError("bench: no CUDA device is there: give --device cpu")
    torch.manual_seed(0)
    file = Path(options.model)
    if file.suffix and not file.is_file():
        raise ConfigError(f"bench: {file}: there is no such file: give a weight file or a name of `swinkit models`")
    model = load(file) if file.is_file() else build(options.model)
    size = options.size or (() if file.is_file() else find_size(options.model).input)
    config = model.config
    if len(size) != config.rank:
        raise ConfigError(f"bench: size {size} came, {config.rank} numbers were wanted: give --size")
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    device = torch.device(options.device)
    flops = 2.0 * batch * macs(model, size)
    grid = torch.randn(batch, config.stem.channels, *size, device=device, dtype=dtype)
    model = model.to(device, dtype)
    contenders = [each for kind in options.kinds for each in bench.own(model, kind, grid)]
    calls, most = bench.ceilings(device, dtype)
    seconds = bench.interleaved(
        calls | {each.name: each.call for each in contenders}, blocks=options.blocks,
        block_seconds=options.block_seconds, told=lambda block: _told(block, options.blocks),
    )  # fmt: skip
    rows = bench.rows_of(contenders, seconds, most, batch=batch, flops=flops)
    ceilings = {name: most[name] / bench.figure(seconds[name]).median for name in most}
    return {"model": options.model, "precision": precision, "batch": batch, "size": list(size), "rows": rows,
            "ceilings": ceilings, "threads": torch.get_num_threads(), "environment": dict(environment())}  # fmt: skip


def _told(block: int, blocks: int) -> None:
    if sys.stderr.isatty():
        print(f"\rblock {block + 1} of {blocks}", end="\n" if block + 1 == blocks else "", file=sys.stderr, flush=True)


def _title(result: dict[str, Any]) -> str:
    return f"{result['model']}, {'x'.join(map(str, result['size']))}, {result['precision']}, batch {result['batch']}"
