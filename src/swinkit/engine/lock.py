"""One writer a folder."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from swinkit.files import CheckpointError

_held: set[tuple[int, Path]] = set()
"""(process, lock file) held now: the system would let a second writer of the same process through."""


@contextmanager
def only_writer(path: Path) -> Generator[None]:
    """Hold the lock file `path`; the system drops it when this process dies, however it dies.

    The kind of lock that loader workers do not inherit: they may outlive a killed training process by seconds.

    Raises:
        CheckpointError: a writer holds it already.
    """
    key = (os.getpid(), path.resolve())
    if key in _held:
        raise _taken(path)
    with path.open("a+b") as file:
        if not _locked(file.fileno()):
            raise _taken(path)
        _held.add(key)
        try:
            yield
        finally:
            _held.discard(key)


def _locked(descriptor: int) -> bool:
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _taken(path: Path) -> CheckpointError:
    return CheckpointError(f"{path.parent}: another run is writing there: wait for it, or choose another folder")
