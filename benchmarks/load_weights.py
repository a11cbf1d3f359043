"""Time and memory of loading a model's weights from each layout, beside timm's and transformers' own loading.

    .venv-peers/bin/python benchmarks/load_weights.py                     # swin_l, every loader, five times
    .venv-peers/bin/python benchmarks/load_weights.py --model swin_t --width 24 --times 1     # to try the script
    .venv-peers/bin/python benchmarks/load_weights.py --publish           # into benchmarks/results/load_weights.json

Random weights are written in every layout into a temporary folder. Each loading runs in a fresh process, after its
imports and after the file was read once (so the disk's cache is warm), and builds the whole model in evaluation mode.
Seconds are the loading's alone; memory is what the process held at most above what it held after the imports. Every
loader gives one logit vector for one picture, and they are compared with swinkit's own file.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from swinkit.recipes.environment import environment

RESULTS = Path(__file__).parent / "results" / "load_weights.json"
LAYOUTS = {
    "swinkit": "swinkit.safetensors",
    "timm": "timm.safetensors",
    "microsoft": "microsoft.pth",
    "torchvision": "torchvision.pth",
    "transformers": "transformers/model.safetensors",
}
"""Layout -> the kind of file in which its weights are published."""
PEERS = ("timm", "transformers")
"""Projects whose own loading is measured, each on its own layout."""


def write(folder: Path, name: str, **changes: Any) -> None:
    """The model's random weights in every layout, and what transformers wants beside its file."""
    from swinkit.models import build, find_size
    from swinkit.weights import Origin, Weights, write_file

    torch.manual_seed(0)
    model, size = build(name, **changes), find_size(name)
    weights = Weights(config=model.config, state=model.state_dict(), origin=Origin(layout="swinkit"))
    for layout, file in LAYOUTS.items():
        (folder / file).parent.mkdir(exist_ok=True)
        write_file(folder / file, weights, layout, size=size.input)
    config, stem = model.config, model.config.stem
    about = {
        "architectures": ["SwinForImageClassification"],
        "model_type": "swin",
        "image_size": size.input[0],
        "patch_size": stem.size[0],
        "num_channels": stem.channels,
        "embed_dim": config.width,
        "depths": list(config.depths),
        "num_heads": list(config.heads),
        "window_size": config.windows[0][0],
        "num_labels": size.classes,
    }
    (folder / "transformers" / "config.json").write_text(json.dumps(about))


def ours(path: Path, _: dict[str, Any]) -> nn.Module:
    """swinkit's loading, of any layout."""
    from swinkit.models import load

    return load(path)


def by_timm(path: Path, about: dict[str, Any]) -> nn.Module:
    """timm's: a model of that size, filled from the file."""
    from timm.models import load_checkpoint
    from timm.models.swin_transformer import SwinTransformer

    model = SwinTransformer(
        img_size=about["image_size"],
        patch_size=about["patch_size"],
        embed_dim=about["embed_dim"],
        depths=about["depths"],
        num_heads=about["num_heads"],
        window_size=about["window_size"],
        num_classes=about["num_labels"],
    )
    load_checkpoint(model, str(path))
    return model.eval()


def by_transformers(path: Path, _: dict[str, Any]) -> nn.Module:
    """transformers' own."""
    from transformers import SwinForImageClassification

    return SwinForImageClassification.from_pretrained(path.parent).eval()


LOADERS: dict[str, Callable[[Path, dict[str, Any]], nn.Module]] = {
    "swinkit": ours,
    "timm": by_timm,
    "transformers": by_transformers,
}


def imported(loader: str) -> None:
    """What a loader needs, so that its import is not counted."""
    import safetensors.torch  # noqa: F401

    if loader == "swinkit":
        import swinkit.models  # noqa: F401

        return
    # a torchvision built for CUDA cannot register its operators beside a CPU torch; the peers need its Python part only
    sys.modules["torchvision._meta_registrations"] = ModuleType("torchvision._meta_registrations")
    if loader == "timm":
        import timm.models.swin_transformer  # noqa: F401
    else:
        from transformers import SwinForImageClassification  # noqa: F401


def memory(row: str) -> int:
    """A row of this process's status, in bytes."""
    rows = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in rows if line.startswith(row))


