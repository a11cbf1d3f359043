"""What work may cost: a file that cannot be used 2 seconds, and 256 MB above a process that is warm."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

SECONDS, BYTES = 2.0, 256 << 20


@contextmanager
def within_limits() -> Iterator[None]:
    """Fails where what happens inside took longer or more memory."""
    begun = time.process_time()
    with within_bytes(BYTES):
        yield
    took = time.process_time() - begun
    assert took < SECONDS, f"{took:.1f} s"


@contextmanager
def within_bytes(limit: int) -> Iterator[None]:
    """Fails where what happens inside took more memory than that; it is looked at every few milliseconds."""
    process, stop = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def look() -> None:
        nonlocal most
        while not stop.wait(0.004):
            most = max(most, process.memory_info().rss)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
    assert most - before < limit, f"{(most - before) >> 20} MiB"
