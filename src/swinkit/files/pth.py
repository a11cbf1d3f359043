"""What can be known of a `.pth` file without opening it as torch does: its zip directory and its pickle's words."""

from __future__ import annotations

import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from swinkit.files.errors import CheckpointError

PICKLE_BYTES = 64 << 20
RECORDS = 100_000

WORDS = frozenset(
    "PROTO STOP MARK GLOBAL REDUCE NEWOBJ BUILD BINPERSID EMPTY_DICT EMPTY_LIST EMPTY_TUPLE EMPTY_SET TUPLE TUPLE1 "
    "TUPLE2 TUPLE3 SETITEM SETITEMS APPEND APPENDS NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "
    "BINUNICODE SHORT_BINSTRING BINPUT LONG_BINPUT BINGET LONG_BINGET".split()
)
"""The pickle operations of a protocol-2 `torch.save`; a file with any other was not written by it."""

STORAGES = {
    **dict.fromkeys(("torch.ByteStorage", "torch.CharStorage", "torch.BoolStorage", "torch.storage.UntypedStorage"), 1),
    **dict.fromkeys(("torch.ShortStorage", "torch.HalfStorage", "torch.BFloat16Storage"), 2),
    **dict.fromkeys(("torch.IntStorage", "torch.FloatStorage"), 4),
    **dict.fromkeys(("torch.LongStorage", "torch.DoubleStorage"), 8),
}
"""Bytes of one element."""

