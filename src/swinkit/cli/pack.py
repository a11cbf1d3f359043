"""`swinkit pack`: many small files become a few archives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, UseAppendAction

from swinkit.cli.options import parse, shown
from swinkit.cli.output import Counting, document, note
from swinkit.files import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Copy a folder of pictures and masks into a few tar archives with an index.

    The result is a data set like any other: check it, train on it, evaluate and predict with it. Files are copied
    byte for byte; the source is not changed, nothing is overwritten, and after an interruption nothing is left.
    """

    data: Annotated[Positional[str], shown("DATA")]
    """a folder of pictures and masks"""
    out: Annotated[str, shown("FOLDER")]
    """the new folder"""
    set: Annotated[UseAppendAction[tuple[str, ...]], shown("A.B=C")] = ()
    """how to read the data, as for `swinkit train`, say data.ignore=[11]"""
    archive_mib: Annotated[int, shown("N")] = 256
    """an archive is ended before it would grow beyond so many MiB"""
    json: bool = False
    """print one JSON document on stdout"""


def run(arguments: Sequence[str]) -> int:
    """Pack; prints what was written where."""
    options = parse(Options, "pack", arguments)
    if options.archive_mib < 1:
        raise ConfigError(f"--archive-mib {options.archive_mib}: wanted at least 1")
    from swinkit.datasets import pack
    from swinkit.recipes.layouts import find_layout
    from swinkit.recipes.plain import check_names
    from swinkit.recipes.text import merged, parse_settings

    said = merged({"data": {"path": options.data}}, parse_settings(options.set))
    check_names(said, ["data"])
    layout = find_layout(said["data"], "segment", say=note).resolved()
    with Counting("packing") as counting:
        packed = pack(layout, options.out, archive_bytes=options.archive_mib << 20, progress=counting)
    splits = {name: len(packed.open(name)) for name in packed.splits()}
    if options.json:
        document({"path": packed.path, "splits": splits})
    else:
        print(f"{packed.path}: " + ", ".join(f"{name} {count}" for name, count in splits.items()))
    return 0
