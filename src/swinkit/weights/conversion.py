"""From a weight file of any known layout to one of any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from swinkit.files import CheckpointError, ConfigError
from swinkit.files.tensors import read_tensors
from swinkit.types import Window
from swinkit.weights.hub import fetch, hub_name, told
from swinkit.weights.keys import KeyReport
from swinkit.weights.layouts import find
from swinkit.weights.names import is_part
from swinkit.weights.native import NATIVE
from swinkit.weights.origin import Weights
from swinkit.weights.store import read_file, write_file

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
FETCHING = frozenset({"revision", "file", "cache", "endpoint", "refresh"})
"""What is told about a name of the hub rather than about a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What was written, and what became of every tensor."""

    source: str
    """The path, or the name on the hub with its commit."""
    target: Path
    layout: str
    """Of the target."""
    tensors: int
    """In the target, with the buffers that its layout saves."""
    report: KeyReport
    """Of the source: `loaded` is what was converted, `unexpected` what the target has no place for."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "source": self.source,
            "target": str(self.target),
            "from": self.report.layout,
            "to": self.layout,
            "tensors": self.tensors,
            "report": self.report.to_json(),
        }

    def __str__(self) -> str:
        lines = str(self.report).splitlines()
        lines = [line.replace("not in the model, not used", "no place in that layout, not written") for line in lines]
        return "\n".join([*lines, f"{self.tensors} tensors written in the {self.layout} layout: {self.target}"])


def convert(
    source: Path | str,
    target: Path | str,
    layout: str,
    *,
    size: int | Window | None = None,
    backbone: bool = False,
    overwrite: bool = False,
    **more: Any,
) -> Conversion:
    """Read weights, write them in another layout, and tell what became of every tensor.

    Args:
        source: a weight file, or a name of the hub.
        target: its suffix decides the format: `.safetensors`, or `.pth`, `.pt` and `.bin` as torch.save writes them.
        layout: of the target, one of LAYOUTS.
        size: input cells along each axis (or one number), for layouts that save shift masks, and as `read` takes it.
        backbone: leave the head out, for layouts that have none.
        overwrite: replace a file that is there.
        more: `window`, `bias_window`, `part` and `order` as `read` takes them; for a name also what `fetch` takes.

    Raises:
        CheckpointError: the source cannot be read, or the layout has no place for such a model.
        ConfigError: the target exists, or its suffix does not fit.
    """
    target, to = Path(target), find(layout)
    wanted = SUFFIXES[:1] if to.name == NATIVE.name else SUFFIXES
    if target.suffix not in wanted:
        raise ConfigError(f"{target}: the {to.name} layout is written to a file that ends in {' or '.join(wanted)}")
    if target.exists() and not overwrite:
        raise ConfigError(f"{target}: exists already; name another file, or say that it may be overwritten")
    path, shown, more = _found(source, more)
    weights = read_file(path, **({"size": size} | more if size is not None else more))
    heads = tuple(name for name in weights.state if backbone and name.startswith("head."))
    kept = {name: value for name, value in weights.state.items() if name not in heads}
    try:
        write_file(target, replace(weights, state=kept), to, size=size or weights.origin.size)
    except CheckpointError as error:
        hint = " (backbone=True leaves the head out)" if "no place for head." in str(error) else ""
        raise CheckpointError(f"{path}: {error}{hint}") from error
    written = len(list(_names(read_tensors(target).tensors)))
    dropped = (*heads, *_dropped(weights, to.name))
    report = KeyReport(layout=weights.origin.layout, loaded=tuple(kept), unexpected=dropped)
    return Conversion(source=shown, target=target, layout=to.name, tensors=written, report=report)


def _found(source: Path | str, more: Mapping[str, Any]) -> tuple[Path, str, dict[str, Any]]:
    """The file, what to call it, and what is told about its tensors."""
    fetching = {name: value for name, value in more.items() if name in FETCHING}
    rest = {name: value for name, value in more.items() if name not in FETCHING}
    if hub_name(source) is None:
        if fetching:
            raise ConfigError(f"{source}: is a path, and {', '.join(sorted(fetching))} is for names of the hub")
        return Path(source), str(source), rest
    fetched = fetch(str(source), **fetching)
    return fetched.path, str(fetched), told(fetched.config) | rest


def _dropped(weights: Weights, layout: str) -> tuple[str, ...]:
    """Tensors that only the source's own layout and ours keep."""
    if layout in (weights.origin.layout, NATIVE.name):
        return ()
    table = find(weights.origin.layout).buffer_table(weights.origin.place)
    return tuple(name for name in weights.leftovers if not is_part(name) and table.ours(name) is None)


def _names(tree: Mapping[str, Any]) -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, Tensor):
            yield name
        else:
            yield from _names(value)