TENSOR_PARTS = frozenset(STORAGES) | {
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch.Size",
    "torch.device",
    "_codecs.encode",
    *[f"torch.{kind}" for kind in ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64")],
    *("torch.uint8", "torch.bool"),
}
"""What tensors by name are made of. Deliberately fewer than torch allows: no bytearray(n), no quantised, no sparse."""

BELONGINGS = frozenset(
    {
        "argparse.Namespace",  # timm, DETR and FAIR training scripts: 'args'
        "yacs.config.CfgNode",  # microsoft/Swin-Transformer main.py: 'config'
        "numpy.core.multiarray.scalar",  # best metrics
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
    }
)
"""Settings and scores that training scripts save beside the weights. Empty stand-ins take their place."""

CONVERT = "where you trust the file, save its state_dict alone: torch.save({'model': state_dict}, NEW)"


def check_pth(path: Path, size: int) -> frozenset[str]:
    """Raise CheckpointError unless the file looks like tensors by name; returns the belongings that need stand-ins."""
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            _check_records(path, size, records)
            (listing,) = [record for record in records if _inside(record) == "data.pkl"]
            text = archive.read(listing)
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise CheckpointError(f"{path}: not a whole torch file ({error}); download or write it again") from error
    names, claims = _read_listing(path, text)
    strange = sorted(names - TENSOR_PARTS - BELONGINGS)
    if strange:
        raise CheckpointError(
            f"{path}: its pickle asks for {', '.join(strange[:3])}, which is no part of a tensor; {CONVERT}"
        )
    _check_claims(path, claims, {_inside(record): record.file_size for record in records})
    return names & BELONGINGS


def standing_in(names: Iterable[str]) -> list[Any]:
    """Pairs for `torch.serialization.safe_globals`: what to build in place of each of `names`, which is nothing."""
    return [(_Nothing if name.startswith("numpy.") else _NothingByName, name) for name in names]


class _Nothing:
    """Takes whatever an object would have been made from, and keeps none of it."""

    def __new__(cls, *_: object) -> _Nothing:
        return object.__new__(cls)

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


class _NothingByName:
    """The same for objects that are filled as dictionaries are: torch fills only dictionaries."""

    def __new__(cls, *_: object) -> Any:
        return OrderedDict()


def _inside(record: zipfile.ZipInfo) -> str:
    return record.filename.partition("/")[2]


def _check_records(path: Path, size: int, records: list[zipfile.ZipInfo]) -> None:
    def need(condition: bool, what: str) -> None:
        if not condition:
            raise CheckpointError(f"{path}: not a file that torch.save writes ({what}); download or write it again")

    need(0 < len(records) <= RECORDS, f"{len(records)} records")
    names = [record.filename for record in records]
    need(len(set(names)) == len(names), "two records of one name")
    need(len({name.partition("/")[0] for name in names}) == 1, "more than one folder inside")
    need(not any({"..", ""} & set(name.split("/")) or "\\" in name for name in names), "a path that leaves it")
    need(all(record.compress_type == zipfile.ZIP_STORED for record in records), "compressed records")
    need(not any(record.flag_bits & 0x1 for record in records), "encrypted records")
    need(all(record.compress_size == record.file_size for record in records), "records of two sizes")
    need(sum(record.file_size for record in records) <= size, "records larger than the file")
    listings = [record for record in records if _inside(record) == "data.pkl"]
    need(len(listings) == 1, "no data.pkl")
    need(listings[0].file_size <= PICKLE_BYTES, f"a listing of {listings[0].file_size} bytes")


def _read_listing(path: Path, text: bytes) -> tuple[frozenset[str], list[Any]]:
    """The globals that a pickle names, and its persistent ids: (storage, kind, record, device, number of elements).

    A machine of the same stack and memory as pickle's that builds nothing: what would be made is None.
    """
    names: set[str] = set()
    claims: list[Any] = []
    stack: list[Any] = []
    memory: dict[Any, Any] = {}
    try:
        for word, argument, _ in pickletools.genops(text):
            if word.name not in WORDS:
                raise ValueError(f"operation {word.name}")
            if word.name == "GLOBAL":
                argument = str(argument).replace(" ", ".")
                names.add(argument)
            elif word.name == "BINPERSID":
                claims.append(stack[-1])
            _step(word.name, argument, stack, memory)
    except (ValueError, IndexError, KeyError, EOFError) as error:
        raise CheckpointError(f"{path}: its listing is not one that torch.save writes ({error!r})") from error
    return frozenset(names), claims


_MARK = object()
_TAKES = {
    **dict.fromkeys(("TUPLE1", "BINPERSID", "BUILD", "APPEND"), 1),
    **dict.fromkeys(("TUPLE2", "REDUCE", "NEWOBJ", "SETITEM"), 2),
    "TUPLE3": 3,
}
_TO_MARK = ("TUPLE", "SETITEMS", "APPENDS")


def _step(word: str, argument: Any, stack: list[Any], memory: dict[Any, Any]) -> None:
    taken: list[Any] = []
    if word in _TO_MARK:
        while (item := stack.pop()) is not _MARK:
            taken.append(item)
    for _ in range(_TAKES.get(word, 0)):
        taken.append(stack.pop())
    if word.startswith("TUPLE"):
        stack.append(tuple(reversed(taken)))
    elif word in ("REDUCE", "NEWOBJ", "BINPERSID"):
        stack.append(None)
    elif word == "MARK":
        stack.append(_MARK)
    elif word in ("BINPUT", "LONG_BINPUT"):
        memory[argument] = stack[-1]
    elif word in ("BINGET", "LONG_BINGET"):
        stack.append(memory[argument])
    elif word not in (*_TO_MARK, *_TAKES, "PROTO", "STOP"):
        stack.append(argument)  # a constant, a global, or the beginning of a container


def _check_claims(path: Path, claims: list[Any], sizes: dict[str, int]) -> None:
    """Every storage must be as large as its record: torch maps the file and would read on into the next one."""
    for claim in claims:
        kind, record, elements = (
            (claim[1], claim[2], claim[4]) if isinstance(claim, tuple) and len(claim) > 4 else ("", "", 0)
        )
        held = sizes.get(f"data/{record}", -1)
        if kind not in STORAGES or not isinstance(elements, int) or elements * STORAGES[kind] != held:
            raise CheckpointError(f"{path}: storage {record!r} claims {elements} elements, its record has {held} bytes")
