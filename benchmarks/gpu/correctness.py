"""The fused kernels on a card: exact enough, the same every time, compiled and in training.

    python benchmarks/gpu/correctness.py                       # on one card; exit code 1 if a row failed
    python benchmarks/gpu/correctness.py --tiny --device cpu   # to try the script

Errors are relative L2 norms against the reference in float64 on the same random inputs. What is allowed is the error
of the reference itself in the narrow type, times FACTOR; the memory that results will land in was filled with NaN.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from measuring import Run, begin, relative, use_backend
from torch import Tensor

from swinkit.models import build
from swinkit.ops.attention import Backend, Inputs, fused, reference
from swinkit.ops.windows import Cut, plan

FACTOR = {"out": 1.25}
"""Of the reference's own error; gradients, whose products are rounded once more, have GRADIENTS."""
GRADIENTS = 2.0
FLOOR = {torch.float32: 1e-5, torch.bfloat16: 2e-3, torch.float16: 3e-4}
"""Errors that are always allowed."""


@dataclass(frozen=True)
class Case:
    """One shape of attention."""

    space: tuple[int, ...]
    window: tuple[int, ...]
    heads: int
    dtype: torch.dtype
    score: str = "dot"
    shifted: bool = True
    valid: bool = False
    width: int = 32
    samples: int = 2

    def __str__(self) -> str:
        words = [str(self.dtype)[6:], "x".join(map(str, self.space)), "w" + "x".join(map(str, self.window)), self.score]
        return " ".join([*words, f"h{self.heads}", "shifted" * self.shifted, "valid" * self.valid]).strip()


def cases(tiny: bool) -> Iterator[Case]:
    """Every kernel: one tile and more, padded or not, both scores, each type; few and many heads."""
    types = (torch.float32, torch.bfloat16, torch.float16)
    if tiny:
        for dtype, score in itertools.product(types[:2], ("dot", "cosine")):
            yield Case((9, 7), (4, 4), 2, dtype, score, width=8)
        yield Case((9, 13), (8, 12), 1, torch.float32, width=8)
        return
    shapes = [((56, 56), (7, 7), 3), ((30, 45), (7, 7), 4), ((32, 32), (8, 8), 6), ((9, 9), (3, 3), 48),
              ((25, 30), (12, 12), 6), ((40, 33), (16, 16), 3), ((48, 48), (24, 24), 2), ((8, 14, 20), (8, 7, 7), 3),
              ((100,), (64,), 24)]  # fmt: skip
    rows = itertools.product(shapes, types, ("dot", "cosine"))
    for number, ((space, window, heads), dtype, score) in enumerate(rows):
        yield Case(space, window, heads, dtype, score, shifted=number % 3 > 0, valid=number % 4 > 1)
    yield Case((28, 28), (7, 7), 5, torch.bfloat16, width=24)
    yield Case((28, 28), (12, 12), 2, torch.bfloat16, width=64)


