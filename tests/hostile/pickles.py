"""Zips as `torch.save` writes them whose pickle would run something, or would take memory or time without end."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

DATA = b"\0" * 16
"""The one record: four floats."""


def zipped(listing: bytes, records: dict[str, bytes] | None = None) -> bytes:
    """A whole file around a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", listing)
        for name, data in (records if records is not None else {"data/0": DATA}).items():
            archive.writestr(f"archive/{name}", data)
    return file.getvalue()


def text(word: str) -> bytes:
    return b"X" + struct.pack("<I", len(word.encode())) + word.encode()


def number(value: int) -> bytes:
    data = value.to_bytes(200, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def tensor(
    shape: tuple[int, ...] = (4,),
    stride: tuple[int, ...] = (1,),
    offset: int = 0,
    *,
    kind: str = "FloatStorage",
    record: str = "0",
    elements: int = 4,
) -> bytes:
    """A tensor of the record, as `torch.save` describes it."""
    claim = text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(record) + text("cpu") + number(elements)
    storage = b"(" + claim + b"tQ"
    rest = number(offset) + numbers(shape) + numbers(stride) + b"\x89" + b"ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"tR"


def named(value: bytes, name: str = "w") -> bytes:
    """The pickle of one value by name."""
    return b"\x80\x02}" + text(name) + value + b"s."


def calls(name: str, given: bytes, call: bytes = b"R") -> bytes:
    """The pickle of what a call gives."""
    return named(b"c" + name.replace(" ", "\n").encode() + b"\n(" + given + b"t" + call)


def touch(marker: Path) -> bytes:
    return text(f"touch {marker}")


def python(marker: Path) -> bytes:
    return text(f"open({str(marker)!r}, 'w')")


class Command:
    """A pickle of this would run a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        import os

        return (os.system, (f"touch {self.marker}",))


def dumped(protocol: int) -> Callable[[Path], bytes]:
    """A zip with the pickle of a command in another protocol."""
    return lambda marker: zipped(pickle.dumps({"w": Command(marker)}, protocol))


def laughs() -> bytes:
    """Thirty dictionaries, each holding the one before ten times: 10^30 values."""
    steps = b"}q\x00"
    for level in range(1, 31):
        steps += b"}(" + b"".join(text(f"{i}") + b"h" + bytes([level - 1]) for i in range(10)) + b"uq" + bytes([level])
    return b"\x80\x02" + steps + b"."


def doubled(close: bytes) -> bytes:
    """A pair of pairs of pairs ... of one object: 2^60 leaves that fit in 200 bytes."""
    return b"K\x01" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(60)) + close


RUNNING: dict[str, Callable[[Path], bytes]] = {
    "os_system": lambda m: zipped(calls("os system", touch(m))),
    "posix_system": lambda m: zipped(calls("posix system", touch(m))),
    "eval": lambda m: zipped(calls("builtins eval", python(m))),
    "exec": lambda m: zipped(calls("__builtin__ exec", python(m))),
    "import": lambda m: zipped(calls("builtins __import__", text("antigravity"))),
    "popen": lambda m: zipped(calls("subprocess Popen", touch(m))),
    "popen_new": lambda m: zipped(calls("subprocess Popen", touch(m), b"\x81")),
    "run_code": lambda m: zipped(calls("runpy _run_code", python(m) + b"}")),
    "socket": lambda m: zipped(calls("socket create_connection", text("localhost") + b"K\x09\x86")),
    "torch_load": lambda m: zipped(calls("torch load", text(str(m)))),
    "torch_hub": lambda m: zipped(calls("torch.hub load", text("a/b"))),
    "inner_pickle": lambda m: zipped(calls("pickle loads", text("cos\nsystem\n(S'touch x'\ntR."))),
    "partial": lambda m: zipped(calls("functools partial", b"cos\nsystem\n" + touch(m))),
    "getattr": lambda m: zipped(calls("builtins getattr", b"cposix\n_exit\n" + text("__call__"))),
    "dotted_part": lambda m: zipped(calls("collections OrderedDict.__init__.__globals__", touch(m))),
    "dotted_name": lambda m: zipped(calls("torch._utils _import_dotted_name", text("os.system"))),
    "wrapper_class": lambda m: zipped(calls("torch._utils _rebuild_wrapper_subclass", touch(m))),
    "name_with_nul": lambda m: zipped(calls("torch._utils _rebuild_tensor_v2\0", touch(m))),
    "name_with_newline": lambda m: zipped(calls("os \x1b[2Jsystem", touch(m))),
    "inst": lambda m: zipped(named(b"(" + touch(m) + b"ios\nsystem\n")),
    "obj": lambda m: zipped(named(b"(cos\nsystem\n" + touch(m) + b"o")),
    "stack_global": lambda m: zipped(named(text("os") + text("system") + b"\x93(" + touch(m) + b"tR")),
    "new_with_names": lambda m: zipped(named(b"csubprocess\nPopen\n(" + touch(m) + b"t}\x92")),
    "extension": lambda m: zipped(named(b"\x82\x01)R")),
    "buffers": lambda m: zipped(named(b"\x97\x98")),
    "persistent_text": lambda m: zipped(b"\x80\x02Pposix\n."),
    "from_memory": lambda m: zipped(named(b"cos\nsystem\nq\x05N(" + touch(m) + b"tq\x060h\x05h\x06R")),
    "called_tensor": lambda m: zipped(named(tensor() + b"(" + touch(m) + b"tR")),
    "storage_by_call": lambda m: zipped(named(b"(" + text("storage") + b"cos\nsystem\n" + touch(m) * 2 + b"K\x04tQ")),
    "protocol_0": dumped(0),
    "protocol_1": dumped(1),
    "protocol_2": dumped(2),
    "protocol_3": dumped(3),
    "protocol_4": dumped(4),
    "protocol_5": dumped(5),
}
"""A marker file -> the content of a checkpoint that would make it, or do something else, if it were unpickled."""

TAKING: dict[str, Callable[[Path], bytes]] = {
    "bytearray": lambda m: zipped(calls("builtins bytearray", number(10**12))),
    "numpy_zeros": lambda m: zipped(calls("numpy zeros", number(10**12))),
    "range_in_list": lambda m: zipped(calls("builtins range", number(10**12))),
    "empty_dictionaries": lambda m: zipped(b"\x80\x02" + b"}" * 4_000_000),
    "open_marks": lambda m: zipped(b"\x80\x02" + b"(" * 4_000_000),
    "long_memory": lambda m: zipped(b"\x80\x02}" + b"".join(b"r" + struct.pack("<I", i) for i in range(400_000))),
    "listing_too_large": lambda m: zipped(b"\x80\x02" + b"N" * (8 << 20)),
    "laughs": lambda m: zipped(laughs()),
    "pairs_as_key": lambda m: zipped(b"\x80\x02}" + doubled(b"Ns.")),
    "pairs_as_shape": lambda m: zipped(named(b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00" + doubled(b"N\x89NtR"))),
    "length_of_4_gb": lambda m: zipped(b"\x80\x02}X\xff\xff\xff\xff."),
    "deep": lambda m: zipped(b"\x80\x02" + (b"}" + text("a")) * 2000 + b"N" + b"s" * 2000 + b"."),
    "holds_itself": lambda m: zipped(b"\x80\x02}q\x00" + text("a") + b"h\x00s."),
    "many_tensors": lambda m: zipped(_alike(tensor(), 60_000)),
    "many_views": lambda m: zipped(_alike(tensor((1 << 14,), elements=1 << 14), 1_000), {"data/0": bytes(1 << 16)}),
    "no_end": lambda m: zipped(b"\x80\x02}"),
    "nothing_on_the_stack": lambda m: zipped(b"\x80\x02."),
}
"""The same for what would take memory or time, or leave the reader in an odd state."""


def _alike(value: bytes, count: int) -> bytes:
    return named(value + b"q\x00")[:-1] + b"(" + b"".join(text(f"{i}") + b"h\x00" for i in range(count)) + b"u."
