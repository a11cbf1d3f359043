"""Read and write named tensors: safetensors, and the `.pth` of torch.save.

Nothing in a file is run. A safetensors header is checked before anything is mapped; a `.pth` is never unpickled, not
even by torch: `swinkit.files.pth` says how. Of neither kind a file takes more memory than it has bytes.
"""

from __future__ import annotations

import json
import math
import os
import stat
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from swinkit.files.archive import shown
from swinkit.files.atomic import TEMPORARY, sync_file, sync_folder
from swinkit.files.errors import CheckpointError
from swinkit.files.pth import Tree, read_pth

HEADER_BYTES = 1 << 20  # as JSON it may take 27 times that in memory
TENSORS, AXES, NAME_LENGTH = 10_000, 16, 300
BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
"""Of one element, by the name that safetensors gives its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFile:
    """What a weight file holds."""

    path: Path
    tensors: Tree
    metadata: dict[str, str] = field(default_factory=dict)
    """The strings in a safetensors header; empty for a `.pth`."""


def read_tensors(path: Path | str) -> TensorFile:
    """Read a weight file of either format, on the CPU. The file's first bytes decide which it is, not its name.

    Tensors are backed by the file itself (mapped, copied on write); replacing the file does not change them.
    Raises CheckpointError where the file is missing, damaged, of another format, or larger inside than outside.
    """
    path = Path(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CheckpointError(f"{path}: cannot be read (it is no file); name the weight file itself")
        with path.open("rb") as file:
            size, start = os.fstat(file.fileno()).st_size, file.read(9)
            if start[:4] == b"PK\x03\x04":
                return TensorFile(path=path, tensors=read_pth(path, file, size))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(start) == 9 and start[8:9] == b"{":
        metadata = _check_header(path, size)
        try:
            return TensorFile(path=path, tensors=dict(load_file(path)), metadata=metadata)
        except (SafetensorError, ValueError, KeyError) as error:
            raise _spoilt(path, str(error).split("\n")[0][:200]) from error
    raise CheckpointError(
        f"{path}: neither safetensors nor a torch file of 1.6 or later; where you trust it, open it and write it again "
        "with safetensors.torch.save_file or torch.save"
    )


def write_tensors(path: Path | str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write `tensors` to a safetensors file, whole or not at all: a temporary file, synced, then renamed."""
    # one by one, so that views and shared storages are written as the values that they show
    whole = {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}
    _replace(Path(path), lambda temporary: save_file(whole, temporary, dict(metadata or {})))


def write_pth(path: Path | str, tree: Mapping[str, Any]) -> None:
    """Write `tree` as `torch.save` does, for programs that read nothing else; whole or not at all."""
    _replace(Path(path), lambda temporary: torch.save(dict(tree), temporary))


def _spoilt(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: not a whole safetensors file ({why}); download it again, or write it again with "
        "safetensors.torch.save_file"
    )


def _check_header(path: Path, size: int) -> dict[str, str]:
    """Everything about a safetensors file that can be known without its data; returns the metadata."""

    def need(condition: bool, what: str) -> None:
        if not condition:
            raise _spoilt(path, what)

    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        need(length <= min(size - 8, HEADER_BYTES), f"a header of {length} bytes in a file of {size}")
        text = file.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _spoilt(path, "its header is no JSON, or says something twice") from error
    need(isinstance(header, dict), "its header is no table")
    metadata = header.pop("__metadata__", {})
    need(
        isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values()),
        "its metadata is not all text",
    )
    need(len(header) <= TENSORS, f"{len(header)} tensors")
    end = 0
    try:
        for name, entry in sorted(header.items(), key=lambda item: tuple(item[1]["data_offsets"])):
            shape, (first, last) = entry["shape"], entry["data_offsets"]
            need(len(name) <= NAME_LENGTH and name.isprintable(), f"the name {shown(name)}")
            need(type(shape) is list and len(shape) <= AXES, f"{name}: odd shape")
            need(all(type(n) is int and n >= 0 for n in (*shape, first, last)), f"{name}: odd shape or place")
            need(math.prod(shape) * BYTES[entry["dtype"]] == last - first, f"{name}: shape and bytes differ")
            need(first == end, f"{name}: tensors overlap or leave holes")
            end = last
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _spoilt(path, f"an odd header entry: {type(error).__name__}") from error
    need(8 + length + end == size, f"{size} bytes where the header tells of {8 + length + end}")
    return metadata


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A table of JSON; ValueError where two entries have one name."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("two entries of one name")
    return table


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Let a library write `path` under a temporary name; after a crash the old content or the new one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{path.name}-{uuid.uuid4().hex}")
    try:
        write(temporary)
        sync_file(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
