"""What a file that cannot be used may cost: 2 seconds, and 256 MB above a process that is warm."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

SECONDS, BYTES = 2.0, 256 << 20


@contextmanager
def within_limits() -> Iterator[None]:
    """Fails where what happens inside took longer or more memory; memory is looked at every few milliseconds."""
    process, stop = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def look() -> None:
        nonlocal most
        while not stop.wait(0.004):
            most = max(most, process.memory_info().rss)

    watcher = threading.Thread(target=look, daemon=True)
    begun = time.process_time()
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
    took = time.process_time() - begun
    assert took < SECONDS, f"{took:.1f} s"
    assert most - before < BYTES, f"{(most - before) >> 20} MiB"
