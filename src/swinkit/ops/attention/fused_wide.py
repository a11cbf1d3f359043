# type: ignore
"""Triton kernels of attention in windows of more than one tile: 64 slots are held, the others pass by, tile by tile.

Forward: a softmax with a running maximum (Milakov and Gimelshein 2018; Dao et al. 2022). Backward: three passes, each
from q, k and v again: `rows` gives dq and what every row's softmax needs, `columns` dk and dv, `pairs` the gradient of
the bias. No two programs add to the same number, so that the results are the same every time.
"""

from __future__ import annotations

import triton
import triton.language as tl

from swinkit.ops.attention.fused_kernels import LOG2E, NO_KEY, _padded, _put, _tile

BEYOND = tl.constexpr(-1e30)
"""Added to the scores of slots that the window does not have."""


@triton.jit
def _slots(w, order, i, total, windows, T: tl.constexpr):
    """The token in each slot `i` of a window, and whether there is one."""
    rows = tl.load(order + (w % windows) * T + i, mask=i < T, other=-1)
    return rows, (rows >= 0) & (w < total)


@triton.jit
def _pair(
    k, v, pad_k, pad_v, sample, rows, head, real, s_k_sample, s_k_cell, s_k_head, s_v_sample, s_v_cell, s_v_head,
    HEAD: tl.constexpr, D: tl.constexpr, ATTEND: tl.constexpr,
):  # fmt: skip
    """A tile of keys and one of values, [rows D]."""
    y = _tile(k, sample, rows, head, real, s_k_sample, s_k_cell, s_k_head, D, HEAD)
    z = _tile(v, sample, rows, head, real, s_v_sample, s_v_cell, s_v_head, D, HEAD)
    if ATTEND:
        y = _padded(y, real, pad_k, head, D, HEAD)
        z = _padded(z, real, pad_v, head, D, HEAD)
    return y, z


@triton.jit
def _scores(a, b, i, j, bias, masks, head, kind, T: tl.constexpr, PREC: tl.constexpr):
    """Scores in units of log 2 of queries in slots `i` and keys in slots `j`, one of them a column, the other a row."""
    inside = (i < T) & (j < T)
    added = tl.load(bias + head * (T * T) + i * T + j, mask=inside, other=BEYOND)
    added += tl.load(masks + kind.to(tl.int64) * (T * T) + i * T + j, mask=inside, other=0.0)
    return (tl.dot(a, tl.trans(b), input_precision=PREC) + added) * LOG2E


@triton.jit
def _refused(valid, sample, rows, real, cells):
    """What is added to the scores of keys that a sample does not have."""
    there = tl.load(valid + sample.to(tl.int64) * cells + rows, mask=real, other=1)
    return tl.where(there != 0, 0.0, NO_KEY)


@triton.jit
def _keys(
    j, x, i, w, head, k, v, bias, masks, order, kinds, pad_k, pad_v, valid, total, windows, cells,
    s_k_sample, s_k_cell, s_k_head, s_v_sample, s_v_cell, s_v_head, T: tl.constexpr, HEAD: tl.constexpr,
    D: tl.constexpr, ATTEND: tl.constexpr, VALID: tl.constexpr, PREC: tl.constexpr,
):  # fmt: skip
    """Keys and values in slots `j` of a window, and their scores with the queries `x` in slots `i`."""
    sample = w // windows
    rows, real = _slots(w, order, j, total, windows, T)
    y, z = _pair(k, v, pad_k, pad_v, sample, rows, head, real, s_k_sample, s_k_cell, s_k_head,
                 s_v_sample, s_v_cell, s_v_head, HEAD, D, ATTEND)  # fmt: skip
    s = _scores(x, y, i[:, None], j[None, :], bias, masks, head, tl.load(kinds + w % windows), T, PREC)
    if VALID:
        s += _refused(valid, sample, rows, real, cells)[None, :]
    return y, z, s


