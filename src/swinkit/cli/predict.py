"""`swinkit predict`: a run's answers for files and folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from tyro.conf import Positional

from swinkit.cli.options import parse, shown
from swinkit.cli.output import Counting, document, note


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Apply a run, with its best weights, to files.

    predictions.json lists all answers, and every picture has NAME-overlay.png to look at. Beside them stand index
    pictures NAME.png (segment: pixel = class index), predictions.csv (classify), predictions-coco.json (detect,
    pose), predictions.conll (tag), and for a film NAME-overlay.mp4 and NAME.jsonl. A file that cannot be read is
    reported and the others are done; the exit code is 2 then.
    """

    run: Annotated[Positional[str], shown("RUN")]
    """the run folder"""
    inputs: Annotated[Positional[tuple[str, ...]], shown("INPUT...")]
    """files, folders (their files of a known kind), patterns like 'photos/*.jpg', films and cameras (camera:0), tables
    of texts and texts themselves"""
    out: Annotated[str, shown("DIR")]
    """where the predictions go"""
    track: bool = False
    """in films, follow what is found: every thing keeps its number and its box is smoothed"""
    overwrite: bool = False
    """replace files that --out holds already"""
    json: bool = False
    """print one JSON document on stdout: what predictions.json holds"""


def run(arguments: Sequence[str]) -> int:
    """Write the predictions; 2 where an input could not be used."""
    options = parse(Options, "predict", arguments)
    from swinkit.recipes.predicting import predict_files
    from swinkit.recipes.tracking import Tracking

    with Counting("predicting") as counting:
        done = predict_files(
            options.run,
            options.inputs,
            options.out,
            overwrite=options.overwrite,
            tracking=Tracking() if options.track else None,
            progress=counting,
        )
    for problem in done.problems:
        note(f"swinkit: {problem}")
    if options.json:
        document(done.to_json())
    else:
        print(f"{len(done.predictions)} predictions in {options.out}")
    return 2 if done.problems else 0
