"""What the pickle of a `.pth` says of tensors, told by a program of its own that builds nothing.

`swinkit.files.pth` runs this file as a child, `python -I -S listing.py < PICKLE > ANSWER`, so it knows the standard
library only and starts fast. The pickle is read as data: no module is imported, nothing is called and nothing is made
by a name, for there is no unpickler here. Limits on memory, processor time, written bytes, open files and processes are
set before its first byte is read. The answer is JSON, `{"refused": WHY}` or
`{"storages": [[kind, record, elements]], "tensors": [[names, storage, offset, shape, stride]]}`.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

MEMORY = 48 << 20
"""What reading may take above the bare interpreter."""
SECONDS = 5
LISTING_BYTES, ANSWER_BYTES = 4 << 20, 4 << 20
TENSORS, STEPS, VISITS = 20_000, 1_000_000, 100_000
DEPTH, NAME_LENGTH = 16, 300

KINDS = dict(Byte=1, Char=1, Bool=1, Short=2, Half=2, BFloat16=2, Int=4, Float=4, Long=8, Double=8)
"""Bytes of one element of a `torch.KINDStorage`."""

TENSOR_PARTS = {
    *"collections.OrderedDict torch.Size torch.device _codecs.encode torch._utils._rebuild_tensor_v2".split(),
    *"torch._utils._rebuild_parameter torch._utils._rebuild_parameter_with_state".split(),
    *(f"torch.{kind}Storage" for kind in KINDS),
    *(f"torch.{k}" for k in "float16 bfloat16 float32 float64 int8 int16 int32 int64 uint8 bool".split()),
}
"""What tensors by name are made of. Deliberately fewer than torch allows: no bytearray(n), no quantised, no sparse."""

BELONGINGS = {
    *"argparse.Namespace yacs.config.CfgNode".split(),  # 'args' of timm, DETR and FAIR; 'config' of microsoft's main.py
    *"numpy.core.multiarray.scalar numpy._core.multiarray.scalar numpy.dtype".split(),  # best metrics
}
"""Settings and scores that training scripts save beside the weights; they are left out."""


class RefusedListing(Exception):
    """Why a pickle is not one that `torch.save` wrote of tensors by name: one line, without the file's name."""


class Name(str):
    """A global: here it is its name and nothing more."""


class Storage(NamedTuple):
    """A record of the file that holds elements of a kind."""

    kind: str
    record: str
    elements: int


class View(NamedTuple):
    """A tensor: a view of a storage. The numbers are what the file says, not yet looked at."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Machine:
    """Pickle's stack and memory for protocol 2; makes dictionaries, lists, tuples and the descriptions above."""

    def __init__(self, text: bytes) -> None:
        self.text, self.at = text, 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memory: dict[int, Any] = {}

    def run(self) -> Any:
        """What the pickle describes."""
        for _ in range(STEPS):
            word = self.take(1)[0]
            if word == ord("."):
                return self.stack.pop()
            if word in NUMBERS:
                self.stack.append(self.number(NUMBERS[word]))
            elif word in CONSTANTS:
                self.stack.append(CONSTANTS[word])
            else:
                need(word in WORDS, f"operation {word:#x} in its pickle, which torch.save does not use")
                WORDS[word](self)
        raise RefusedListing(f"a listing of more than {STEPS} steps")

    def take(self, n: int) -> bytes:
        """The next bytes."""
        self.at += n
        need(self.at <= len(self.text), "its listing ends early")
        return self.text[self.at - n : self.at]

    def number(self, kind: str) -> Any:
        return struct.unpack(kind, self.take(struct.calcsize(kind)))[0]

    def line(self) -> str:
        end = self.text.find(b"\n", self.at, self.at + NAME_LENGTH)
        need(end >= 0, "a name without an end")
        return self.take(end + 1 - self.at)[:-1].decode("latin-1")

    def to_mark(self) -> list[Any]:
        at = self.marks.pop()
        items, self.stack[at:] = self.stack[at:], []
        return items

    def name(self) -> None:
        name = f"{self.line()}.{self.line()}"
        known = name in TENSOR_PARTS or name in BELONGINGS
        need(known, f"its pickle asks for {shown(name)}, which is no part of a tensor")
        self.stack.append(Name(name))

    def make(self) -> None:
        given, what = self.stack.pop(), self.stack.pop()
        need(isinstance(what, Name) and type(given) is tuple, "its pickle calls what is no name")
        self.stack.append(made(what, given))

    def storage(self) -> None:
        match self.stack.pop():
            case ("storage", Name() as kind, str() as record, _, int() as elements) if kind[6:-7] in KINDS:
                self.stack.append(Storage(kind[6:-7], record, elements))
            case _:
                need(False, "an odd storage")

    def fill(self, items: list[Any]) -> None:
        """The container on the stack; what else stands there is a belonging. Keys that are slow to hash are left."""
        if type(self.stack[-1]) is dict:
            pairs = zip(items[::2], items[1::2], strict=True)
            self.stack[-1].update((k, v) for k, v in pairs if type(k) is str or (type(k) is int and abs(k) < 1 << 32))
        elif type(self.stack[-1]) is list:
            self.stack[-1].extend(items)


