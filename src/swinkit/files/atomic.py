"""Files and folders that are either absent or whole, whatever instant the process or the machine dies at.

The order is always: write under a temporary name, fsync the content, rename, fsync the parent. Before and after every
call that changes the disk a *crash point* is passed; tests watch them with `observed` to kill, slow down or fail the
writer at each one.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

TEMPORARY = ".tmp-"
"""Names that start so were never finished, or are being deleted; `sweep` removes them."""

_observer: ContextVar[Callable[[str], None] | None] = ContextVar("crash_points", default=None)


@contextmanager
def observed(callback: Callable[[str], None]) -> Generator[None]:
    """Call `callback(name)` at every crash point passed inside the block; for tests."""
    token = _observer.set(callback)
    try:
        yield
    finally:
        _observer.reset(token)


def crash_point(name: str) -> None:
    """Mark a place where dying must do no harm."""
    if (callback := _observer.get()) is not None:
        callback(name)


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` at `path`: afterwards, and after a crash at any instant, the old content or the new one is there."""
    temporary = path.with_name(f"{TEMPORARY}{path.name}-{uuid.uuid4().hex}")
    try:
        write_file(temporary, data)
        _rename(temporary, path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def write_file(path: Path, data: bytes) -> None:
    """Write and fsync; not atomic by itself, for use inside `new_folder`."""
    crash_point(f"write {path.name}")
    with path.open("wb") as file:
        file.write(data[: len(data) // 2])
        crash_point(f"half of {path.name}")
        file.write(data[len(data) // 2 :])
        file.flush()
        crash_point(f"fsync {path.name}")
        os.fsync(file.fileno())
    crash_point(f"wrote {path.name}")


def sync_file(path: Path) -> None:
    """Force a file that a library wrote onto the disk."""
    crash_point(f"fsync {path.name}")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Force the names in a folder onto the disk; a rename is only lasting after this."""
    crash_point(f"fsync folder {path.name}")
    if os.name == "nt":  # folders cannot be opened there, and renames are journalled
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    crash_point(f"synced folder {path.name}")


@contextmanager
def new_folder(path: Path, replaced: Path | None = None) -> Generator[Path]:
    """A temporary folder to fill, which becomes `path` at the end of the block; after an error there it is removed.

    Files must have been fsynced by whoever wrote them (`write_file`, `sync_file`). A folder that is already at `path`
    is moved to `replaced` just before, for the caller to delete: at every instant one of the two names holds a whole
    folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{path.name}-{uuid.uuid4().hex}")
    crash_point(f"create {path.name}")
    temporary.mkdir()
    try:
        yield temporary
        sync_folder(temporary)
        if replaced is not None and path.exists():
            _rename(path, replaced)
        _rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def remove_folder(path: Path) -> None:
    """Delete a folder; it vanishes from its name at once, so that nobody meets it half deleted."""
    doomed = path.with_name(f"{TEMPORARY}old-{path.name}-{uuid.uuid4().hex}")
    _rename(path, doomed)
    _delete(doomed)


def sweep(parent: Path) -> list[str]:
    """Remove what a crash left unfinished in `parent`, while no other writer can be at work; returns the names."""
    names = sorted(entry.name for entry in parent.glob(f"{TEMPORARY}*"))
    for name in names:
        if (parent / name).is_dir() and not (parent / name).is_symlink():
            _delete(parent / name)
        else:
            crash_point(f"unlink {name}")
            (parent / name).unlink()
    return names


def _rename(source: Path, target: Path) -> None:
    crash_point(f"rename to {target.name}")
    os.replace(source, target)
    crash_point(f"renamed to {target.name}")


def _delete(folder: Path) -> None:
    for entry in sorted(folder.iterdir()):
        crash_point(f"unlink {entry.name}")
        if entry.is_dir() and not entry.is_symlink():
            _delete(entry)
        else:
            entry.unlink()
    folder.rmdir()
    crash_point(f"removed {folder.name}")
