"""Decoded samples kept in memory, for data that is read again and again.

One piece of memory serves the training process and the loader workers that are forked from it: what one of them has
decoded none decodes again, and it is held once. Evaluation starts its workers anew every time; they find what those
before them decoded, which samples kept by each worker would not give. Where workers are spawned instead of forked,
each keeps samples of its own in its part of the room.

Nothing is thrown out to make room: an epoch visits every sample once, so the newest ones would push out those that
come next. What finds no room is decoded every time.
"""

from __future__ import annotations

import json
import math
import mmap
import os
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import Lock
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from swinkit.engine.samples import put_together, taken_apart
from swinkit.files import UserError
from swinkit.types import Dataset, Modality, Sample

Cache = Literal["none", "memory", "auto"]

SHARE = 0.25
"""Of the memory that is free when reading begins: so much may the samples of one split take, over all processes."""
MARGIN = 1.25
"""On the size that is expected from a few samples, for those that are larger."""
PROBES = 8
"""Samples that are decoded to tell the size of all."""

_ALIGNED = 64
_WAIT = 10.0  # seconds for a lock that is held for microseconds: whoever holds it longer was killed with it
_NARROW = (torch.uint8, torch.int8, torch.int16, torch.int32)
_LIMITS = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
_WIDE = (torch.int16, torch.int32, torch.int64)


class Decoded:
    """Samples of one data set as one modality reads them, by their index; what it gives are copies."""

    def __init__(self, samples: int, room: int, workers: int = 0) -> None:
        """`room`: bytes for all samples together, taken from the system only as they fill."""
        self._samples, self._room, self._workers = samples, room, workers
        table = 8 * (samples + 1)
        self._first = _aligned(table)
        memory = np.frombuffer(mmap.mmap(-1, self._first + max(room, _ALIGNED)), np.uint8)  # forks share it
        self._table = memory[:table].view(np.int64)
        """Bytes taken; then for every sample where it is, or 0."""
        self._memory = torch.from_numpy(memory)
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """A spawned worker gets an empty one of its own."""
        return (Decoded, (self._samples, self._room // max(1, self._workers)))

    @property
    def taken(self) -> int:
        """Bytes that the samples take so far."""
        return int(self._table[0])

    def __len__(self) -> int:
        return int(np.count_nonzero(self._table[1:]))

    def get(self, index: int) -> Sample | None:
        """A copy of the sample, equal to the decoded one in every bit; None where it is not kept."""
        if not self._lock.acquire(timeout=_WAIT):
            return None
        place = int(self._table[1 + index])
        self._lock.release()
        return self._read(place) if place else None

    def put(self, index: int, sample: Sample) -> None:
        """Keep a copy, where there is room and its target is of tensors, things or nothing (see `samples`)."""
        form = _form(sample)
        if form is None or not self._lock.acquire(timeout=_WAIT):
            return
        place = self._first + self.taken
        fits = not self._table[1 + index] and self.taken + form.size <= self._room
        if fits:
            self._table[0] += form.size
        self._lock.release()
        if fits:
            self._write(place, form)
            if self._lock.acquire(timeout=_WAIT):  # only whole samples are ever found
                self._table[1 + index] = place
                self._lock.release()

    def _write(self, place: int, form: _Form) -> None:
        length = len(form.header)
        self._memory[place : place + 8].view(torch.int64).fill_(length)
        self._memory[place + 8 : place + 8 + length] = torch.frombuffer(bytearray(form.header), dtype=torch.uint8)
        place += _aligned(8 + length)
        for tensor, kind in zip(form.tensors, form.kinds, strict=True):
            self._view(place, kind, tensor.shape, _strides(tensor)).copy_(tensor)
            place += _aligned(tensor.numel() * kind.itemsize)

    def _read(self, place: int) -> Sample:
        length = int(self._memory[place : place + 8].view(torch.int64))
        about = json.loads(self._memory[place + 8 : place + 8 + length].numpy().tobytes())
        place += _aligned(8 + length)
        tensors: list[Tensor] = []
        for kind, kept, shape, strides in about["tensors"]:
            narrow = getattr(torch, kept)
            tensors.append(self._view(place, narrow, shape, strides).to(getattr(torch, kind), copy=True))
            place += _aligned(math.prod(shape) * narrow.itemsize)
        return put_together(about["sample"], tensors)

    def _view(self, place: int, kind: torch.dtype, shape: Sequence[int], strides: Sequence[int]) -> Tensor:
        last = place + math.prod(shape) * kind.itemsize
        return self._memory[place:last].view(kind).as_strided(shape, strides)


def keep(cache: Cache, data: Dataset, modality: Modality, *, workers: int = 0, processes: int = 1) -> Decoded | None:
    """Room for the decoded samples of a split, or None where they are not kept.

    Args:
        cache: `memory` keeps as many as fit into `SHARE` of the free memory; `auto` keeps all of them or none, and
            none where the data set holds arrays, which need no decoding.
        workers: loader processes that read the split.
        processes: training processes on this machine, each of which keeps its own.
    """
    if cache == "none" or not len(data):
        return None
    probes: dict[int, Sample] = {}
    for index in sorted({int(place) for place in np.linspace(0, len(data) - 1, PROBES)}):
        with suppress(UserError):  # it is raised at the step that needs the sample
            record = data[index]
            if isinstance(record.source, Path) or cache == "memory":
                probes[index] = modality.read(record)
    sizes = [form.size for sample in probes.values() if (form := _form(sample)) is not None]
    if not sizes:
        return None
    wanted = int(MARGIN * len(data) * sum(sizes) / len(sizes))
    allowed = int(SHARE * free_memory() / processes)
    if cache == "auto" and wanted > allowed:
        return None
    try:
        decoded = Decoded(len(data), min(wanted, allowed), workers)
    except OSError:  # a system that promises no more than it has, and has less
        return None
    for index, sample in probes.items():
        decoded.put(index, sample)
    return decoded


def free_memory() -> int:
    """Bytes that this process could take: what the system calls available, less where a container has a limit.

    Where the system does not say, 1 GiB.
    """
    free = 1 << 30
    with suppress(OSError, ValueError, AttributeError):
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError, StopIteration):
        rows = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(row.split()[1]) << 10 for row in rows if row.startswith("MemAvailable:"))
    for names in _LIMITS:
        with suppress(OSError, ValueError):  # "max" is no limit
            limit, used = (int(Path("/sys/fs/cgroup", name).read_text(encoding="ascii")) for name in names)
            free = min(free, max(0, limit - used))
    return free


