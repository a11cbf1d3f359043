"""The directory of a zip file as `torch.save` writes them: which bytes of the file each record is, and nothing else.

Every length is held against a limit or the file's size before it is used, so that no file makes this take more than a
few megabytes. Records must be stored plainly, at places of their own, under names that stay inside.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO, NamedTuple

DIRECTORY_BYTES = 4 << 20
RECORDS = 20_000


class DamagedArchive(ValueError):
    """Why a file is no zip of the kind that `torch.save` writes: one line, without the file's name."""


class Record(NamedTuple):
    """Where a record's bytes are in the file."""

    first: int
    size: int
    crc: int


class _Entry(NamedTuple):
    """A record as the directory has it, with the length of the entry itself."""

    name: str
    place: int
    size: int
    crc: int
    length: int


def shown(text: str) -> str:
    """A name from a file, for a message: on one line, short, and with nothing that a terminal would obey."""
    return ascii(text)[1:-1][:100]


def records(file: BinaryIO, size: int) -> dict[str, Record]:
    """The records by their names without the one folder that all are in.

    Raises:
        DamagedArchive: the directory is missing, damaged or larger than one of weights, or a record is compressed,
            encrypted, a link, of an odd name, outside of the file, or shares bytes with another.
    """
    count, length, start = _directory(file, size)
    _need(0 < count <= RECORDS, f"{count} records")
    _need(length <= DIRECTORY_BYTES and start + length <= size, f"a zip directory of {length} bytes at {start}")
    file.seek(start)
    text, at = file.read(length), 0
    found: dict[str, Record] = {}
    spans: list[tuple[int, int]] = []
    folders: set[str] = set()
    for _ in range(count):
        entry = _entry(text, at)
        folder, _, name = entry.name.partition("/")
        _need(name != "" and name not in found, f"two records, or a folder, of the name {shown(entry.name)}")
        first = _first_byte(file, entry)
        _need(first + entry.size <= start, f"{shown(entry.name)} reaches beyond the file")
        found[name] = Record(first, entry.size, entry.crc)
        spans.append((entry.place, first + entry.size))
        folders.add(folder)
        at += entry.length
    spans.sort()
    _need(all(end <= place for (_, end), (place, _) in zip(spans[:-1], spans[1:], strict=True)), "records overlap")
    _need(len(folders) == 1, "more than one folder inside")
    return found


def content(file: BinaryIO, record: Record) -> bytes:
    """A record's bytes; DamagedArchive where they are not those that its sum is of."""
    file.seek(record.first)
    data = file.read(record.size)
    _need(len(data) == record.size and zlib.crc32(data) == record.crc, "a record is not what its sum says")
    return data


def _need(condition: bool, why: str) -> None:
    if not condition:
        raise DamagedArchive(why)


def _directory(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """Number of records, and length and place of the directory, from the end of the file."""
    file.seek(max(0, size - 65_557))
    tail = file.read(65_557)
    at = tail.rfind(b"PK\5\6")
    _need(0 <= at <= len(tail) - 22, "its zip directory is missing: the file is cut short")
    count, length, start = struct.unpack_from("<H2L", tail, at + 10)
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\6\7":  # the wide form, which torch always writes
        file.seek(min(struct.unpack_from("<Q", tail, at - 12)[0], size))
        end = file.read(56)
        _need(len(end) == 56 and end[:4] == b"PK\6\6", "the end of its zip directory is damaged")
        count, length, start = struct.unpack_from("<3Q", end, 32)
    return count, length, start


def _entry(text: bytes, at: int) -> _Entry:
    """The entry at a place of the directory, checked."""
    _need(at + 46 <= len(text) and text[at : at + 4] == b"PK\1\2", "its zip directory is damaged")
    flags, method, crc, packed, size, n, extra, comment = struct.unpack_from("<2H4x3L3H", text, at + 8)
    mode, place = struct.unpack_from("<2L", text, at + 38)
    name = text[at + 46 : at + 46 + n].decode("latin-1")
    packed, size, place = _wide(text[at + 46 + n : at + 46 + n + extra], packed, size, place)
    _need(method == 0 and packed == size, f"{shown(name)} is compressed")
    _need(not flags & 1, f"{shown(name)} is encrypted")
    _need(mode >> 28 in (0, 8), f"{shown(name)} is a link, a folder or a device")
    _need(not {"..", ".", ""} & set(name.split("/")) and "\\" not in name, f"the path {shown(name)}")
    return _Entry(name, place, size, crc, 46 + n + extra + comment)


def _wide(extra: bytes, packed: int, size: int, place: int) -> tuple[int, int, int]:
    """The numbers of an entry: those that 32 bits do not hold stand in its extra field 1, in this order."""
    values, at, full = [size, packed, place], 0, 0xFFFFFFFF
    while full in values and at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            numbers = iter(struct.unpack_from(f"<{min(length, len(extra) - at - 4) // 8}Q", extra, at + 4))
            values = [next(numbers, value) if value == full else value for value in values]
            break
        at += 4 + length
    return values[1], values[0], values[2]


def _first_byte(file: BinaryIO, entry: _Entry) -> int:
    """Where a record's data begins, behind its own header."""
    file.seek(entry.place)
    header = file.read(30)
    _need(len(header) == 30 and header[:4] == b"PK\3\4", f"{shown(entry.name)} has no header")
    n, extra = struct.unpack_from("<2H", header, 26)
    _need(file.read(n).decode("latin-1") == entry.name, f"{shown(entry.name)} has another name in its header")
    return entry.place + 30 + n + extra
