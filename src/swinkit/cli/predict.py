"""`swinkit predict`: a run's answers for files and folders."""

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
    """Apply a run, with its best weights, to files.

    predictions.json lists all answers, and every picture has NAME-overlay.png to look at. Beside them stand index
    pictures NAME.png (segment: pixel = class index), predictions.csv (classify), predictions-coco.json (detect,
    pose), predictions.conll (tag), and for a film NAME-overlay.mp4 and NAME.jsonl; from clips, classify has an
    answer for the film and for every clip of a long one. A file that cannot be read is reported and the others are
    done; the exit code is 2 then.
    """

    run: Annotated[Positional[str], shown("RUN")]
    """the run folder"""
    inputs: Annotated[Positional[tuple[str, ...]], shown("INPUT...")]
    """files, folders (their files of a known kind), patterns like 'photos/*.jpg', films and cameras (camera:0), tables
    of texts and texts themselves, tables of samples with several inputs"""
    out: Annotated[str, shown("DIR")]
    """where the predictions go"""
    pose: Annotated[str | None, shown("RUN")] = None
    """a run of pose: what RUN, a detector, finds is posed one by one"""
    pose_of: Annotated[UseAppendAction[tuple[str, ...]], shown("CLASS")] = ()
    """only things of this class are posed (may be said again); by default all"""
    as_data: bool = False
    """instead, write pictures and labels into the new folder --out as `swinkit train` reads them, to be corrected and
    learnt from; review.csv lists the pictures, the most doubtful first"""
    track: bool = False
    """in films, follow what is found: every thing keeps its number and its box is smoothed; NAME-tracks.csv says where
    things are, or their points, from which `swinkit train classify` learns what they do"""
    set: Annotated[UseAppendAction[tuple[str, ...]], shown("A.B=C")] = ()
    """ask the run in another way, say task.flip=true or task.window=[512,512]"""
    overwrite: bool = False
    """replace files that --out holds already"""
    json: bool = False
    """print one JSON document on stdout: what predictions.json holds"""


def run(arguments: Sequence[str]) -> int:
    """Write the predictions; 2 where an input could not be used."""
    options = parse(Options, "predict", arguments)
    from swinkit.recipes.labelling import label_files
    from swinkit.recipes.predicting import predict_files
    from swinkit.recipes.predictor import open_run
    from swinkit.recipes.scenes import open_scenes
    from swinkit.recipes.text import parse_settings
    from swinkit.recipes.tracking import Tracking

    if options.pose_of and options.pose is None:
        raise ConfigError("--pose-of: say which run poses them with --pose RUN")
    if options.as_data and (options.track or options.overwrite):
        raise ConfigError("--as-data: writes pictures with labels into a new folder: leave --track and --overwrite out")
    changes = parse_settings(options.set)
    if options.pose is None:
        run = open_run(options.run, changes=changes)
    else:
        run = open_scenes(options.run, options.pose, of=options.pose_of, changes=changes)
    tracking = Tracking() if options.track else None
    with Counting("predicting") as counting:
        if options.as_data:
            done = label_files(run, options.inputs, options.out, progress=counting)
        else:
            done = predict_files(
                run, options.inputs, options.out,
                overwrite=options.overwrite, tracking=tracking, progress=counting, within=counting.within,
            )  # fmt: skip
    for problem in done.problems:
        note(f"swinkit: {problem}")
    if options.json:
        document(done.to_json())
    else:
        print(f"{len(done.predictions)} predictions in {options.out}")
    return 2 if done.problems else 0
