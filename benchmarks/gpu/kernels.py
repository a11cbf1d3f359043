"""Time of the attention kernels at every stage of Swin models, as a share of what a copy moves in the same run.

    python benchmarks/gpu/kernels.py                       # one card, batch 128, bfloat16
    python benchmarks/gpu/kernels.py --models swin_b_384 --batch 32
    python benchmarks/gpu/kernels.py --tiny --device cpu   # to try the script

Bytes are those that must move: forward reads q, k and v and writes the output; backward reads these and the output's
gradient and writes dq, dk and dv. A copy reads and writes. Inputs rotate, so that no cache
holds them from call to call.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from measuring import Run, begin, interleaved, summary
from torch import Tensor

from swinkit.models import find_size, space_of
from swinkit.ops.attention import Backend, Inputs, fused, sdpa
from swinkit.ops.windows import Cut, plan

MODELS = ("swin_t", "swin_b", "swin_l", "swin_v2_t", "swin_v2_b", "swin_v2_t_w16")
CACHE = 60 << 20
"""Bytes of the largest cache among the cards measured: the H200's."""


def stages(name: str, tiny: bool) -> list[dict[str, Any]]:
    """Space, window, heads and score of every stage."""
    size = find_size(name)
    config, input = size.config, (32, 32) if tiny else size.input
    spaces = space_of(config, input)
    score = "cosine" if config.version == "v2" else "dot"
    return [
        {"stage": number + 1, "space": space, "window": window, "heads": heads, "score": score}
        for number, (space, window, heads) in enumerate(zip(spaces, config.windows, config.heads, strict=False))
    ]


def inputs_of(stage: dict[str, Any], batch: int, width: int, run: Run) -> Inputs:
    """Shifted windows of random bfloat16, queries and keys as the layer hands them over."""
    window, heads, device = stage["window"], stage["heads"], run.device
    p = plan(stage["space"], Cut(window=window, shift=tuple(w // 2 for w in window)), device)
    projected = torch.randn(batch, p.back.numel(), 3, heads, width, device=device).bfloat16()
    q, k, v = projected.unbind(2)
    if stage["score"] == "cosine":
        q, k = (torch.nn.functional.normalize(x.float(), dim=-1) for x in (q, k))
    q = q * 1.0  # a tensor of its own, as after scaling
    bias = torch.randn(heads, p.cut.tokens, p.cut.tokens, device=device)
    pads = torch.zeros(2, heads, width, device=device)
    return Inputs(q=q.requires_grad_(), k=k.requires_grad_(), v=v.requires_grad_(), bias=bias.requires_grad_(), plan=p,
                  pad_key=pads[0].to(k.dtype), pad_value=pads[1].to(v.dtype))  # fmt: skip


def runner(backend: Backend, x: Inputs) -> Callable[[], Tensor]:
    """The backend on these inputs; of the fused one the operator, its tables made before."""
    if backend is fused.BACKEND:
        from swinkit.ops.attention import fused_op

        given = fused.arguments_of(x)
        return lambda: fused_op.attend(*given)
    return lambda: backend.run(x)


def forward(backend: Backend, rotation: list[Inputs]) -> Callable[[], Tensor]:
    """A call without gradients, on the next inputs each time."""
    turn = itertools.cycle([runner(backend, x) for x in rotation])

    def call() -> Tensor:
        with torch.no_grad():
            return next(turn)()

    return call


def backward(backend: Backend, rotation: list[Inputs]) -> Callable[[], object]:
    """A backward pass alone, on the next inputs each time."""
    outs = [(runner(backend, x)(), [x.q, x.k, x.v, x.bias]) for x in rotation]
    turn = itertools.cycle([(out, leaves, torch.randn_like(out)) for out, leaves in outs])

    def call() -> object:
        out, leaves, seed = next(turn)
        return torch.autograd.grad(out, leaves, seed, retain_graph=True)

    return call


def copy(run: Run) -> tuple[Callable[[], object], int]:
    """A copy and the bytes that it reads and writes."""
    count = 1 << (12 if run.tiny else 30)
    source = torch.ones(count, dtype=torch.uint8, device=run.device)
    goal = torch.empty_like(source)
    return lambda: goal.copy_(source), 2 * count


def measure(name: str, stage: dict[str, Any], batch: int, run: Run) -> None:
    """One row for each backend and direction, and the copy that was timed between them."""
    width = 8 if run.tiny else 32
    first = inputs_of(stage, batch, width, run)
    read = sum(x.numel() * x.element_size() for x in (first.q, first.k, first.v))
    out = first.v.numel() * first.v.element_size()
    moved = {"forward": read + out, "backward": 2 * read + out}
    rotation = [first]
    while len(rotation) < 4 and not run.tiny and moved["forward"] * len(rotation) < 4 * CACHE:
        rotation.append(inputs_of(stage, batch, width, run))
    call, copied = copy(run)
    calls = {"copy": call}
    for backend in (fused.BACKEND, sdpa.BACKEND):
        calls[f"{backend.name} forward"] = forward(backend, rotation)
        calls[f"{backend.name} backward"] = backward(backend, rotation)
    found = {key: summary(times) for key, times in interleaved(calls, run).items()}
    rate = copied / found["copy"]["seconds"]
    for key, figures in found.items():
        if key == "copy":
            run.add(bench="copy", model=name, stage=stage["stage"], **figures, gb_per_second=rate / 1e9)
            continue
        backend, direction = key.split()
        speed = moved[direction] / figures["seconds"]
        run.add(bench="attention", model=name, **stage, batch=batch, backend=backend, direction=direction, **figures,
                bytes=moved[direction], gb_per_second=speed / 1e9, of_copy=speed / rate)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every stage of every model, while there is time."""
    more = {"models": {"nargs": "+", "default": list(MODELS)}, "batch": {"type": int, "default": 128}}
    run, options = begin("kernels", __doc__, arguments, **more)
    names = options.models[:1] + ["swin_v2_t_w16"] if run.tiny else options.models
    for name in names:
        for stage in stages(name, run.tiny):
            what = f"{name}, stage {stage['stage']}"
            if run.late(what):
                continue
            try:
                measure(name, stage, 2 if run.tiny else options.batch, run)
            except (RuntimeError, ValueError) as error:  # out of memory, say: the other rows are wanted all the same
                run.add(bench="error", model=name, stage=stage["stage"], error=str(error)[:500])


if __name__ == "__main__":
    main()
