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

TENSOR_PARTS = frozenset(
    {
        "collections.OrderedDict",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        "torch.Size",
        "torch.device",
        "_codecs.encode",
        "__builtin__.set",
        "builtins.set",
    }
    | {
        f"torch.{kind}Storage"
        for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool", "Untyped")
    }
    | {f"torch.{kind}" for kind in ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64")}
    | {"torch.uint8", "torch.bool"}
    | {"torch.storage.UntypedStorage", "torch.storage.TypedStorage"}
)
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
    names = _names(path, text)
    strange = sorted(names - TENSOR_PARTS - BELONGINGS)
    if strange:
        raise CheckpointError(
            f"{path}: its pickle asks for {', '.join(strange[:3])}, which is no part of a tensor; {CONVERT}"
        )
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


def _names(path: Path, text: bytes) -> frozenset[str]:
    names: set[str] = set()
    try:
        for word, argument, _ in pickletools.genops(text):
            if word.name not in WORDS:
                raise ValueError(f"operation {word.name}")
            if word.name == "GLOBAL":
                names.add(str(argument).replace(" ", "."))
    except (ValueError, IndexError, EOFError) as error:
        raise CheckpointError(f"{path}: its listing is not one that torch.save writes ({error})") from error
    return frozenset(names)
