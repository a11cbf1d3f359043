"""`swinkit check`: everything that is wrong with a data set, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, UseAppendAction

from swinkit.cli.options import parse, shown
from swinkit.cli.output import Counting, document, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Read a data set completely and report every problem with its file and field; changes nothing.

    The exit code is 2 where something cannot be trained on; warnings alone leave it at 0.
    """

    task: Annotated[Positional[str], shown("TASK")]
    """what is to be learnt: segment"""
    data: Annotated[Positional[str], shown("DATA")]
    """a folder, or the name of a built-in data set"""
    set: Annotated[UseAppendAction[tuple[str, ...]], shown("A.B=C")] = ()
    """how to read the data, as for `swinkit train`, say data.ignore=[11]"""
    modality: Annotated[str | None, shown("NAME")] = None
    """how to read the files; by default found from their kinds"""
    json: bool = False
    """print one JSON document on stdout"""


def run(arguments: Sequence[str]) -> int:
    """Print what was found."""
    options = parse(Options, "check", arguments)
    from swinkit.recipes.checking import check

    with Counting("reading") as counting:
        audit = check(
            options.task, options.data, settings=options.set, modality=options.modality, say=note, progress=counting
        )
    if options.json:
        document(audit.to_json())
    else:
        print("\n".join(audit.lines()))
    return 0 if audit.ok else 2