def inputs_of(case: Case, device: torch.device, seed: int) -> Inputs:
    """Random inputs as the layer makes them: keys and values are slices of one projection."""
    torch.manual_seed(seed)
    shift = tuple(w // 2 * case.shifted for w in case.window)
    cut = Cut(window=case.window, shift=shift, pad_tokens="attend", small_map="pad")
    p = plan(case.space, cut, device)
    cells, tokens = torch.Size(case.space).numel(), cut.tokens
    shape = (case.samples, cells, 3, case.heads, case.width)
    q, k, v = torch.randn(shape, device=device).to(case.dtype).unbind(2)
    if case.score == "cosine":
        q, k = (torch.nn.functional.normalize(x.float(), dim=-1) for x in (q, k))
        q = q * 20
    else:
        q = q * case.width**-0.5
    pads = torch.randn(2, case.heads, case.width, device=device)
    bias = torch.randn(case.heads, tokens, tokens, device=device)
    valid = torch.rand(case.samples, cells, device=device) > 0.3 if case.valid else None
    return Inputs(q=q, k=k, v=v, bias=bias, plan=p, pad_key=pads[0].to(k.dtype), pad_value=pads[1].to(v.dtype),
                  valid=valid)  # fmt: skip


def outcome(backend: Backend, x: Inputs, wide: bool = False) -> dict[str, Tensor]:
    """The output and all gradients, for one fixed random gradient of the output."""
    names = ("q", "k", "v", "bias", "pad_key", "pad_value")
    given = {name: getattr(x, name).detach() for name in names}
    leaves = {name: (y.double() if wide else y).requires_grad_() for name, y in given.items()}
    out = backend.run(replace(x, **leaves))
    torch.manual_seed(1)
    seed = torch.randn(out.shape, device=out.device).to(x.v.dtype).to(out.dtype)
    wanted = [name for name in names if x.plan.attends or not name.startswith("pad")]
    grads = torch.autograd.grad(out, [leaves[name] for name in wanted], seed)
    return {"out": out.detach(), **dict(zip(wanted, grads, strict=True))}


def poison(x: Inputs) -> None:
    """Fill free memory of the sizes that results have with NaN, so that what is not written shows."""
    held = [torch.full_like(y, float("nan")) for y in (x.q, x.k, x.v, x.v, x.bias) for _ in range(2)]
    del held


def check(case: Case, run: Run) -> None:
    """One row: errors of every result beside those that are allowed, and whether a repetition is the same bit by
    bit."""
    x = inputs_of(case, run.device, seed=len(run.rows))
    truth, plain = outcome(reference.BACKEND, x, wide=True), outcome(reference.BACKEND, x)
    poison(x)
    ours = outcome(fused.BACKEND, x)
    errors = {name: relative(ours[name], truth[name]) for name in truth}
    allowed = {
        name: max(FACTOR.get(name, GRADIENTS) * relative(plain[name], truth[name]), FLOOR[case.dtype]) for name in truth
    }
    again = [outcome(fused.BACKEND, x) for _ in range(2)]
    same = all(torch.equal(ours[name], each[name]) for each in again for name in ours)
    passed = same and all(errors[name] <= allowed[name] for name in errors)
    run.add(check="kernel", case=str(case), passed=passed, same=same, errors=errors, allowed=allowed)


def races(case: Case, run: Run, seeds: int) -> None:
    """Other inputs every time, each run twice while a second stream keeps the card busy."""
    beside = torch.cuda.Stream(run.device) if run.device.type == "cuda" else None
    noise = torch.randn(64 if run.tiny else 2048, 64 if run.tiny else 2048, device=run.device)
    different = []
    for seed in range(seeds):
        x = inputs_of(case, run.device, 1000 + seed)
        first = outcome(fused.BACKEND, x)
        if beside is not None:
            with torch.cuda.stream(beside):
                for _ in range(seed % 5):
                    noise @ noise
        second = outcome(fused.BACKEND, x)
        if not all(torch.equal(first[name], second[name]) and bool(first[name].isfinite().all()) for name in first):
            different.append(seed)
    run.add(check="races", case=str(case), passed=not different, seeds=seeds, different=different)


def steps(run: Run, compiled: bool) -> None:
    """Logits and gradients of a small model on the fused backend, against the reference in float64."""
    width, size, windows = (8, (28, 20), (4,)) if run.tiny else (64, (100, 90), (8, 12))
    for version, window in itertools.product(("v1", "v2"), windows):
        torch.manual_seed(0)
        changes = {
            "classes": 5,
            "version": version,
            "width": width,
            "depths": (2, 2),
            "heads": (2, 4),
            "window": window,
        }
        ours, oracle = (build("swin_nano", **changes).to(run.device) for _ in range(2))
        for parameter in ours.parameters():
            torch.nn.init.normal_(parameter, std=0.1)
        oracle.load_state_dict(ours.state_dict())
        call = use_backend(ours, "fused")
        if compiled:
            call = torch.compile(ours, fullgraph=True, backend="eager" if run.tiny else "inductor")
        x = torch.randn(2, 3, *size, device=run.device)
        found, truth = step(call, ours, x), step(use_backend(oracle.double(), "reference"), oracle, x.double())
        errors = {name: relative(found[name], truth[name]) for name in truth}
        run.add(check="step", case=f"{version} w{window}", compiled=compiled, errors=errors,
                passed=all(error <= 1e-3 for error in errors.values()))  # fmt: skip


def step(call: Callable[[Tensor], Any], model: torch.nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Logits, and all gradients as one vector."""
    model.eval()  # no drop path
    logits = call(x)
    logits.square().sum().backward()
    return {"logits": logits.detach(), "gradients": torch.cat([p.grad.flatten() for p in model.parameters()])}


def main(arguments: Sequence[str] | None = None) -> bool:
    """Whether every row passed."""
    run, _ = begin("correctness", __doc__, arguments)
    todo: list[tuple[str, Callable[[], None]]] = [(str(c), lambda c=c: check(c, run)) for c in cases(run.tiny)]
    for window in ((4, 4),) if run.tiny else ((7, 7), (12, 12)):
        case = Case((23, 20), window, 3, torch.float32 if run.tiny else torch.bfloat16, width=8 if run.tiny else 32)
        todo.append((f"races {case}", lambda c=case: races(c, run, 2 if run.tiny else 100)))
    todo += [("steps", lambda: steps(run, compiled=False)), ("compiled steps", lambda: steps(run, compiled=True))]
    for name, each in todo:
        if run.late(name):
            continue
        try:
            each()
        except Exception as error:  # noqa: BLE001 - a kernel that does not build is a row too
            run.add(check="error", case=name, passed=False, error=f"{type(error).__name__}: {error}"[:500])
    failed = [row for row in run.rows if not row.get("passed", False)]
    print(f"{len(run.rows)} rows, {len(failed)} failed or left out")
    return not failed


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
