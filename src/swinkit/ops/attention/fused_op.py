"""The fused kernels as torch operators: traced, exported, compiled and differentiated like any of torch's own."""

from __future__ import annotations

import math
from typing import Any

import torch
import triton
from torch import Tensor
from torch.library import triton_op, wrap_triton
from torch.nn import functional as F
from torch.utils.flop_counter import register_flop_formula

from swinkit.ops.attention import fused_kernels as kernels
from swinkit.ops.attention import fused_wide as wide
from swinkit.ops.windows import REFUSED

INTERPRETED = not isinstance(kernels.forward, triton.runtime.JITFunction)
"""Triton runs its kernels in Python (TRITON_INTERPRET=1): on the processor, to test them."""
PROGRAMS = 5 * 132
"""Programs of a backward pass over all heads: each leaves a partial sum of the bias's gradient, so there are few."""
WINDOWS_A_PROGRAM = 4
"""Of a forward pass over windows of one tile."""
ONE_TILE = 64
"""Tokens of the largest window whose scores one program holds; larger ones are worked through in tiles of so many."""
PASSING = 32
"""Slots that pass a tile of a large window at a time: with 64, registers do not suffice."""
CONFIGURATIONS: dict[tuple[str, int], dict[str, int]] = {
    ("forward", 16): {"num_warps": 1, "num_stages": 2},
    ("forward", 32): {"num_warps": 2, "num_stages": 2},
    ("forward", 64): {"num_warps": 4, "num_stages": 2},
    ("backward", 16): {"num_warps": 1, "num_stages": 1},
    ("backward", 32): {"num_warps": 2, "num_stages": 1},
    ("backward", 64): {"num_warps": 8, "num_stages": 1},
    ("wide forward", 64): {"num_warps": 4, "num_stages": 2},
    ("wide rows", 64): {"num_warps": 4, "num_stages": 2},
    ("wide columns", 64): {"num_warps": 4, "num_stages": 2},
    ("wide pairs", 64): {"num_warps": 4, "num_stages": 1},
}
"""(kernel, rows of a tile) -> how it is built; nothing is tuned while a model runs."""


@triton_op("swinkit::window_attention", mutates_args={})
def attend(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor, masks: Tensor, order: Tensor, kinds: Tensor, pad_k: Tensor,
    pad_v: Tensor, valid: Tensor | None, attends: bool,
) -> Tensor:  # fmt: skip
    """[b cells heads d]: attention inside windows of tokens in raster order.

    Args:
        q, k, v: [b cells heads d], any strides with the last 1; scores are q k + bias + mask.
        bias: [heads tokens tokens] float32.
        masks: [kinds tokens tokens] float32.
        order: [windows tokens] int32: the token in each slot, -1 for padding.
        kinds: [windows] int32: which of `masks` is each window's.
        pad_k, pad_v: [heads d]: key and value of padding, where it `attends`.
        valid: [b cells] int8: which tokens a sample has; None: all.
    """
    if not INTERPRETED and v.device.type == "cpu":  # here, so that compiled programs take it too
        return _plain(q, k, v, bias, masks, order, kinds, pad_k, pad_v, valid, attends)
    out = torch.empty(v.shape, dtype=v.dtype, device=v.device)
    windows, tokens = order.shape
    total, heads = v.shape[0] * windows, v.shape[2]
    fixed = constants(tokens, heads, v.shape[3], q.dtype, v.dtype) | {"ATTEND": attends, "VALID": valid is not None}
    there = order if valid is None else valid
    rest = (order, kinds, pad_k, pad_v, there, total, windows, v.shape[1], *_strides(q, k, v, out))
    if tokens > ONE_TILE:
        programs = total * heads * triton.cdiv(tokens, ONE_TILE)
        _kernel(wide.forward)[(programs,)](
            q, k, v, out, bias, masks, *rest, **fixed, **_built("wide forward", ONE_TILE)
        )
        return out
    groups = triton.cdiv(total, WINDOWS_A_PROGRAM)
    _kernel(kernels.forward)[(groups * heads,)](
        q, k, v, out, _tiles(bias, masks, fixed["P"]), *rest,
        WINDOWS=WINDOWS_A_PROGRAM, **fixed, **_built("forward", fixed["P"]),
    )  # fmt: skip
    return out