@triton.jit
def forward(
    q, k, v, out, bias, masks, order, kinds, pad_k, pad_v, valid,
    total, windows, cells, s_q_sample, s_q_cell, s_q_head, s_k_sample, s_k_cell, s_k_head,
    s_v_sample, s_v_cell, s_v_head, s_o_sample, s_o_cell, s_o_head,
    T: tl.constexpr, P: tl.constexpr, N: tl.constexpr, HEADS: tl.constexpr, HEAD: tl.constexpr, D: tl.constexpr,
    ATTEND: tl.constexpr, VALID: tl.constexpr, PREC: tl.constexpr,
):  # fmt: skip
    """Grid: heads (fastest) x tiles of `P` queries x windows; keys pass by, `N` at a time."""
    head = tl.program_id(0) % HEADS
    w = tl.program_id(0) // HEADS // tl.cdiv(T, P)
    i = tl.program_id(0) // HEADS % tl.cdiv(T, P) * P + tl.arange(0, P)
    sample = w // windows
    rows, real = _slots(w, order, i, total, windows, T)
    x = _tile(q, sample, rows, head, real, s_q_sample, s_q_cell, s_q_head, D, HEAD)
    top = tl.full([P], float("-inf"), tl.float32)
    norm = tl.zeros([P], tl.float32)
    o = tl.zeros([P, D], tl.float32)
    for tile in range(tl.cdiv(T, N)):
        y, z, s = _keys(tile * N + tl.arange(0, N), x, i, w, head, k, v, bias, masks, order, kinds, pad_k, pad_v, valid,
                        total, windows, cells, s_k_sample, s_k_cell, s_k_head, s_v_sample, s_v_cell, s_v_head,
                        T, HEAD, D, ATTEND, VALID, PREC)  # fmt: skip
        highest = tl.maximum(top, tl.max(s, 1))
        less = tl.exp2(top - highest)
        e = tl.exp2(s - highest[:, None])
        norm = norm * less + tl.sum(e, 1)
        o = o * less[:, None] + tl.dot(e.to(z.dtype), z, input_precision=PREC)
        top = highest
    d = tl.arange(0, D)
    place = out + sample.to(tl.int64) * s_o_sample + rows[:, None].to(tl.int64) * s_o_cell + head * s_o_head
    o = (o / norm[:, None]).to(out.dtype.element_ty)
    tl.store(place + d[None, :], o, mask=real[:, None] & (d < HEAD)[None, :])


@triton.jit
def rows(
    q, k, v, grad, dq, softmax, bias, masks, order, kinds, pad_k, pad_v, valid,
    total, windows, cells, s_q_sample, s_q_cell, s_q_head, s_k_sample, s_k_cell, s_k_head,
    s_v_sample, s_v_cell, s_v_head, s_g_sample, s_g_cell, s_g_head,
    T: tl.constexpr, P: tl.constexpr, N: tl.constexpr, HEADS: tl.constexpr, HEAD: tl.constexpr, D: tl.constexpr,
    ATTEND: tl.constexpr, VALID: tl.constexpr, PREC: tl.constexpr,
):  # fmt: skip
    """Grid as forward. First what each row's softmax needs, `softmax` [windows heads 3 T]: the highest score, one over
    the sum, and the shares' mean of their gradients; with it dq."""
    head = tl.program_id(0) % HEADS
    w = tl.program_id(0) // HEADS // tl.cdiv(T, P)
    i = tl.program_id(0) // HEADS % tl.cdiv(T, P) * P + tl.arange(0, P)
    sample = w // windows
    held, real = _slots(w, order, i, total, windows, T)
    x = _tile(q, sample, held, head, real, s_q_sample, s_q_cell, s_q_head, D, HEAD)
    g = _tile(grad, sample, held, head, real, s_g_sample, s_g_cell, s_g_head, D, HEAD)
    top = tl.full([P], float("-inf"), tl.float32)
    norm = tl.zeros([P], tl.float32)
    mean = tl.zeros([P], tl.float32)
    for tile in range(tl.cdiv(T, N)):
        y, z, s = _keys(tile * N + tl.arange(0, N), x, i, w, head, k, v, bias, masks, order, kinds, pad_k, pad_v, valid,
                        total, windows, cells, s_k_sample, s_k_cell, s_k_head, s_v_sample, s_v_cell, s_v_head,
                        T, HEAD, D, ATTEND, VALID, PREC)  # fmt: skip
        highest = tl.maximum(top, tl.max(s, 1))
        less = tl.exp2(top - highest)
        e = tl.exp2(s - highest[:, None])
        norm = norm * less + tl.sum(e, 1)
        mean = mean * less + tl.sum(e * tl.dot(g, tl.trans(z.to(g.dtype)), input_precision=PREC), 1)
        top = highest
    norm = 1 / norm
    mean *= norm
    LESS: tl.constexpr = PREC if PREC == "ieee" else "tf32"  # exponents need exact scores, gradients less
    gq = tl.zeros([P, D], tl.float32)
    for tile in range(tl.cdiv(T, N)):
        y, z, s = _keys(tile * N + tl.arange(0, N), x, i, w, head, k, v, bias, masks, order, kinds, pad_k, pad_v, valid,
                        total, windows, cells, s_k_sample, s_k_cell, s_k_head, s_v_sample, s_v_cell, s_v_head,
                        T, HEAD, D, ATTEND, VALID, PREC)  # fmt: skip
        dp = tl.dot(g, tl.trans(z.to(g.dtype)), input_precision=PREC)
        ds = tl.exp2(s - top[:, None]) * norm[:, None] * (dp - mean[:, None])
        gq += tl.dot(ds.to(y.dtype), y, input_precision=LESS)
    _put(dq, gq, sample, held, head, real, cells, HEADS, D, HEAD)
    place = softmax + (w * HEADS + head).to(tl.int64) * (3 * T) + i
    tl.store(place, top, mask=i < T)
    tl.store(place + T, norm, mask=i < T)
    tl.store(place + 2 * T, mean, mask=i < T)


