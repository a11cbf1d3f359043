"""Read and write named tensors: safetensors, and the only place that opens a `.pth`.

Nothing in a file is run. A safetensors header is checked before anything is mapped. A `.pth` must be a stored (not
compressed) zip whose pickle names only tensors and plain values; `swinkit.files.pth` looks at it before torch does.
What comes back is checked once more: a tensor may not claim more memory than its file holds.
"""

from __future__ import annotations

import contextlib
import json
import math
import pickle
import uuid
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from swinkit.files.atomic import TEMPORARY, sync_file, sync_folder
from swinkit.files.errors import CheckpointError
from swinkit.files.pth import CONVERT, check_pth, standing_in

Tree: TypeAlias = dict[str, "Tensor | Tree"]
"""Tensors by name, in dictionaries of any depth; whatever else a file holds is left out."""

HEADER_BYTES = 8 << 20
TENSORS = 100_000
DEPTH = 16
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

    Tensors may be backed by the file itself (mapped, copied on write); replacing the file does not change them.
    Raises CheckpointError where the file is missing, damaged, of another format, or larger inside than outside.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror or error})") from error
    if start[:4] == b"PK\x03\x04":
        return TensorFile(path=path, tensors=_read_pth(path, size))
    if len(start) == 9 and start[8:9] == b"{":
        metadata = _check_header(path, size)
        try:
            return TensorFile(path=path, tensors=dict(load_file(path)), metadata=metadata)
        except (SafetensorError, ValueError, KeyError) as error:
            raise CheckpointError(f"{path}: not a whole safetensors file ({error})") from error
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


def _check_header(path: Path, size: int) -> dict[str, str]:
    """Everything about a safetensors file that can be known without its data; returns the metadata."""

    def need(condition: bool, what: str) -> None:
        if not condition:
            raise CheckpointError(f"{path}: not a whole safetensors file ({what}); download or write it again")

    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        need(length <= min(size - 8, HEADER_BYTES), f"a header of {length} bytes in a file of {size}")
        text = file.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file (its header is no JSON)") from error
    need(isinstance(header, dict), "its header is no table")
    metadata = header.pop("__metadata__", {})
    need(
        isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values()),
        "its metadata is not all text",
    )
    need(len(header) <= TENSORS, f"{len(header)} tensors")
    end = 0
    try:
        entries = sorted(header.items(), key=lambda item: tuple(item[1]["data_offsets"]))
        for name, entry in entries:
            shape, (first, last) = entry["shape"], entry["data_offsets"]
            need(all(isinstance(n, int) and n >= 0 for n in (*shape, first, last)), f"{name}: odd shape or place")
            need(math.prod(shape) * BYTES[entry["dtype"]] == last - first, f"{name}: shape and bytes differ")
            need(first == end, f"{name}: tensors overlap or leave holes")
            end = last
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file (odd header entry: {error})") from error
    need(8 + length + end == size, f"{size} bytes where the header tells of {8 + length + end}")
    return metadata


def _read_pth(path: Path, size: int) -> Tree:
    unknown = check_pth(path, size)
    mapped = path.suffix != ".safetensors"  # under that name torch would take any path for one
    try:
        with (
            warnings.catch_warnings(),
            torch.serialization.safe_globals(standing_in(unknown)),
            contextlib.nullcontext(path) if mapped else path.open("rb") as source,
        ):
            warnings.simplefilter("ignore")
            content = torch.load(source, map_location="cpu", weights_only=True, mmap=mapped)
    except (pickle.UnpicklingError, RuntimeError, ValueError, TypeError, KeyError, IndexError, EOFError) as error:
        reason = str(error).strip().split("\n")[0][:200]
        raise CheckpointError(f"{path}: holds more than tensors, or is damaged ({reason}); {CONVERT}") from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not tensors by name; {CONVERT}")
    seen: list[Tensor] = []
    tree = _only_tensors(content, path, seen, 0)
    storages = {value.untyped_storage().data_ptr(): value.untyped_storage().nbytes() for value in seen}
    if sum(storages.values()) > size:
        raise CheckpointError(f"{path}: its tensors claim more memory than the file has bytes; {CONVERT}")
    return tree


def _only_tensors(content: Mapping[Any, Any], path: Path, seen: list[Tensor], depth: int) -> Tree:
    if depth > DEPTH or len(seen) > TENSORS:
        raise CheckpointError(f"{path}: nested too deeply or with too many tensors; {CONVERT}")
    tree: Tree = {}
    for name, value in content.items():
        if isinstance(value, Tensor):
            tree[str(name)] = _bounded(value.detach(), f"{path}: {name}")
            seen.append(value)
        elif isinstance(value, Mapping):
            inner = _only_tensors(value, path, seen, depth + 1)
            if inner:
                tree[str(name)] = inner
    return tree


def _bounded(value: Tensor, where: str) -> Tensor:
    """The tensor, where it is an ordinary one: each element has a place of its own in the file."""
    plain = value.layout == torch.strided and not value.is_quantized and value.device.type == "cpu"
    if not plain or value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise CheckpointError(f"{where}: claims more elements than the file holds, or is no ordinary tensor; {CONVERT}")
    return value


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