@triton_op("swinkit::window_attention_backward", mutates_args={})
def differentiate(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, masks: Tensor, order: Tensor, kinds: Tensor,
    pad_k: Tensor, pad_v: Tensor, valid: Tensor | None, attends: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of q, k, v, of the bias, and of pad_k and pad_v together [2 heads d]."""
    if not INTERPRETED and v.device.type == "cpu":
        return _plain_backward(grad, q, k, v, bias, masks, order, kinds, pad_k, pad_v, valid, attends)
    windows, tokens = order.shape
    total, heads, width = v.shape[0] * windows, v.shape[2], v.shape[3]
    dq, dk, dv = (torch.empty(x.shape, dtype=x.dtype, device=x.device) for x in (q, k, v))
    fixed = constants(tokens, heads, width, q.dtype, v.dtype) | {"ATTEND": attends, "VALID": valid is not None}
    there = order if valid is None else valid
    rest = (order, kinds, pad_k, pad_v, there, total, windows, v.shape[1], *_strides(q, k, v, grad))
    if tokens > ONE_TILE:
        dbias, dpad = _wide_backward((q, k, v, grad), (dq, dk, dv), (bias, masks), rest, fixed)
    else:
        per_program, groups = _grouped(total, heads)
        dbias = _partial(v, groups, heads, tokens, tokens)
        dpad = _partial(v, groups if attends else 0, heads, 2, width)
        _kernel(kernels.backward)[(groups * heads,)](
            q, k, v, grad, dq, dk, dv, _tiles(bias, masks, fixed["P"]), dbias, dpad, *rest,
            WINDOWS=per_program, **fixed, **_built("backward", fixed["P"]),
        )  # fmt: skip
    return dq, dk, dv, dbias.sum(0), dpad.sum(0).transpose(0, 1).contiguous()


def _wide_backward(
    given: tuple[Tensor, ...], found: tuple[Tensor, ...], added: tuple[Tensor, ...], rest: tuple[Any, ...],
    fixed: dict[str, Any],
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Fills dq, dk and dv; the parts of the gradients of the bias and of padding that are left to be summed."""
    (dq, dk, dv), v, total = found, given[2], rest[5]
    heads, tokens, width, passing = fixed["HEADS"], fixed["T"], fixed["HEAD"], fixed["N"]
    tiles = triton.cdiv(tokens, ONE_TILE)
    softmax = torch.empty(total, heads, 3, tokens, dtype=torch.float32, device=v.device)
    _kernel(wide.rows)[(total * heads * tiles,)](
        *given, dq, softmax, *added, *rest, **fixed, **_built("wide rows", ONE_TILE)
    )
    per_program, groups = _grouped(total, heads * tiles)
    dpad = _partial(v, groups * tiles if fixed["ATTEND"] else 0, heads, 2, width)
    _kernel(wide.columns)[(groups * heads * tiles,)](
        *given, dk, dv, dpad, softmax, *added, *rest,
        WINDOWS=per_program, **fixed, **_built("wide columns", ONE_TILE),
    )  # fmt: skip
    tiles *= triton.cdiv(tokens, passing)
    per_program, groups = _grouped(total, heads * tiles)
    dbias = _partial(v, groups, heads, tokens, tokens)
    _kernel(wide.pairs)[(groups * heads * tiles,)](
        *given, dbias, softmax, *added, *rest, WINDOWS=per_program, **fixed, **_built("wide pairs", ONE_TILE)
    )
    return dbias, dpad


def _grouped(windows: int, programs: int) -> tuple[int, int]:
    """Windows a program, and groups of so many, where each group is that many programs. Few values: each is built."""
    per_program = triton.next_power_of_2(int(triton.cdiv(windows * programs, PROGRAMS)))
    return per_program, triton.cdiv(windows, per_program)


def _partial(like: Tensor, *shape: int) -> Tensor:
    return torch.empty(shape, dtype=torch.float32, device=like.device)


def _strides(*tensors: Tensor) -> tuple[int, ...]:
    return tuple(stride for x in tensors for stride in x.stride()[:3])


def _tiles(bias: Tensor, masks: Tensor, rows: int) -> Tensor:
    """[kinds heads rows rows]: what is added to scores in units of log 2; rows beyond the window are never attended."""
    beyond = rows - bias.shape[-1]
    return F.pad((bias + masks[:, None]) * math.log2(math.e), (0, beyond, 0, beyond), value=-1e30)


def constants(tokens: int, heads: int, width: int, scores: torch.dtype, values: torch.dtype) -> dict[str, Any]:
    """What a kernel is built for: sizes, and tiles of at least 16 rows and columns, powers of two.

    `scores` is the type of queries and keys: where it is float32, scores keep that precision (cosine scores under
    autocast, too).
    """
    tokens, heads, width = int(tokens), int(heads), int(width)  # where sizes are symbols, these are settled here
    rows, columns = (max(16, triton.next_power_of_2(n)) for n in (min(tokens, ONE_TILE), width))
    precision = "ieee" if values == torch.float32 else "tf32x3" if scores == torch.float32 else "tf32"
    fixed = {"T": tokens, "P": rows, "HEADS": heads, "HEAD": width, "D": columns, "PREC": precision}
    return fixed if tokens <= ONE_TILE else fixed | {"N": PASSING}


def _built(kernel: str, rows: int) -> dict[str, int]:
    return {} if INTERPRETED else CONFIGURATIONS[kernel, rows]


def _kernel(kernel: Any) -> Any:
    return kernel if INTERPRETED else wrap_triton(kernel)


def _plain(q: Tensor, k: Tensor, v: Tensor, bias: Tensor, masks: Tensor, order: Tensor, kinds: Tensor, pad_k: Tensor,
           pad_v: Tensor, valid: Tensor | None, attends: bool) -> Tensor:  # fmt: skip
    """The same on the processor, where an exported program with this operator may be loaded."""
    z = _cut(v, order, pad_v if attends else None)
    x, y = _cut(q, order, None), _cut(k, order, pad_k if attends else None)
    return _joined(_shares(x, y, bias, masks, order, kinds, valid).to(v.dtype) @ z, order, v)


def _plain_backward(grad: Tensor, q: Tensor, k: Tensor, v: Tensor, bias: Tensor, masks: Tensor, order: Tensor,
                    kinds: Tensor, pad_k: Tensor, pad_v: Tensor, valid: Tensor | None,
                    attends: bool) -> tuple[Tensor, ...]:  # fmt: skip
    x, y = _cut(q, order, None), _cut(k, order, pad_k if attends else None)
    p = _shares(x, y, bias, masks, order, kinds, valid)
    x, y, z, g = (t.to(p.dtype) for t in (x, y, _cut(v, order, pad_v if attends else None), _cut(grad, order, None)))
    dp = g @ z.transpose(-1, -2)
    ds = p * (dp - (p * dp).sum(-1, keepdim=True))
    dx, dy, dz = ds @ y, ds.transpose(-1, -2) @ x, p.transpose(-1, -2) @ g
    pads = torch.zeros(2, *pad_v.shape)
    if attends:
        gone = (order < 0)[:, None, :, None]
        pads = torch.stack([(t * gone).sum((0, 1, 3)).float() for t in (dy, dz)])
    return _joined(dx, order, q), _joined(dy, order, k), _joined(dz, order, v), ds.sum((0, 1)).float(), pads


def _cut(x: Tensor, order: Tensor, pad: Tensor | None) -> Tensor:
    """[b cells heads d] -> [b windows heads tokens d]; padding holds `pad` [heads d], or zeros."""
    x = x.index_select(1, order.clamp(min=0).reshape(-1).long()).unflatten(1, order.shape).transpose(2, 3)
    fill = x.new_zeros(()) if pad is None else pad[:, None].to(x.dtype)
    return torch.where((order >= 0)[:, None, :, None], x, fill)


def _joined(x: Tensor, order: Tensor, like: Tensor) -> Tensor:
    """The inverse, in the shape and type of `like`."""
    cells, rows = like.shape[1], x.transpose(2, 3).flatten(1, 2).to(like.dtype)
    places = torch.where(order < 0, cells, order).reshape(-1).long()  # padding lands in a row beyond the last
    return rows.new_zeros(like.shape[0], cells + 1, *like.shape[2:]).index_copy(1, places, rows)[:, :cells].contiguous()


def _shares(x: Tensor, y: Tensor, bias: Tensor, masks: Tensor, order: Tensor, kinds: Tensor,
            valid: Tensor | None) -> Tensor:  # fmt: skip
    """[b windows heads tokens tokens]: the softmax of the scores, float32 at least."""
    wide = torch.promote_types(x.dtype, torch.float32)
    scores = x.to(wide) @ y.to(wide).transpose(-1, -2) + bias + masks.index_select(0, kinds.long())[:, None]
    if valid is not None:
        there = _cut(valid[..., None, None] != 0, order, None)[..., 0] | (order < 0)[:, None]
        scores = scores + torch.where(there, 0.0, REFUSED)[..., None, :]
    return scores.softmax(-1)


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    del output
    *tensors, ctx.attends = inputs
    ctx.save_for_backward(*tensors)


def _differentiated(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    grad = grad if grad.stride(-1) == 1 else grad.contiguous()
    dq, dk, dv, dbias, dpad = differentiate(grad, *ctx.saved_tensors, ctx.attends)
    pads = [part.to(pad.dtype) for part, pad in zip(dpad, ctx.saved_tensors[7:9], strict=True)]
    return dq, dk, dv, dbias, None, None, None, *pads, None, None


def _flops(q: Any, k: Any, v: Any, bias: Any, masks: Any, order: Any, *_: Any, **__: Any) -> int:
    """Multiply-adds twice, as torch counts: scores and sums of values."""
    b, _, heads, width = q
    return 4 * b * order[0] * order[1] ** 2 * heads * width


def _autocast(device: str) -> Any:
    """Under autocast q, k and v are narrowed, the bias and masks never. Queries that are wider than the values are so
    on purpose - the cosine score - and stay."""

    def rule(q: Tensor, k: Tensor, v: Tensor, *others: Any) -> Tensor:
        narrow = torch.get_autocast_dtype(device)
        if v.dtype != torch.float64:
            q, k = (x.to(narrow) if x.dtype == v.dtype else x for x in (q, k))
            v = v.to(narrow)
        with torch.autocast(device, enabled=False):
            return attend(q, k, v, *others)

    return rule


for _device in ("cpu", "cuda"):
    torch.library.impl("swinkit::window_attention", f"Autocast{_device.upper()}", _autocast(_device))
attend.register_autograd(_differentiated, setup_context=_remember)
register_flop_formula(torch.ops.swinkit.window_attention)(_flops)