@triton.jit
def _softmax(softmax, w, head, i, inside, HEADS: tl.constexpr, T: tl.constexpr):
    """What `rows` left for the slots `i`; shares are zero in slots that the window does not have."""
    place = softmax + (w * HEADS + head).to(tl.int64) * (3 * T) + i
    inside = inside & (i < T)
    top = tl.load(place, mask=inside, other=0.0)
    return top, tl.load(place + T, mask=inside, other=0.0), tl.load(place + 2 * T, mask=inside, other=0.0)


@triton.jit
def columns(
    q, k, v, grad, dk, dv, dpad, softmax, bias, masks, order, kinds, pad_k, pad_v, valid,
    total, windows, cells, s_q_sample, s_q_cell, s_q_head, s_k_sample, s_k_cell, s_k_head,
    s_v_sample, s_v_cell, s_v_head, s_g_sample, s_g_cell, s_g_head,
    WINDOWS: tl.constexpr, T: tl.constexpr, P: tl.constexpr, N: tl.constexpr, HEADS: tl.constexpr, HEAD: tl.constexpr,
    D: tl.constexpr, ATTEND: tl.constexpr, VALID: tl.constexpr, PREC: tl.constexpr,
):  # fmt: skip
    """Grid: heads (fastest) x tiles of `P` keys x groups of `WINDOWS` windows; queries pass by, `N` at a time. The
    gradient of padding, dpad [groups tiles heads 2 HEAD], is summed over a program's windows."""
    head = tl.program_id(0) % HEADS
    group = tl.program_id(0) // HEADS // tl.cdiv(T, P)
    j = tl.program_id(0) // HEADS % tl.cdiv(T, P) * P + tl.arange(0, P)
    d = tl.arange(0, D)
    LESS: tl.constexpr = PREC if PREC == "ieee" else "tf32"
    dpk = tl.zeros([D], tl.float32)
    dpv = tl.zeros([D], tl.float32)
    for number in range(WINDOWS):
        w = group * WINDOWS + number  # beyond the last window nothing is real
        sample = w // windows
        kind = tl.load(kinds + w % windows)
        held, real = _slots(w, order, j, total, windows, T)
        y, z = _pair(k, v, pad_k, pad_v, sample, held, head, real, s_k_sample, s_k_cell, s_k_head,
                     s_v_sample, s_v_cell, s_v_head, HEAD, D, ATTEND)  # fmt: skip
        gk = tl.zeros([P, D], tl.float32)
        gv = tl.zeros([P, D], tl.float32)
        for tile in range(tl.cdiv(T, N)):
            i = tile * N + tl.arange(0, N)
            passing, there = _slots(w, order, i, total, windows, T)
            x = _tile(q, sample, passing, head, there, s_q_sample, s_q_cell, s_q_head, D, HEAD)
            g = _tile(grad, sample, passing, head, there, s_g_sample, s_g_cell, s_g_head, D, HEAD)
            top, norm, mean = _softmax(softmax, w, head, i, w < total, HEADS, T)
            s = _scores(y, x, i[None, :], j[:, None], bias, masks, head, kind, T, PREC)
            if VALID:
                s += _refused(valid, sample, held, real, cells)[:, None]
            p = tl.exp2(tl.minimum(s - top[None, :], 0.0)) * norm[None, :]
            gv += tl.dot(p.to(g.dtype), g, input_precision=PREC)
            ds = p * (tl.dot(z.to(g.dtype), tl.trans(g), input_precision=PREC) - mean[None, :])
            gk += tl.dot(ds.to(x.dtype), x, input_precision=LESS)
        _put(dk, gk, sample, held, head, real, cells, HEADS, D, HEAD)
        _put(dv, gv, sample, held, head, real, cells, HEADS, D, HEAD)
        if ATTEND:  # padding is a key too: its gradient belongs to the bias of the projection
            gone = (j < T) & (held < 0) & (w < total)
            dpk += tl.sum(tl.where(gone[:, None], gk, 0.0), 0)
            dpv += tl.sum(tl.where(gone[:, None], gv, 0.0), 0)
    if ATTEND:
        place = dpad + tl.program_id(0).to(tl.int64) * (2 * HEAD) + d
        tl.store(place, dpk, mask=d < HEAD)
        tl.store(place + HEAD, dpv, mask=d < HEAD)


