"""Where two transcripts of one sound that overlap in time can be joined."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from swinkit.ops.ctc import BLANK

CERTAIN = -30.0
"""Logarithm of what is all but impossible."""


def joined(
    before: Float[np.ndarray, "frames symbols"],
    after: Float[np.ndarray, "frames2 symbols"],
    overlap: int,
    *,
    space: int | None = None,
    quiet: int = 8,
) -> tuple[Float[np.ndarray, "kept symbols"], Float[np.ndarray, "rest symbols"]]:
    """The frames of `before` up to the seam, and those of `after` from there on.

    Both saw the last `overlap` frames of `before`, which are the first of `after`. The seam is where both are surest
    that nothing is said, over about `quiet` frames to each side, in the middle half of the overlap, so that both had
    surroundings. In the pause around it the two may put the space between words on different sides: where both halves
    together would lose it, it is put at the seam.

    Args:
        before, after: log-probabilities; symbol 0 is the blank.
        space: the symbol that parts words.
    """
    early, late = before[len(before) - overlap :], after[:overlap]
    silence = early[:, BLANK] + late[:, BLANK]
    box = np.ones(2 * quiet + 1) / (2 * quiet + 1)
    calm = np.convolve(np.pad(silence, quiet, mode="edge"), box, mode="valid")
    first, last = overlap // 4, max(overlap // 4 + 1, overlap - overlap // 4)
    seam = first + int(calm[first:last].argmax())
    kept, rest = before[: len(before) - overlap + seam], after[seam:]
    if space is None or not _lost(early.argmax(1), late.argmax(1), seam, space):
        return kept, rest
    rest = rest.copy()
    rest[0] = CERTAIN
    rest[0, space] = 0.0
    return kept, rest


def _lost(early: np.ndarray, late: np.ndarray, seam: int, space: int) -> bool:
    """Whether in the pause around the seam one of the two has a space, and what is joined has none."""
    nothing = np.isin(early, (BLANK, space)) & np.isin(late, (BLANK, space))
    said = np.flatnonzero(~nothing)
    start = int(said[said < seam].max(initial=-1)) + 1
    end = int(said[said >= seam].min(initial=len(early)))
    there = (early[start:end] == space).any() or (late[start:end] == space).any()
    left = (early[start:seam] == space).any() or (late[seam:end] == space).any()
    return bool(there and not left)
