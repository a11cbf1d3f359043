"""Files of other formats, and zips that say one thing and hold another."""

from __future__ import annotations

import gzip
import io
import pickle
import stat
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hostile.pickles import DATA, Command, calls, named, tensor, touch, zipped

GOOD = named(tensor())


def written(fill: Callable[[zipfile.ZipFile], None]) -> bytes:
    """The zip that `fill` makes."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # two of one name
        fill(archive)
    return file.getvalue()


def holding(names: dict[str, bytes]) -> bytes:
    return written(lambda archive: [archive.writestr(name, data) for name, data in names.items()])


def compressed(method: int, size: int) -> bytes:
    data = bytes(size)  # of which a thousandth is left
    return written(lambda a: [a.writestr(f"a/{n}", d, method) for n, d in {"data.pkl": GOOD, "data/0": data}.items()])


def linked() -> bytes:
    link = zipfile.ZipInfo("archive/data/0")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return written(lambda a: (a.writestr("archive/data.pkl", GOOD), a.writestr(link, b"/etc/passwd")))


def twice() -> bytes:
    names = ("archive/data.pkl", "archive/data/0", "archive/data.pkl")
    return written(lambda a: [a.writestr(name, DATA if name.endswith("0") else GOOD) for name in names])


def changed(place: Callable[[bytes], int], value: bytes, content: bytes = b"") -> bytes:
    """A good file, or `content`, with other bytes at a place."""
    data = bytearray(content or zipped(GOOD))
    at = place(bytes(data))
    data[at : at + len(value)] = value
    return bytes(data)


def directory(at: int) -> Callable[[bytes], int]:
    """A field of the directory's last entry."""
    return lambda data: data.rindex(b"PK\1\2") + at


def end(at: int) -> Callable[[bytes], int]:
    """A field of the end of the directory."""
    return lambda data: data.rindex(b"PK\5\6") + at


def overlapping() -> bytes:
    """The last entry of the directory points into the record before, which holds a whole record of that name."""
    good = zipped(GOOD)
    start = good.rindex(b"PK\3\4")
    inner = good[start : good.index(b"PK\1\2")]
    outer = holding({"archive/data.pkl": GOOD, "archive/data/1": inner, "archive/data/0": DATA})
    return changed(directory(42), struct.pack("<L", outer.index(inner)), outer)


def packed_tar(marker: Path) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        data = pickle.dumps(Command(marker))
        info = tarfile.TarInfo("pickle")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def numpy_file(marker: Path) -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Command(marker)], dtype=object), allow_pickle=True)
    return file.getvalue()


FORMATS: dict[str, Callable[[Path], bytes]] = {
    "legacy": lambda m: b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {}, Command(m), [])),
    "plain_pickle": lambda m: pickle.dumps(Command(m)),
    "tar": packed_tar,
    "npy": numpy_file,
    "joblib": lambda m: gzip.compress(pickle.dumps(Command(m))),
    "zip_in_zip": lambda m: holding({"archive/evil.pth": zipped(calls("os system", touch(m)))}),
    "script": lambda m: holding(
        {"a/data.pkl": GOOD.replace(b"torch._utils\n_re", b"__torch__\n_re"), "a/code/a.py": b""}
    ),
    "pt2": lambda m: holding({"a/archive_format": b"pt2", "a/data/weights/w.pt": zipped(calls("os system", touch(m)))}),
    "distributed_metadata": lambda m: pickle.dumps({"state_dict_metadata": Command(m)}, 4),
    "empty_file": lambda m: b"",
    "eight_bytes": lambda m: b"\0" * 8,
}
"""A marker file -> the content of a file of another format, most of them with a command inside."""

ZIPS: dict[str, Callable[[Path], bytes]] = {
    "deflated": lambda m: compressed(zipfile.ZIP_DEFLATED, 16 << 20),
    "lzma": lambda m: compressed(zipfile.ZIP_LZMA, 1 << 20),
    "encrypted": lambda m: changed(directory(8), b"\1"),
    "overlapping": lambda m: overlapping(),
    "two_listings": lambda m: twice(),
    "two_folders": lambda m: holding({"a/data.pkl": GOOD, "b/data/0": DATA}),
    "outside": lambda m: holding({"a/data.pkl": GOOD, "a/../../data/0": DATA}),
    "absolute": lambda m: holding({"/a/data.pkl": GOOD, "/a/data/0": DATA}),
    "backslash": lambda m: holding({"a/data.pkl": GOOD, "a/..\\data\\0": DATA}),
    "folder": lambda m: holding({"a/data.pkl": GOOD, "a/data/0/": b""}),
    "link": lambda m: linked(),
    "two_sizes": lambda m: changed(directory(24), struct.pack("<L", 1 << 30)),
    "beyond": lambda m: changed(directory(20), struct.pack("<2L", 1 << 30, 1 << 30)),
    "place_beyond": lambda m: changed(directory(42), struct.pack("<L", 1 << 30)),
    "other_name": lambda m: changed(lambda data: data.index(b"archive/data/0"), b"archive/data/1"),
    "wrong_sum": lambda m: changed(lambda data: data.index(b"_rebuild"), b"_Rebuild"),
    "many_records": lambda m: changed(end(8), struct.pack("<2H", 65_535, 65_535)),
    "directory_of_4_gb": lambda m: changed(end(12), b"\xff" * 4),
    "directory_beyond": lambda m: changed(end(16), struct.pack("<L", 1 << 31)),
    "cut": lambda m: zipped(GOOD)[:-40],
    "no_listing": lambda m: holding({"a/data/0": DATA}),
    "wide_of_2_63": lambda m: wide(2**63),
    "wide_records": lambda m: wide(60_000),
}
"""The same for zips that are not as `torch.save` writes them."""


def wide(count: int) -> bytes:
    """A file with the wide end of a directory that tells of `count` records."""
    good = zipped(GOOD)
    at = good.rindex(b"PK\5\6")
    length, start = struct.unpack_from("<2L", good, at + 12)
    far = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, start)
    return good[:at] + far + struct.pack("<4sLQL", b"PK\6\7", 0, at, 1) + good[at:]
