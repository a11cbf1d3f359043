"""Chapter 4 of the tutorial, made to run: what attention inside windows costs, worked out for 256x256 and checked.

The formulas are equations 1 and 2 of Liu et al. 2021, in multiply-adds, for a map of h x w tokens with C channels:

    MSA    every token asks every token             4 h w C^2 + 2 (h w)^2 C
    W-MSA  every token asks the M x M of its window 4 h w C^2 + 2 M^2 h w C

The first term is the projections to queries, keys, values and back; the second the scores and the weighted sums.

What was corrected, and why:
- Every number follows from the sizes and is asserted: 256 px in patches of 4 px are 64 x 64 = 4096 tokens.
- 64 is no multiple of 7. A number of windows is rounded up and the map padded: 10 x 10 = 100 windows on 70 x 70 slots.
  Windows of 8 divide it: 64 windows and no padding. The last stage, 8 x 8 tokens, is padded to 14 x 14 for windows
  of 7, three times its size; for windows of 8 it is one window.
- Equation 2 holds where windows divide the map. Where they do not, the second term runs over the padded slots.
- The formulas are compared with what the modules do: torch counts the products while they run (on the meta device, so
  that nothing is computed). Softmax, biases and norms are in neither.

    python examples/tutorial_chapter4.py
"""

from __future__ import annotations

import sys

import torch
from torch.utils.flop_counter import FlopCounterMode

from swinkit.layers.attention import WindowAttention
from swinkit.layers.bias import OffsetTable
from swinkit.ops.windows import Cut, plan

PICTURE, PATCH, CHANNELS, HEADS = 256, 4, 96, 3
STAGES = 4
META = torch.device("meta")


def msa(h: int, w: int, c: int) -> int:
    """Equation 1: multiply-adds of attention of every token to every token."""
    return 4 * h * w * c**2 + 2 * (h * w) ** 2 * c


def window_msa(h: int, w: int, c: int, m: int) -> int:
    """Equation 2: multiply-adds of attention inside windows of m x m that divide the map."""
    return 4 * h * w * c**2 + 2 * m**2 * h * w * c


def padded_window_msa(h: int, w: int, c: int, m: int) -> int:
    """Equation 2 for any map: projections of its tokens, scores and sums of all slots of its windows."""
    slots = (windows(h, m) * m) * (windows(w, m) * m)
    return 4 * h * w * c**2 + 2 * m**2 * slots * c


def windows(tokens: int, m: int) -> int:
    """Windows of m along an axis, the last one padded."""
    return -(-tokens // m)


def counted(side: int, m: int, channels: int, heads: int, *, shifted: bool = False) -> int:
    """Multiply-adds that torch counts while our attention runs on a map of side x side."""
    with META:
        attention = WindowAttention(channels, heads, score="dot", bias=OffsetTable((m, m), (m, m), heads)).eval()
        tokens = torch.zeros(1, side * side, channels)
    shift = (m // 2, m // 2) if shifted else (0, 0)
    cut = Cut(window=(m, m), shift=shift, small_map="pad", pad_tokens="mask")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        attention(tokens, plan((side, side), cut, META))
    return counter.get_total_flops() // 2


def windows_of_every_stage(m: int) -> list[tuple[int, int, int, int]]:
    """(tokens a side, windows, padded side, padded slots) of each stage, printed as a table."""
    print(f"\nwindows of {m} x {m}\nstage  tokens  windows  padded to  of the slots are padding")
    rows = []
    for stage in range(STAGES):
        side = PICTURE // PATCH // 2**stage
        padded = windows(side, m) * m
        rows.append((side, windows(side, m) ** 2, padded, padded**2 - side**2))
        share = rows[-1][3] / padded**2
        print(f"{stage + 1:5d}  {side:2d} x {side:<2d} {rows[-1][1]:7d}   {padded:3d} x {padded:<3d}  {share:10.1%}")
    return rows


def main() -> int:
    side = PICTURE // PATCH
    print(f"a picture of {PICTURE} x {PICTURE} px in patches of {PATCH} px: {side} x {side} = {side**2} tokens")
    assert side**2 == 4096
    assert windows_of_every_stage(7) == [(64, 100, 70, 804), (32, 25, 35, 201), (16, 9, 21, 185), (8, 4, 14, 132)]
    assert windows_of_every_stage(8) == [(64, 64, 64, 0), (32, 16, 32, 0), (16, 4, 16, 0), (8, 1, 8, 0)]

    print(f"\nmultiply-adds of one attention of stage 1, C = {CHANNELS}, by formula and as counted")
    rows = {
        "every token to every token": (msa(side, side, CHANNELS), counted(side, side, CHANNELS, HEADS)),
        "windows of 8": (window_msa(side, side, CHANNELS, 8), counted(side, 8, CHANNELS, HEADS)),
        "windows of 7, padded": (padded_window_msa(side, side, CHANNELS, 7), counted(side, 7, CHANNELS, HEADS)),
    }
    for name, (formula, count) in rows.items():
        print(f"{name:28s} {formula:14,d} {count:14,d}")
        assert formula == count
    assert rows["every token to every token"][0] == 3_372_220_416
    assert rows["windows of 8"][0] == 201_326_592
    assert rows["windows of 7, padded"][0] == 197_094_144
    assert window_msa(side, side, CHANNELS, 7) == 189_530_112  # what equation 2 says of 7: the padding left out
    for m in (7, 8):  # to shift the windows costs nothing more
        assert counted(side, m, CHANNELS, HEADS, shifted=True) == counted(side, m, CHANNELS, HEADS)
    print(f"windows of 8 need {3_372_220_416 / 201_326_592:.2f} times fewer")

    print("\nthe same for larger pictures: MSA grows with the square of the tokens, W-MSA with their number")
    for picture in (256, 512, 1024):
        s = picture // PATCH
        print(f"{picture:5d} px  MSA {msa(s, s, CHANNELS):17,d}  W-MSA {window_msa(s, s, CHANNELS, 8):14,d}")
        assert window_msa(2 * s, 2 * s, CHANNELS, 8) == 4 * window_msa(s, s, CHANNELS, 8)
        assert msa(2 * s, 2 * s, CHANNELS) - 4 * msa(s, s, CHANNELS) == 24 * s**4 * CHANNELS
        assert counted(s, 8, CHANNELS, HEADS) == window_msa(s, s, CHANNELS, 8)
    return 0


if __name__ == "__main__":
    sys.exit(main())