def once(loader: str, path: Path) -> dict[str, Any]:
    """One loading, in this process."""
    about = json.loads((path.parents[path.parent.name == "transformers"] / "transformers" / "config.json").read_text())
    imported(loader)
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is what is held now
    held, start = memory("VmRSS"), time.perf_counter()
    model = LOADERS[loader](path, about)
    seconds, most = time.perf_counter() - start, memory("VmHWM") - held
    torch.manual_seed(1)
    image = torch.randn(1, about["num_channels"], about["image_size"], about["image_size"])
    with torch.no_grad():
        answer = model(image)
    logits = answer if isinstance(answer, Tensor) else answer["logits"]
    return {"seconds": seconds, "mib": most / 2**20, "logits": logits[0, :8].tolist()}


def measure(model: str, times: int, **changes: Any) -> list[dict[str, Any]]:
    """Every loader and layout, turn by turn so that a slow moment of the machine meets them all."""
    runs = [("swinkit", layout, file) for layout, file in LAYOUTS.items()]
    runs += [(peer, peer, LAYOUTS[peer]) for peer in PEERS]
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), model, **changes)
        for turn in range(times):
            for loader, layout, file in runs:
                path = Path(folder) / file
                if turn == 0:
                    path.read_bytes()
                command = [sys.executable, __file__, "--once", loader, str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(f"{loader} of {layout}: {done.stderr}")
                found.setdefault((loader, layout), []).append(json.loads(done.stdout.splitlines()[-1]))
        sizes = {file: (Path(folder) / file).stat().st_size for _, _, file in runs}
    wanted = torch.tensor(found["swinkit", "swinkit"][0]["logits"])
    return [
        {
            "loader": loader,
            "layout": layout,
            "file": Path(file).suffix,
            "file_mib": round(sizes[file] / 2**20, 1),
            "seconds": round(median(each["seconds"] for each in found[loader, layout]), 4),
            "seconds_of_each": [round(each["seconds"], 4) for each in found[loader, layout]],
            "peak_mib": round(median(each["mib"] for each in found[loader, layout]), 1),
            "logits_differ": float((torch.tensor(found[loader, layout][0]["logits"]) - wanted).abs().max()),
        }
        for loader, layout, file in runs
    ]


def publish(rows: Sequence[dict[str, Any]], model: str, command: str) -> None:
    """The table as entries of the results."""
    about = environment()
    names = ("python", "swinkit", "torch", "timm", "transformers", "safetensors")
    entries = [
        {
            "bench": "load_weights",
            "metric": "seconds",
            "value": row["seconds"],
            "model": model,
            "recipe": command,
            "cores": int(about["cores"]),
            "device": about["processor"],
            "versions": {name: version(name) or about.get(name) for name in names},
            "date": date.today().isoformat(),
            **{name: value for name, value in row.items() if name != "seconds"},
        }
        for row in rows
    ]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def version(package: str) -> str | None:
    """Of an installed package."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="swin_l", help="a Swin V1 that `swinkit models` lists")
    parser.add_argument("--width", type=int, help="of a narrower model of that shape, to try the script")
    parser.add_argument("--times", type=int, default=5, help="fresh processes for every loader; the median counts")
    parser.add_argument("--publish", action="store_true", help=f"write {RESULTS}")
    parser.add_argument("--once", nargs=2, metavar=("LOADER", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once:
        print(json.dumps(once(options.once[0], Path(options.once[1]))))
        return
    if options.publish and options.width:
        parser.error("--publish is for a model as it is: leave --width out")
    rows = measure(options.model, options.times, **({"width": options.width} if options.width else {}))
    print(f"{'loader':<14}{'layout':<14}{'file':<14}{'MiB':>8}{'seconds':>10}{'peak MiB':>10}{'differs':>10}")
    for row in rows:
        print(
            f"{row['loader']:<14}{row['layout']:<14}{row['file']:<14}{row['file_mib']:>8.1f}{row['seconds']:>10.3f}"
            f"{row['peak_mib']:>10.1f}{row['logits_differ']:>10.1g}"
        )
    if options.publish:
        publish(
            rows, options.model, f"python benchmarks/load_weights.py --model {options.model} --times {options.times}"
        )


if __name__ == "__main__":
    main()
