"""A list of a folder's files with their sizes and SHA-256 sums: the tensor formats themselves notice no flipped bit.

The list protects itself as well: it holds the sum of its own content, in the one spelling that is accepted.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from swinkit.files.atomic import write_file
from swinkit.files.errors import CheckpointError

MANIFEST = "MANIFEST.json"
FORMAT = 1
_LARGEST = 1 << 20  # a manifest of ours has a few hundred bytes


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(folder: Path) -> None:
    """List every file of `folder` in MANIFEST.json, which must be the last file written there."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.name != MANIFEST)
    files = {name: {"size": (folder / name).stat().st_size, "sha256": sha256(folder / name)} for name in names}
    write_file(folder / MANIFEST, _spelled(files))


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """name -> {"size": bytes, "sha256": hex}; CheckpointError when the list is missing, altered or newer."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _LARGEST:
            raise CheckpointError(f"{path}: larger than any manifest: not one of ours")
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}): the checkpoint is incomplete") from error
    try:
        content = json.loads(data)
        files, version = dict(content["files"]), content["format"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(f"{path}: damaged: it is not the list that was written") from error
    if version != FORMAT:
        raise CheckpointError(f"{path}: format {version!r}, this version reads {FORMAT}: use the swinkit that wrote it")
    if data != _spelled(files):
        raise CheckpointError(f"{path}: damaged: its own sum does not agree with its content")
    return files


def verify_manifest(folder: Path, *, deep: bool = True) -> None:
    """Compare the files of `folder` with its manifest; the sizes always, the sums when `deep`.

    Raises:
        CheckpointError: names the first file that is missing or differs, with the expected and the actual value.
    """
    for name, entry in read_manifest(folder).items():
        path = folder / name
        if name != Path(name).name or path.is_symlink() or not path.is_file():
            raise CheckpointError(f"{path}: missing, or not a plain file: the checkpoint is incomplete")
        if (size := path.stat().st_size) != entry["size"]:
            raise CheckpointError(f"{path}: damaged: {entry['size']} bytes were written, there are {size}")
        if deep and (actual := sha256(path)) != entry["sha256"]:
            raise CheckpointError(f"{path}: damaged: SHA-256 was {entry['sha256']} when written, is {actual} now")


def _spelled(files: dict[str, Any]) -> bytes:
    content = json.dumps({"format": FORMAT, "files": files}, sort_keys=True, indent=1)
    own = hashlib.sha256(content.encode()).hexdigest()
    return (json.dumps({"format": FORMAT, "files": files, "sha256": own}, sort_keys=True, indent=1) + "\n").encode()
