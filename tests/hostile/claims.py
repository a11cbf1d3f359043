"""Pickles and safetensors headers that claim what the file does not hold."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hostile.pickles import DATA, named, tensor, text, zipped

PICKLED: dict[str, Callable[[Path], bytes]] = {
    "expanded": lambda m: zipped(named(tensor((10**9,), (0,)))),
    "more_elements": lambda m: zipped(named(tensor((5,)))),
    "long_stride": lambda m: zipped(named(tensor((4,), (2,)))),
    "negative_stride": lambda m: zipped(named(tensor((4,), (-1,), 3))),
    "negative_offset": lambda m: zipped(named(tensor((4,), (1,), -1))),
    "negative_shape": lambda m: zipped(named(tensor((-2, -2), (1, 1)))),
    "offset_beyond": lambda m: zipped(named(tensor((4,), (1,), 1))),
    "offset_of_2_70": lambda m: zipped(named(tensor((1,), (1,), 2**70))),
    "product_of_2_64": lambda m: zipped(named(tensor((2**32, 2**32), (0, 0)))),
    "shape_without_stride": lambda m: zipped(named(tensor((2, 2), (1,)))),
    "thousand_axes": lambda m: zipped(named(tensor((1,) * 1000, (1,) * 1000))),
    "negative_count": lambda m: zipped(named(tensor(elements=-4))),
    "huge_count": lambda m: zipped(named(tensor(elements=2**70))),
    "count_of_another_kind": lambda m: zipped(named(tensor(kind="DoubleStorage"))),
    "unknown_kind": lambda m: zipped(named(tensor(kind="QInt8Storage"))),
    "absent_record": lambda m: zipped(named(tensor(record="7"))),
    "record_outside": lambda m: zipped(named(tensor(record="../../etc/passwd"))),
    "short_record": lambda m: zipped(named(tensor()), {"data/0": DATA[:8]}),
    "name_of_two_lines": lambda m: zipped(named(tensor(), "a\nb\x1b[31m")),
    "long_name": lambda m: zipped(named(tensor(), "a" * 100_000)),
    "two_of_one_name": lambda m: zipped(b"\x80\x02}(" + text("1") + tensor() + b"K\x01" + tensor() + b"u."),
    "large_end_first": lambda m: zipped(named(tensor()), {"data/0": DATA, "byteorder": b"big"}),
}
"""A marker that nothing here makes -> the content of a `.pth`."""


def header(table: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file."""
    head = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(head) if length is None else length) + head + data


def entry(shape: Any, first: int, last: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, last]}


HEADERS: dict[str, Callable[[Path], bytes]] = {
    "header_of_2_63": lambda m: header(b"{}", length=2**63),
    "header_beyond_the_file": lambda m: header(b"{}", length=2**20),
    "header_too_large": lambda m: header(b"{" + b" " * (1 << 20) + b"}"),
    "header_of_tables": lambda m: header(b'{"a":[' + b"{}," * 340_000 + b"{}]}"),
    "header_of_brackets": lambda m: header(b"{" + b"[" * 1_000_000),
    "header_of_text": lambda m: header(b"{no json"),
    "header_entry_twice": lambda m: header(b'{"a":' + json.dumps(entry([2], 0, 8)).encode() + b',"a":{}}', b"\0" * 8),
    "data_overlaps": lambda m: header({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, b"\0" * 12),
    "data_with_holes": lambda m: header({"a": entry([2], 0, 8), "b": entry([1], 12, 16)}, b"\0" * 16),
    "data_cut": lambda m: header({"a": entry([2], 0, 8)}, b"\0" * 4),
    "data_left_over": lambda m: header({"a": entry([2], 0, 8)}, b"\0" * 12),
    "shape_of_2_66": lambda m: header({"a": entry([2**62, 4], 0, 8)}, b"\0" * 8),
    "shape_negative": lambda m: header({"a": entry([-1, -2], 0, 8)}, b"\0" * 8),
    "shape_of_100_000_axes": lambda m: header({"a": entry([2**40] * 60_000, 0, 8)}, b"\0" * 8),
    "shape_of_fractions": lambda m: header({"a": entry([1e300], 0, 8)}, b"\0" * 8),
    "offset_negative": lambda m: header({"a": entry([2], -8, 0)}, b"\0" * 8),
    "kind_unknown": lambda m: header({"a": entry([2], 0, 8, "os.system")}, b"\0" * 8),
    "name_with_newline": lambda m: header({"a\nb": entry([2], 0, 8)}, b"\0" * 8),
    "many_headers": lambda m: header({f"{i}": entry([], 0, 0) for i in range(12_000)}),
    "metadata_of_lists": lambda m: header({"__metadata__": {"a": [1]}}),
}
"""The same for safetensors."""