class _Form(NamedTuple):
    """How a sample lies in memory: the length of its header, the header, then its tensors."""

    header: bytes
    tensors: tuple[Tensor, ...]
    kinds: tuple[torch.dtype, ...]
    """Of the numbers, as they are kept."""
    size: int


def _form(sample: Sample) -> _Form | None:
    """None for a sample that cannot be kept."""
    parts = taken_apart(sample)
    if parts is None:
        return None
    plain, tensors = parts
    kinds = tuple(map(_narrow, tensors))
    about = [(_name(t.dtype), _name(k), list(t.shape), _strides(t)) for t, k in zip(tensors, kinds, strict=True)]
    header = json.dumps({"sample": plain, "tensors": about}).encode()
    sizes = (8 + len(header), *(t.numel() * k.itemsize for t, k in zip(tensors, kinds, strict=True)))
    return _Form(header, tuple(tensors), kinds, sum(map(_aligned, sizes)))


def _narrow(tensor: Tensor) -> torch.dtype:
    """The smallest kind of number that holds what is in it: class indices take a byte, not eight."""
    if tensor.dtype in _WIDE and tensor.numel():
        low, high = (int(bound) for bound in tensor.aminmax())
        for kind in _NARROW:
            if torch.iinfo(kind).min <= low and high <= torch.iinfo(kind).max and kind.itemsize < tensor.dtype.itemsize:
                return kind
    return tensor.dtype


def _strides(tensor: Tensor) -> list[int]:
    """Of the same tensor without holes: pictures stay in the order in which they were decoded."""
    return list(torch.empty_like(tensor, device="meta").stride())


def _name(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