def made(name: str, given: tuple[Any, ...]) -> Any:
    """What a call by that name stands for; None for what is left out."""
    match name, given:
        case "collections.OrderedDict", _:
            return {}
        case "torch._utils._rebuild_tensor_v2", (Storage(), int(), tuple() as shape, tuple() as stride, *rest):
            need(len(rest) <= 2 and all(type(n) is int for n in shape + stride), "an odd tensor")
            return View(*given[:4])
        case _:  # what is left of torch._utils is a parameter, made of a tensor
            need(not name.startswith("torch._utils.") or isinstance(next(iter(given), None), View), "an odd tensor")
    return given[0] if given and (name == "torch.Size" or isinstance(given[0], View)) else None


NUMBERS = {ord("J"): "<i", ord("K"): "<B", ord("M"): "<H", ord("G"): ">d"}
CONSTANTS = {ord("N"): None, 0x88: True, 0x89: False, ord(")"): ()}
WORDS: dict[int, Callable[[Machine], Any]] = {
    0x80: lambda m: need(m.take(1) == b"\2", "a pickle protocol that torch.save does not use"),
    ord("c"): Machine.name,
    ord("R"): Machine.make,
    0x81: Machine.make,
    ord("b"): lambda m: m.stack.pop(),
    ord("Q"): Machine.storage,
    ord("}"): lambda m: m.stack.append({}),
    ord("]"): lambda m: m.stack.append([]),
    ord("("): lambda m: m.marks.append(len(m.stack)),
    ord("t"): lambda m: m.stack.append(tuple(m.to_mark())),
    **{0x84 + n: lambda m, n=n: m.stack.append(tuple([m.stack.pop() for _ in range(n)][::-1])) for n in (1, 2, 3)},
    ord("s"): lambda m: m.fill([m.stack.pop(), m.stack.pop()][::-1]),
    ord("a"): lambda m: m.fill([m.stack.pop()]),
    **dict.fromkeys(b"ue", lambda m: m.fill(m.to_mark())),
    0x8A: lambda m: m.stack.append(int.from_bytes(m.take(m.number("<B")), "little", signed=True)),
    ord("X"): lambda m: m.stack.append(m.take(m.number("<I")).decode("utf-8", "surrogatepass")),
    ord("U"): lambda m: m.stack.append(m.take(m.number("<B")).decode("latin-1")),
    ord("q"): lambda m: m.memory.update({m.number("<B"): m.stack[-1]}),
    ord("r"): lambda m: m.memory.update({m.number("<I"): m.stack[-1]}),
    ord("h"): lambda m: m.stack.append(m.memory[m.number("<B")]),
    ord("j"): lambda m: m.stack.append(m.memory[m.number("<I")]),
}
"""The operations of a protocol-2 `torch.save`; a file with any other was not written by it."""


def listed(text: bytes) -> dict[str, Any]:
    """The answer for a pickle. RefusedListing where it is not one of tensors by name."""
    try:
        tree = Machine(text).run()
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise RefusedListing(f"its listing is damaged ({type(error).__name__})") from None
    need(type(tree) is dict, f"it holds a {type(tree).__name__.lower()}, not tensors by name")
    storages, tensors, visits = dict[Storage, int](), list[list[Any]](), 0
    waiting: deque[tuple[list[str], Any]] = deque([([], tree)])
    while waiting:
        path, value = waiting.popleft()
        visits += 1
        need(visits <= VISITS and len(path) <= DEPTH, "nested too deeply or with too many values")
        if type(value) is dict:
            names = [str(key) for key in value]
            odd = next((name for name in names if len(name) > NAME_LENGTH or not name.isprintable()), None)
            need(odd is None, f"the name {shown(odd or '')}")
            waiting.extend(([*path, name], inner) for name, inner in zip(names, value.values(), strict=True))
        elif isinstance(value, View):
            number = storages.setdefault(value.storage, len(storages))
            tensors.append([path, number, value.offset, value.shape, value.stride])
    need(len(tensors) <= TENSORS, f"{len(tensors)} tensors")
    return {"storages": list(storages), "tensors": tensors}


def need(condition: bool, why: str) -> None:
    """RefusedListing unless the condition holds."""
    if not condition:
        raise RefusedListing(why)


def shown(text: str) -> str:
    """A name from the file, for a message: on one line, short, and with nothing that a terminal would obey."""
    return ascii(text)[1:-1][:100]


def limit() -> None:
    """No more memory, time, files and processes than a listing takes. Windows has no `resource`: the parent's clock."""
    try:
        import resource
    except ImportError:
        return
    limits = {"RLIMIT_CPU": SECONDS, "RLIMIT_FSIZE": ANSWER_BYTES, "RLIMIT_CORE": 0, "RLIMIT_NPROC": 0}
    with contextlib.suppress(OSError), open("/proc/self/statm", "rb") as file:
        limits["RLIMIT_AS"] = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") + MEMORY
    for name, most in (limits | {"RLIMIT_NOFILE": 3}).items():
        with contextlib.suppress(AttributeError, ValueError, OSError):
            what = getattr(resource, name)
            hard = resource.getrlimit(what)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (most, most))


def main() -> None:
    """Answer for the pickle on standard input."""
    limit()
    try:
        answer: dict[str, Any] = listed(sys.stdin.buffer.read(LISTING_BYTES))
        text = json.dumps(answer)
        need(len(text) <= ANSWER_BYTES, "a listing larger than one of weights")
    except RefusedListing as error:
        text = json.dumps({"refused": str(error)})
    except (MemoryError, RecursionError):
        text = '{"refused": "a listing that takes more memory than one of weights"}'
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
