"""Triton kernels of window attention: one program does some windows of one head, a window's whole scores in registers.

Tokens stay in raster order. Which tokens a window has is read from a table, so that shift, padding, partition, reverse
and crop cost nothing, and one kernel serves every rank, window and policy.
"""

from __future__ import annotations

import math

import triton
import triton.language as tl

from swinkit.ops.windows import REFUSED

LOG2E = tl.constexpr(math.log2(math.e))
NO_KEY = tl.constexpr(REFUSED * math.log2(math.e))


@triton.jit
def _tile(base, sample, rows, head, real, s_sample, s_cell, s_head, D: tl.constexpr, HEAD: tl.constexpr):
    """[P D] of one head's rows; zeros where a row is no token."""
    d = tl.arange(0, D)
    place = base + sample.to(tl.int64) * s_sample + rows[:, None].to(tl.int64) * s_cell + head * s_head + d[None, :]
    return tl.load(place, mask=real[:, None] & (d < HEAD)[None, :], other=0.0)


@triton.jit
def _padded(x, real, pad, head, D: tl.constexpr, HEAD: tl.constexpr):
    """The tile with what the projection makes of zeros in the rows of padding."""
    d = tl.arange(0, D)
    row = tl.load(pad + head * HEAD + d, mask=d < HEAD, other=0.0).to(x.dtype)
    return tl.where(real[:, None], x, row[None, :])


@triton.jit
def _weights(
    q, k, bias, kind, head, valid, sample, rows, real, cells,
    P: tl.constexpr, HEADS: tl.constexpr, VALID: tl.constexpr, PREC: tl.constexpr,
):  # fmt: skip
    """exp2 of the scores, not yet divided by their sum, and that sum [P]."""
    i = tl.arange(0, P)
    added = tl.load(bias + (kind * HEADS + head).to(tl.int64) * (P * P) + i[:, None] * P + i[None, :])
    s = tl.dot(q, tl.trans(k), input_precision=PREC) * LOG2E + added
    if VALID:  # tokens that a sample has not are no keys
        there = tl.load(valid + sample.to(tl.int64) * cells + rows, mask=real, other=1)
        s += tl.where(there != 0, 0.0, NO_KEY)[None, :]
    e = tl.exp2(s - tl.max(s, 1)[:, None])
    return e, tl.sum(e, 1)


@triton.jit
def forward(
    q, k, v, out, bias, order, kinds, pad_k, pad_v, valid,
    total, windows, cells, s_q_sample, s_q_cell, s_q_head, s_k_sample, s_k_cell, s_k_head,
    s_v_sample, s_v_cell, s_v_head, s_o_sample, s_o_cell, s_o_head,
    WINDOWS: tl.constexpr, T: tl.constexpr, P: tl.constexpr, HEADS: tl.constexpr, HEAD: tl.constexpr, D: tl.constexpr,
    ATTEND: tl.constexpr, VALID: tl.constexpr, PREC: tl.constexpr,
):  # fmt: skip
    """Grid: heads (fastest, so that the heads of a window share cache lines) x groups of `WINDOWS` windows."""
    head = tl.program_id(0) % HEADS
    group = tl.program_id(0) // HEADS
    i = tl.arange(0, P)
    d = tl.arange(0, D)
    for number in range(WINDOWS):
        w = group * WINDOWS + number  # beyond the last window nothing is real
        sample = w // windows
        window = w - sample * windows
        rows = tl.load(order + window * T + i, mask=i < T, other=-1)
        real = (rows >= 0) & (w < total)
        x = _tile(q, sample, rows, head, real, s_q_sample, s_q_cell, s_q_head, D, HEAD)
        y = _tile(k, sample, rows, head, real, s_k_sample, s_k_cell, s_k_head, D, HEAD)
        z = _tile(v, sample, rows, head, real, s_v_sample, s_v_cell, s_v_head, D, HEAD)
        if ATTEND:
            y = _padded(y, real, pad_k, head, D, HEAD)
            z = _padded(z, real, pad_v, head, D, HEAD)
        e, norm = _weights(
            x, y, bias, tl.load(kinds + window), head, valid, sample, rows, real, cells, P, HEADS, VALID, PREC
        )
        o = tl.dot(e.to(z.dtype), z, input_precision=PREC) / norm[:, None]
        place = out + sample.to(tl.int64) * s_o_sample + rows[:, None].to(tl.int64) * s_o_cell + head * s_o_head
        tl.store(place + d[None, :], o.to(out.dtype.element_ty), mask=real[:, None] & (d < HEAD)[None, :])