@triton.jit
def pairs(
    q, k, v, grad, dbias, softmax, bias, masks, order, kinds, pad_k, pad_v, valid,
    total, windows, cells, s_q_sample, s_q_cell, s_q_head, s_k_sample, s_k_cell, s_k_head,
    s_v_sample, s_v_cell, s_v_head, s_g_sample, s_g_cell, s_g_head,
    WINDOWS: tl.constexpr, T: tl.constexpr, P: tl.constexpr, N: tl.constexpr, HEADS: tl.constexpr, HEAD: tl.constexpr,
    D: tl.constexpr, ATTEND: tl.constexpr, VALID: tl.constexpr, PREC: tl.constexpr,
):  # fmt: skip
    """Grid: heads (fastest) x tiles of `N` keys x tiles of `P` queries x groups of `WINDOWS` windows; the gradient of
    the bias, dbias [groups heads T T], is summed over a program's windows in a fixed order."""
    head = tl.program_id(0) % HEADS
    place = tl.program_id(0) // HEADS
    j = place % tl.cdiv(T, N) * N + tl.arange(0, N)
    i = place // tl.cdiv(T, N) % tl.cdiv(T, P) * P + tl.arange(0, P)
    group = place // (tl.cdiv(T, N) * tl.cdiv(T, P))
    db = tl.zeros([P, N], tl.float32)
    for number in range(WINDOWS):
        w = group * WINDOWS + number  # beyond the last window nothing is real
        sample = w // windows
        held, real = _slots(w, order, i, total, windows, T)
        x = _tile(q, sample, held, head, real, s_q_sample, s_q_cell, s_q_head, D, HEAD)
        g = _tile(grad, sample, held, head, real, s_g_sample, s_g_cell, s_g_head, D, HEAD)
        y, z, s = _keys(j, x, i, w, head, k, v, bias, masks, order, kinds, pad_k, pad_v, valid,
                        total, windows, cells, s_k_sample, s_k_cell, s_k_head, s_v_sample, s_v_cell, s_v_head,
                        T, HEAD, D, ATTEND, VALID, PREC)  # fmt: skip
        top, norm, mean = _softmax(softmax, w, head, i, w < total, HEADS, T)
        dp = tl.dot(g, tl.trans(z.to(g.dtype)), input_precision=PREC)
        p = tl.exp2(tl.minimum(s - top[:, None], 0.0)) * norm[:, None]
        db += p * (dp - mean[:, None])
    part = (group * HEADS + head).to(tl.int64) * (T * T)
    inside = (i < T)[:, None] & (j < T)[None, :]
    tl.store(dbias + part + i[:, None] * T + j[None, :], db, mask=inside)
