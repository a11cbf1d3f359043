"""How the process's memory is kept between training steps on the CPU."""

from __future__ import annotations

import ctypes
import os
import sys

MIB = 2**20
KEPT = {-1: 1024 * MIB, -2: 64 * MIB, -3: 32 * MIB}
"""mallopt(3)'s M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD; 32 MiB is the most that glibc takes for the last."""


def keep_heap() -> bool:
    """Have glibc keep freed blocks of up to 32 MiB for the next step; True where it does.

    By default it gives blocks of a few MiB back to the system and takes them anew in the next step, whose pages are
    then zeroed one fault at a time: 7 to 42 % of the steps of a small model (Fashion-MNIST, batches of 64 and 128).
    Where a MALLOC_ variable is set its owner has decided. Other systems' allocators are left alone.
    """
    if not sys.platform.startswith("linux") or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all([mallopt(name, value) == 1 for name, value in KEPT.items()])