@triton.jit
def _put(base, x, sample, rows, head, real, cells, HEADS: tl.constexpr, D: tl.constexpr, HEAD: tl.constexpr):
    d = tl.arange(0, D)
    place = base + ((sample.to(tl.int64) * cells + rows[:, None]) * HEADS + head) * HEAD + d[None, :]
    tl.store(place, x.to(base.dtype.element_ty), mask=real[:, None] & (d < HEAD)[None, :])


@triton.jit
def backward(
    q, k, v, grad, dq, dk, dv, bias, dbias, dpad, order, kinds, pad_k, pad_v, valid,
    total, windows, cells, s_q_sample, s_q_cell, s_q_head, s_k_sample, s_k_cell, s_k_head,
    s_v_sample, s_v_cell, s_v_head, s_g_sample, s_g_cell, s_g_head,
    WINDOWS: tl.constexpr, T: tl.constexpr, P: tl.constexpr, HEADS: tl.constexpr, HEAD: tl.constexpr, D: tl.constexpr,
    ATTEND: tl.constexpr, VALID: tl.constexpr, PREC: tl.constexpr,
):  # fmt: skip
    """Everything from q, k and v again; the gradient of the bias is summed over a program's windows in a fixed order
    and written apart for each program, so that the sum over programs is the same every time."""
    head = tl.program_id(0) % HEADS
    group = tl.program_id(0) // HEADS
    i = tl.arange(0, P)
    d = tl.arange(0, D)
    inside = (i < T)[:, None] & (i < T)[None, :]
    LESS: tl.constexpr = PREC if PREC == "ieee" else "tf32"  # exponents need exact scores, gradients less
    db = tl.zeros([P, P], tl.float32)
    dpk = tl.zeros([D], tl.float32)
    dpv = tl.zeros([D], tl.float32)
    for number in range(WINDOWS):
        w = group * WINDOWS + number  # beyond the last window nothing is real
        sample = w // windows
        window = w - sample * windows
        rows = tl.load(order + window * T + i, mask=i < T, other=-1)
        real = (rows >= 0) & (w < total)
        x = _tile(q, sample, rows, head, real, s_q_sample, s_q_cell, s_q_head, D, HEAD)
        y = _tile(k, sample, rows, head, real, s_k_sample, s_k_cell, s_k_head, D, HEAD)
        z = _tile(v, sample, rows, head, real, s_v_sample, s_v_cell, s_v_head, D, HEAD)
        g = _tile(grad, sample, rows, head, real, s_g_sample, s_g_cell, s_g_head, D, HEAD)
        if ATTEND:
            y = _padded(y, real, pad_k, head, D, HEAD)
            z = _padded(z, real, pad_v, head, D, HEAD)
        e, norm = _weights(
            x, y, bias, tl.load(kinds + window), head, valid, sample, rows, real, cells, P, HEADS, VALID, PREC
        )
        p = e / norm[:, None]
        gv = tl.dot(tl.trans(p.to(g.dtype)), g, input_precision=PREC)
        dp = tl.dot(g, tl.trans(z.to(g.dtype)), input_precision=PREC)
        ds = p * (dp - tl.sum(p * dp, 1)[:, None])
        db += ds
        gq = tl.dot(ds.to(y.dtype), y, input_precision=LESS)
        gk = tl.dot(tl.trans(ds.to(x.dtype)), x, input_precision=LESS)
        _put(dq, gq, sample, rows, head, real, cells, HEADS, D, HEAD)
        _put(dk, gk, sample, rows, head, real, cells, HEADS, D, HEAD)
        _put(dv, gv, sample, rows, head, real, cells, HEADS, D, HEAD)
        if ATTEND:  # padding is a key too: its gradient belongs to the bias of the projection
            gone = (i < T) & (rows < 0) & (w < total)
            dpk += tl.sum(tl.where(gone[:, None], gk, 0.0), 0)
            dpv += tl.sum(tl.where(gone[:, None], gv, 0.0), 0)
    part = (group * HEADS + head).to(tl.int64)
    tl.store(dbias + part * (T * T) + i[:, None] * T + i[None, :], db, mask=inside)
    if ATTEND:
        tl.store(dpad + part * (2 * HEAD) + d, dpk, mask=d < HEAD)
        tl.store(dpad + part * (2 * HEAD) + HEAD + d, dpv, mask=d < HEAD)
