"""Reading a `.pth` without unpickling it.

A checkpoint from a stranger may hold any program as a pickle, and torch's `weights_only` reader, which filters what a
pickle may do, has been broken before (CVE-2025-32434, CVE-2026-24747). So no unpickler takes part here, torch's
included. A file that torch.save wrote of tensors by name is a zip of raw storages and one small pickle that says which
storage, shape and stride each name has. `archive` finds the records, a child process with limits reads the pickle as
data (`listing`), and the tensors are made here as views of the mapped file, after every number has been held against
the records. Nothing is copied, and a listing that would take much memory or time takes it from the child alone.
"""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import torch
from torch import Tensor

from swinkit.files import listing
from swinkit.files.archive import DamagedArchive, Record, content, records
from swinkit.files.errors import CheckpointError

Tree: TypeAlias = dict[str, "Tensor | Tree"]
"""Tensors by name, in dictionaries of any depth; whatever else a file holds is left out."""

CONVERT = (
    "where you trust the file, save its state_dict alone: torch.save({'model': state_dict}, NEW), or with "
    "safetensors.torch.save_file"
)
SECONDS = 60
"""Of waiting for the child; its own limit is on processor time."""
AXES = 16
TIMES = 4
"""Tensors may share storages, but not claim more bytes than so many times the file's."""

KINDS = {
    "Byte": torch.uint8,
    "Char": torch.int8,
    "Bool": torch.bool,
    "Short": torch.int16,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Int": torch.int32,
    "Float": torch.float32,
    "Long": torch.int64,
    "Double": torch.float64,
}


def read_pth(path: Path, file: BinaryIO, size: int) -> Tree:
    """The tensors of an open file, mapped: changes to them stay in memory, and the file must not be written into.

    Raises:
        CheckpointError: the file is damaged, was not written by torch.save, or holds more than tensors and settings.
    """
    try:
        found = records(file, size)
        if "data.pkl" not in found or found["data.pkl"].size > listing.LISTING_BYTES:
            raise DamagedArchive("no data.pkl, or one larger than any of weights")
        order = found.get("byteorder")  # files before torch 2.1 have none
        if order is not None and (order.size != 6 or content(file, order) != b"little"):
            raise DamagedArchive("its numbers are not in the order of this machine")
        text = content(file, found["data.pkl"])
    except (DamagedArchive, OSError) as error:
        raise CheckpointError(
            f"{path}: not a whole file of torch.save ({error}); download it again, or {CONVERT}"
        ) from error
    answer = _ask(path, text)
    if "refused" in answer:
        raise CheckpointError(f"{path}: holds more than tensors, or is damaged ({answer['refused']}); {CONVERT}")
    try:
        return _build(answer, found, file, size)
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError, OverflowError) as error:
        reason = str(error).split("\n")[0][:200]
        raise CheckpointError(f"{path}: its tensors are not what the file holds ({reason}); {CONVERT}") from error


def _ask(path: Path, text: bytes) -> dict[str, Any]:
    """What the child says of a pickle. It answers into a file, whose length a limit holds."""
    command = [sys.executable, "-I", "-S", "-B", str(Path(listing.__file__))]
    with tempfile.TemporaryFile() as answer:
        try:
            subprocess.run(command, input=text, stdout=answer, stderr=subprocess.DEVNULL, timeout=SECONDS, check=True)
            answer.seek(0)
            return json.loads(answer.read(listing.ANSWER_BYTES + 1))
        except (subprocess.SubprocessError, ValueError) as error:
            raise CheckpointError(
                f"{path}: reading its listing took more memory or time than that of any weights; {CONVERT}"
            ) from error
        except OSError as error:
            raise CheckpointError(
                f"{path}: no process could be started to read it safely ({error.strerror}); convert it to safetensors"
            ) from error


def _build(answer: dict[str, Any], found: dict[str, Record], file: BinaryIO, size: int) -> Tree:
    """The tensors of an answer, which is not trusted. ValueError and its like where it does not fit the records."""
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    storages = [_storage(mapped, kind, found[f"data/{record}"], count) for kind, record, count in answer["storages"]]
    tree: Tree = {}
    claimed = 0
    _need(len(answer["tensors"]) > 0, "there are none")
    for names, number, offset, shape, stride in answer["tensors"]:
        value = _view(storages[_whole(number)], offset, shape, stride)
        claimed += value.nbytes
        _need(claimed <= TIMES * size, "together they claim more memory than the file has bytes")
        inner = tree
        for name in names[:-1]:
            branch = inner.setdefault(name, {})
            if isinstance(branch, Tensor):
                raise ValueError(f"two values of the name {listing.shown(name)}")
            inner = branch
        _need(names[-1] not in inner, f"two values of the name {listing.shown(names[-1])}")
        inner[names[-1]] = value
    return tree


def _storage(mapped: mmap.mmap, kind: str, record: Record, count: Any) -> Tensor:
    """All elements of a record, in one axis, where they lie in the mapped file."""
    dtype = KINDS[kind]
    _need(_whole(count) * dtype.itemsize == record.size, f"{count} elements in a record of {record.size} bytes")
    if not count:
        return torch.empty(0, dtype=dtype)
    if record.first % dtype.itemsize:  # torch.save aligns its records; a zip that was packed again may not
        return torch.frombuffer(mapped, dtype=torch.uint8, count=record.size, offset=record.first).clone().view(dtype)
    return torch.frombuffer(mapped, dtype=dtype, count=count, offset=record.first)


def _view(storage: Tensor, offset: Any, shape: Any, stride: Any) -> Tensor:
    """A tensor that lies in its storage, with a place for each of its elements."""
    _need(len(shape) == len(stride) <= AXES, "shape and stride differ in length, or are too long")
    shape, stride, offset = [*map(_whole, shape)], [*map(_whole, stride)], _whole(offset)
    last, elements = offset, 1
    for n, step in zip(shape, stride, strict=True):
        last, elements = last + (n - 1) * step, elements * n
    _need(
        elements <= len(storage) and (not elements or last < len(storage)),
        "one claims more elements than its storage has",
    )
    return storage.as_strided(shape, stride, offset if elements else 0)


def _whole(number: Any) -> int:
    """A number of the file, where it counts something."""
    if type(number) is not int or not 0 <= number < 1 << 62:
        raise ValueError("a negative or odd number among sizes and places")
    return number


def _need(condition: bool, why: str) -> None:
    if not condition:
        raise ValueError(why)
