"""Images per second of whole models, ours beside timm's: predicting, training, and one picture at a time.

    python benchmarks/gpu/models.py                        # one card: swin_t, then as much as there is time for
    python benchmarks/gpu/models.py --models swin_b --phases training
    python benchmarks/gpu/models.py --tiny --device cpu    # to try the script

Predicting has bfloat16 weights; training has float32 weights, autocast, the fused AdamW and no drop path. Pictures lie
on the card. A picture at a time is the replay of a CUDA graph. Peak memory is what one call allocates at most, with the
weights of every contender of the row's group on the card.
"""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from measuring import Run, begin, interleaved, summary, use_backend
from torch import Tensor, nn
from torch.nn import functional as F

from swinkit.models import build, find_size, prepared

MODELS = ("swin_t", "swin_b", "swin_l", "swin_v2_t")
PHASES = ("predicting", "training", "latency")
PEERS = {
    "swin_t": "swin_tiny_patch4_window7_224",
    "swin_b": "swin_base_patch4_window7_224",
    "swin_l": "swin_large_patch4_window7_224",
    "swin_v2_t": "swinv2_tiny_window8_256",
}
"""The same models in timm."""


def contenders(name: str, run: Run) -> Iterator[tuple[str, nn.Module]]:
    """Fresh models: ours on torch's attention and on the fused kernels, and timm's where it is installed."""
    changes: dict[str, Any] = {"drop_path": 0.0}
    if run.tiny:
        changes |= {"width": 8, "depths": (2, 1), "heads": (1, 2), "classes": 3}
    ours = build(name, **changes)
    yield "swinkit", ours
    yield "swinkit fused", use_backend(copy.deepcopy(ours), "fused")
    try:
        import timm
    except (ImportError, RuntimeError) as error:  # torchvision, built for another torch, raises the second
        run.add(skipped=f"timm's {name}", reason=str(error))
        return
    changes = {"drop_path_rate": 0.0}
    if run.tiny:
        changes |= {"embed_dim": 8, "depths": (2, 1), "num_heads": (1, 2), "num_classes": 3, "img_size": 32}
    for setting in (False, True):  # its own attention, and torch's where it has that
        timm.layers.set_fused_attn(setting, experimental=setting)
        if not setting or "swinv2" not in PEERS[name]:
            yield "timm" + " fused" * setting, timm.create_model(PEERS[name], **changes)


def predicting(name: str, model: nn.Module, x: Tensor, run: Run) -> Callable[[], object]:
    """A batch, no gradients."""
    model = model.to(run.device).bfloat16().eval()

    def call() -> object:
        with torch.inference_mode():
            return model(x)

    return call


def training(name: str, model: nn.Module, x: Tensor, run: Run) -> Callable[[], object]:
    """One step: forward, backward, update."""
    model = model.to(run.device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=run.device.type == "cuda")
    with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16):
        classes = model(x[:1]).shape[1]
    labels = torch.randint(classes, (len(x),), device=x.device)

    def call() -> object:
        with torch.autocast(x.device.type, torch.bfloat16):
            loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return loss

    return call


def latency(name: str, model: nn.Module, x: Tensor, run: Run) -> Callable[[], object]:
    """The replay of a recorded prediction of one picture; where there is no card, the prediction."""
    model = model.to(run.device).bfloat16().eval()
    if name.startswith("swinkit"):
        model = prepared(model, [tuple(x.shape[2:])])
    call = predicting(name, model, x[:1].clone(), run)
    if run.device.type != "cuda":
        return call
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            call()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


KINDS = {"predicting": predicting, "training": training, "latency": latency}


def measure(name: str, phase: str, batch: int, run: Run) -> None:
    """Every contender of one model in one phase, timed by turns; each is a row."""
    size = (32, 32) if run.tiny else find_size(name).input
    torch.manual_seed(0)
    x = torch.randn(batch, 3, *size, device=run.device, dtype=torch.float32 if phase == "training" else torch.bfloat16)
    calls: dict[str, Callable[[], object]] = {}
    for project, model in contenders(name, run):
        for compiled in (False,) if phase == "latency" else (False, True):
            label = f"{project} {'compiled' if compiled else 'eager'}"
            if compiled and run.late(f"{name}, {phase}, {label}"):
                continue
            each = copy.deepcopy(model)
            if compiled:
                each.compile(backend="eager" if run.tiny else "inductor")
            try:
                call = KINDS[phase](project, each, x, run)
                call()  # compiles; what fails here is left out and said
                calls[label] = call
            except Exception as error:  # noqa: BLE001 - other contenders are wanted all the same
                run.add(bench="error", model=name, phase=phase, contender=label, error=str(error)[:500])
    memory = {label: peak(call, run) for label, call in calls.items()}
    samples = 1 if phase == "latency" else batch
    for label, times in interleaved(calls, run, seconds=0.3).items():
        figures = summary(times)
        run.add(bench="model", model=name, phase=phase, contender=label, batch=samples, **figures,
                images_per_second=samples / figures["seconds"], peak_gib=memory[label])  # fmt: skip


def peak(call: Callable[[], object], run: Run) -> float | None:
    """GiB on the card at most during a call; a graph that is replayed has its memory already."""
    if run.device.type != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats(run.device)
    call()
    return torch.cuda.max_memory_allocated(run.device) / 2**30


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure phase by phase, model by model, while there is time."""
    more = {
        "models": {"nargs": "+", "default": list(MODELS), "choices": MODELS},
        "phases": {"nargs": "+", "default": list(PHASES), "choices": PHASES},
        "batch": {"type": int, "default": 128},
    }
    run, options = begin("models", __doc__, arguments, **more)
    for name in options.models[:1] if run.tiny else options.models:
        for phase in options.phases:
            if run.late(f"{name}, {phase}"):
                continue
            measure(name, phase, 2 if run.tiny else options.batch, run)
            gc.collect()
            torch.compiler.reset()
            if run.device.type == "cuda":
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
