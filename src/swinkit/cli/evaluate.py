"""`swinkit evaluate`: a run's figures on a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional, UseAppendAction

from swinkit.cli.options import parse, shown
from swinkit.cli.output import Counting, document


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Measure a run, with its best weights, on a split.

    Figures of the run's own data are kept in its report.
    """

    run: Annotated[Positional[str], shown("RUN")]
    """the run folder"""
    data: Annotated[Positional[str | None], shown("DATA")] = None
    """other data of the same classes; by default the data of the run"""
    split: Annotated[str, shown("NAME")] = "test"
    """train, val or test (default: test)"""
    set: Annotated[UseAppendAction[tuple[str, ...]], shown("A.B=C")] = ()
    """ask the run in another way, say task.flip=true or task.window=[512,512]; such figures are not kept"""
    json: bool = False
    """print one JSON document on stdout"""


def run(arguments: Sequence[str]) -> int:
    """Print the figures."""
    options = parse(Options, "evaluate", arguments)
    from swinkit import api
    from swinkit.recipes.text import parse_settings

    changes = parse_settings(options.set)
    with Counting(f"evaluating {options.split}") as counting:
        evaluation = api.evaluate(options.run, options.data, split=options.split, changes=changes, progress=counting)
    if options.json:
        document(evaluation.to_json())
    else:
        print(evaluation)
    return 0
