"""Joining names that came from outside to a folder that they must not leave."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from swinkit.files.errors import UserError


def safe_join(root: Path | str, *parts: str) -> Path:
    """The path of `parts` below `root`; what is there need not exist.

    Raises:
        UserError: a part is empty, absolute, has a drive, a NUL or `..`, or a link is on the way (the root may be one).
    """
    path = Path(root)
    for part in parts:
        posix, windows = PurePosixPath(part), PureWindowsPath(part)
        outside = posix.is_absolute() or windows.drive or windows.root or ".." in (*posix.parts, *windows.parts)
        if not posix.parts or "\0" in part or outside:
            raise UserError(f"{part!r}: wanted a name below {root}, without '..', drive or leading slash")
        for name in posix.parts:
            path = path / name
            if path.is_symlink():
                raise UserError(f"{path}: is a link; wanted a plain file or folder below {root}: copy the file there")
    return path
