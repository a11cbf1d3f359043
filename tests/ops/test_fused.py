"""The Triton backend where there is no card: its kernels interpreted, built for cards, and its operator on the
processor. What it computes is in test_attention.py, which runs here with Triton's interpreter."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import get_args

import pytest
import torch

from swinkit.layers.attention import WindowAttention
from swinkit.models import build
from swinkit.ops.attention import Inputs, fused, reference
from swinkit.ops.windows import Cut, SmallMap, group, plan

needs_triton = pytest.mark.skipif(not fused.TRITON, reason="triton is not installed")


@pytest.mark.parametrize("small_map", get_args(SmallMap))
@pytest.mark.parametrize("pad_tokens", ["mask", "attend"])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("window", [(4,), (3, 4), (2, 4, 3)], ids=str)
def test_every_window_finds_its_mask_among_the_kinds(window, shifted, pad_tokens, small_map):
    cut = Cut(window=window, shift=tuple(w // 2 * shifted for w in window), small_map=small_map, pad_tokens=pad_tokens)
    for space in itertools.product(*({w, w - 1, 2 * w, 2 * w + 1, 5 * w, 5 * w - 2} for w in window)):
        for p in (plan(space, cut, torch.device("cpu")), group(plan(space, cut, torch.device("cpu")))):
            masks, kinds = fused.kinds_of(p)
            wanted = p.mask if p.mask is not None else torch.zeros(1, 1, 1)
            if p.kinds:
                wanted = wanted.repeat_interleave(torch.tensor(p.kinds), 0)
            assert len(masks) <= 3 ** len(window) and kinds.dtype == torch.int32
            assert torch.equal(masks[kinds.long()], wanted.expand(len(kinds), *masks.shape[1:]))


@needs_triton
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_kernels_agree_with_the_reference_in_the_interpreter():
    """Forward and all gradients over the whole matrix of test_attention.py, in a process of its own: Triton decides at
    import whether it interprets."""
    found = _interpreted("fused")
    passed = re.search(r"(\d+) passed", found.stdout)
    assert found.returncode == 0 and passed and int(passed[1]) >= 100, found.stdout[-3000:]


@needs_triton
def test_a_kernel_agrees_with_the_reference_in_the_interpreter():
    """The hardest case of each rank; all of them are in `make test-all`."""
    found = _interpreted(
        "many_windows or fused and attend and valid and ((11 and 8 and 4) or (9 and 7 and 2 and 1)) and dot"
    )
    assert found.returncode == 0 and "passed" in found.stdout, found.stdout[-3000:]


def _interpreted(which: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--show-capture=no", "-k", which]
    return subprocess.run(
        [*command, str(Path(__file__).with_name("test_attention.py"))],
        env={**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


LIMITS = {"forward": (128, 216), "backward": (255, 255), "wide forward": (168, 168), "wide rows": (168, 248),
          "wide columns": (255, 255), "wide pairs": (160, 168)}  # fmt: skip
"""Registers a thread, where queries and keys are bfloat16 and float32; more than 64 bytes of stack would be spills."""
BUILDS = [
    *((kernel, tokens, "plain") for kernel in ("forward", "backward") for tokens in (49, 64)),
    *((kernel, 49, "attend valid") for kernel in ("forward", "backward")),
    *((kernel, tokens, "plain") for kernel in LIMITS if kernel.startswith("wide") for tokens in (144, 256)),
    *((kernel, 392, "attend valid") for kernel in LIMITS if kernel.startswith("wide")),
    *((kernel, 64 if "wide" not in kernel else 256, "cosine") for kernel in LIMITS),
]


@needs_triton
@pytest.mark.parametrize("architecture", [80, 90])
@pytest.mark.parametrize("kernel, tokens, flags", BUILDS)
def test_kernels_build_for_cards_without_spills(kernel, tokens, flags, architecture):
    registers, stack, shared, code = _built(kernel, architecture, tokens, flags)
    assert registers <= LIMITS[kernel]["cosine" in flags] and stack <= 64 and shared <= 64 << 10
    assert ("wgmma.mma_async" in code) == (architecture == 90) and ("mma" in code)


def _built(name: str, architecture: int, tokens: int, flags: str) -> tuple[int, int, int, str]:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from swinkit.ops.attention import fused_kernels, fused_op, fused_wide

    kernel = getattr(fused_wide if "wide" in name else fused_kernels, name.removeprefix("wide "))
    scores = torch.float32 if "cosine" in flags else torch.bfloat16
    values = fused_op.constants(tokens, 3, 32, scores, torch.bfloat16)
    values |= {"ATTEND": "attend" in flags, "VALID": "valid" in flags}
    values |= {"WINDOWS": 4} if "WINDOWS" in kernel.arg_names else {}
    types = dict.fromkeys(("bias", "masks", "dbias", "dpad", "softmax"), "*fp32") | {"valid": "*i8"}
    types |= dict.fromkeys(("v", "out", "grad", "dv", "pad_v"), "*bf16") | dict.fromkeys(("order", "kinds"), "*i32")
    types |= dict.fromkeys(("q", "k", "dq", "dk", "pad_k"), "*fp32" if "cosine" in flags else "*bf16")
    kinds = {each: "constexpr" if each in values else types.get(each, "i32") for each in kernel.arg_names}
    places = {each: place for place, each in enumerate(kernel.arg_names)}
    aligned = [each for each, kind in kinds.items() if kind[0] == "*" or each.startswith("s_")]
    source = ASTSource(
        fn=kernel, signature=kinds, constexprs={(places[each],): value for each, value in values.items()},
        attrs={(places[each],): [["tt.divisibility", 16]] for each in aligned},
    )  # fmt: skip
    options = fused_op.CONFIGURATIONS[name, values["P"]]
    built = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(built.asm["cubin"])
        file.flush()
        told = subprocess.run([tool, "--dump-resource-usage", file.name], capture_output=True, text=True, check=True)
    registers, stack = (int(re.search(rf"{word}:(\d+)", told.stdout)[1]) for word in ("REG", "STACK"))
    return registers, stack, built.metadata.shared, built.asm["ptx"]


def arguments(shift: int = 2, *, grad: bool = False, valid: bool = True) -> tuple:
    torch.manual_seed(0)
    p = plan((9, 7), Cut(window=(4, 4), shift=(shift, shift), pad_tokens="attend"), torch.device("cpu"))
    q, k, v = (torch.randn(2, 63, 3, 8) for _ in range(3))
    bias, pads = torch.randn(3, 16, 16), torch.randn(2, 3, 8)
    masks, kinds = fused.kinds_of(p)
    there = (torch.rand(2, 63) > 0.3).to(torch.int8) if valid else None
    tensors = [q, k, v, bias, masks, fused.order_of(p), kinds, pads[0], pads[1]]
    for place in (0, 1, 2, 3, 7, 8):
        tensors[place].requires_grad_(grad)
    return (*tensors, there, True)


@needs_triton
@pytest.mark.parametrize("valid", [False, True])
def test_the_operator_keeps_torchs_rules(valid):
    from swinkit.ops.attention import fused_op

    torch.library.opcheck(
        fused_op.attend, arguments(grad=True, valid=valid),
        test_utils=("test_schema", "test_autograd_registration", "test_faketensor"),
    )  # fmt: skip


@needs_triton
@pytest.mark.parametrize("tokens", [16, 49, 144])
def test_programs_are_traced_for_cards_with_symbols_for_sizes(tokens):
    """On the meta device kernels are called as on a card, up to the launch."""
    from torch.fx.experimental.proxy_tensor import make_fx

    from swinkit.ops.attention import fused_op

    q, k, v = (torch.empty(5, 3 * tokens, 2, 8, device="meta") for _ in range(3))
    bias, masks = (torch.empty(2, tokens, tokens, device="meta") for _ in range(2))
    order, kinds = (torch.empty(size, dtype=torch.int32, device="meta") for size in ((3, tokens), (3,)))
    given = [q, k, v, bias, masks, order, kinds, *torch.empty(2, 2, 8, device="meta")]
    forward = make_fx(lambda *y: fused_op.attend(*y, None, True), tracing_mode="symbolic")(*given)
    assert forward(*given).shape == q.shape
    backward = make_fx(lambda *y: fused_op.differentiate(*y, None, True), tracing_mode="symbolic")(q, *given)
    assert [g.shape for g in backward(q, *given)] == [*(y.shape for y in given[:4]), (2, 2, 8)]


@needs_triton
def test_the_operator_runs_on_the_processor_where_a_program_was_exported_with_it():
    from swinkit.ops.attention import fused_op

    q, k, v, bias, _, _, _, pad_k, pad_v, there, _ = given = arguments(grad=True)
    p = plan((9, 7), Cut(window=(4, 4), shift=(2, 2), pad_tokens="attend"), torch.device("cpu"))
    x = Inputs(q=q, k=k, v=v, bias=bias, plan=p, pad_key=pad_k, pad_value=pad_v, valid=there.bool())
    leaves = [q, k, v, bias, pad_k, pad_v]
    ours, oracle = fused_op.attend(*given), reference.BACKEND.run(x)
    torch.testing.assert_close(ours, oracle)
    seed = torch.randn_like(ours)
    for got, wanted in zip(
        torch.autograd.grad(ours, leaves, seed), torch.autograd.grad(oracle, leaves, seed), strict=True
    ):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


@needs_triton
@pytest.mark.parametrize("cosine", [False, True])
def test_autocast_narrows_queries_keys_and_values_but_never_the_bias(cosine):
    from swinkit.ops.attention import fused_op

    q, k, v, *others = arguments(grad=True)
    with torch.no_grad():
        others[0] += 1e-3  # a step that bfloat16 does not see
    narrow = [x.detach().bfloat16() for x in (q, k, v)]
    given = [q, k, narrow[2].requires_grad_()] if cosine else [q, k, v]
    with torch.autocast("cpu", torch.bfloat16):
        out = fused_op.attend(*given, *others)
    wanted = fused_op.attend(*([q, k] if cosine else narrow[:2]), narrow[2], *others)
    assert out.dtype == torch.bfloat16 and out.equal(wanted)
    rounded = fused_op.attend(*([q, k] if cosine else narrow[:2]), narrow[2], others[0].bfloat16().float(), *others[1:])
    assert not out.equal(rounded)
    grads = torch.autograd.grad(out.float().sum(), [*given, others[0]])
    assert [g.dtype for g in grads] == [*(x.dtype for x in given), torch.float32]


def small_model() -> torch.nn.Module:
    """One stage of windows of 16 tokens, shifted and padded, on the operator."""
    torch.manual_seed(0)
    model = build("swin_nano", width=8, depths=(2,), heads=(2,), window=4, classes=3)
    for module in model.modules():
        if isinstance(module, WindowAttention):
            module.backend = "fused"
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.fixture
def on_processor(monkeypatch):
    monkeypatch.setattr(fused, "DEVICES", ("cuda", "cpu"))


@needs_triton
def test_a_model_on_the_operator_compiles_into_one_graph(on_processor):
    model, x = small_model(), torch.randn(2, 3, 36, 28)
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    found = []
    for each in (model, compiled):
        model.zero_grad()
        logits = each(x)
        logits.square().sum().backward()
        found.append([logits.detach(), *(p.grad.clone() for p in model.parameters())])
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-5)


@needs_triton
@pytest.mark.slow
def test_a_model_on_the_operator_is_exported_with_it_for_every_size(on_processor):
    """Exported plans end with a window of padding along each axis: its mask is found, too."""
    model, x = small_model(), torch.randn(2, 3, 36, 28)
    sizes = {0: torch.export.Dim("batch", max=64), **{n: torch.export.Dim(f"n{n}", min=9, max=512) for n in (2, 3)}}
    program = torch.export.export(model, (x,), dynamic_shapes=(sizes,), strict=False)
    calls = [node for node in program.graph.nodes if node.target is torch.ops.swinkit.window_attention.default]
    assert len(calls) == 2
    for size in ((36, 28), (32, 48), (37, 13)):
        x = torch.randn(3, 3, *size)
        torch.testing.assert_close(program.module()(x), model(x), rtol=1e-4, atol=1e-5)
