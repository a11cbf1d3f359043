"""Many files at once: found, predicted and written one by one, so that a bad one stops none of the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image as Picture

from swinkit.files import ConfigError, DataError, MissingExtra, replace_file, safe_join
from swinkit.files.rasters import is_raster
from swinkit.recipes import watching
from swinkit.recipes.inputs import find_inputs, names_of
from swinkit.recipes.listening import is_long, listen
from swinkit.recipes.mixed_answers import write_mixed
from swinkit.recipes.predictor import Predictor, Result, open_run
from swinkit.recipes.raster_things import find_in_raster
from swinkit.recipes.rasters import predict_raster
from swinkit.recipes.text_answers import write_texts
from swinkit.recipes.tracking import Tracking
from swinkit.recipes.videos import CAMERA, files_of, is_film, predict_film
from swinkit.recipes.writing import LIST, OVERLAY, Form, classes_of, form_of
from swinkit.types import Detections

RASTER, VIDEO = ".tif", "video"
Progress = Callable[[int, int], None]
"""Is told how many are done, and of how many."""
OF_LINES = {"text": write_texts, "mixed": write_mixed}
"""Modality -> what answers for the lines of tables."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it."""

    predictions: tuple[dict[str, Any], ...]
    problems: tuple[DataError, ...]
    """Inputs that could not be used."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "predictions": list(self.predictions),
            "problems": [{"file": str(problem.path), "message": str(problem)} for problem in self.problems],
        }


def predict_files(
    run: Path | str | Predictor,
    inputs: Sequence[str],
    out: Path | str,
    *,
    overwrite: bool = False,
    tracking: Tracking | None = None,
    progress: Progress | None = None,
    within: Progress | None = None,
) -> Done:
    """Write the answer for every input into `out`.

    predictions.json lists them all; every input has NAME-overlay.png to look at. Label maps are NAME.png beside that
    (class indices), classes predictions.csv, and things predictions-coco.json. A TIFF of more pixels than a picture may
    have is labelled part by part into NAME.tif, or its things are found part by part. A film or a camera (`camera:0`)
    becomes NAME-overlay.mp4 and NAME.jsonl, an answer a frame, and with `tracking` NAME-tracks.csv; where the run is
    about clips, a film has one answer, and a long one also an answer for every clip of it. A table of several series
    has an answer for each. Transcripts are predictions.csv, words.csv with their times and predictions.jsonl; a long
    sound is heard in pieces and has no picture.

    Args:
        inputs: files, folders (their files of a known kind, at any depth) and patterns; where the run is about texts
            also tables of them and texts themselves, and nothing is drawn; where it is about several inputs, tables
            as it learnt from, whose every line has an answer.
        progress: of inputs; `within`: of the parts of a long one (frames, windows, seconds of sound).

    Raises:
        ConfigError: there is no run, nothing was found, or `out` holds a file that would be replaced.
    """
    predictor = run if isinstance(run, Predictor) else open_run(run)
    if (write := OF_LINES.get(predictor.kind)) is not None:
        return Done(*write(predictor, inputs, Path(out), overwrite=overwrite, progress=progress))
    sources, folder = find_inputs(inputs, predictor.kind), Path(out)
    names = names_of([source for source, _ in sources])
    form = form_of(predictor.recipe.task, predictor.kind)
    framed = {source for source, _ in sources if _frame_by_frame(source, predictor.kind, tracking)}
    tables = form.tables if len(framed) < len(sources) else {}
    each = [
        files_of(name, track=tracking is not None) if source in framed else _files(source, name, form)
        for (source, _), name in zip(sources, names, strict=True)
    ]
    files = [LIST, *tables, *(file for row in each for file in row)]
    _check_out(folder, [source for source, _ in sources], files, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    predictions: list[dict[str, Any]] = []
    problems: list[DataError] = []
    for index, ((source, _), name) in enumerate(zip(sources, names, strict=True)):
        answer = partial(_film, tracking, within) if source in framed else partial(_answer, form, within)
        try:
            predictions.append(answer(predictor, source, folder, name))
        except DataError as error:
            problems.append(error)
        if progress is not None:
            progress(index + 1, len(sources))
    classes = classes_of(predictor.recipe)
    for file, content in tables.items():
        replace_file(folder / file, content([entry for entry in predictions if "frames" not in entry], classes))
    done = Done(predictions=tuple(predictions), problems=tuple(problems))
    replace_file(folder / LIST, (json.dumps(done.to_json(), indent=2, allow_nan=False) + "\n").encode())
    return done


def _check_out(folder: Path, sources: Sequence[Path], files: Sequence[str], *, overwrite: bool) -> None:
    """An input is never replaced, whatever was allowed. Raises ConfigError."""
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file: choose a folder for --out")
    written = {(folder / file).resolve() for file in files}
    for source in sources:
        if source.resolve() in written:
            raise ConfigError(f"{source}: would be replaced by its own prediction: choose another --out")
    for file in files:
        if not overwrite and (folder / file).exists():
            raise ConfigError(f"{folder / file}: is there already: choose another --out, or say --overwrite")


def _frame_by_frame(source: Path, kind: str, tracking: Tracking | None) -> bool:
    """Whether every frame has an answer; a run about clips looks at several of them together."""
    if tracking is not None and kind == VIDEO:
        raise ConfigError("--track follows things (task detect) and points (task pose); this run is about whole clips")
    return str(source).startswith(CAMERA) if kind == VIDEO else is_film(source)


def _files(source: Path, name: str, form: Form) -> tuple[str, ...]:
    if is_raster(source):
        return (name + OVERLAY,) if form.tables else (name + RASTER, name + OVERLAY)
    return form.files(name)


def _film(
    tracking: Tracking | None, within: Progress | None, predictor: Predictor, source: Path, folder: Path, name: str
) -> dict[str, Any]:
    if predictor.kind == VIDEO:
        raise DataError(source, "this run is about clips, which a camera does not end: give films")
    try:
        found = predict_film(predictor, str(source), folder, name, tracking=tracking, progress=within)
        return {**found, "id": name}
    except (ConfigError, MissingExtra) as error:  # the run cannot do this with it; the other inputs go on
        raise DataError(source, str(error)) from error


def _answer(
    form: Form, within: Progress | None, predictor: Predictor, source: Path, folder: Path, name: str
) -> dict[str, Any]:
    if is_raster(source):
        try:
            return _part_by_part(within, predictor, source, folder, name)
        except (ConfigError, MissingExtra) as error:
            raise DataError(source, str(error)) from error
    if is_long(predictor, source):
        return {"source": str(source), **listen(predictor, source, progress=within).to_json(), "id": name}
    if watching.is_long(predictor, source):
        return _watched(within, predictor, source, folder, name)
    return _write(predictor(source), folder, name, form)


def _watched(within: Progress | None, predictor: Predictor, source: Path, folder: Path, name: str) -> dict[str, Any]:
    found = watching.watch(predictor, source, name, progress=within)
    overlay = safe_join(folder, name + OVERLAY)
    Picture.fromarray(found.draw(predictor)).save(overlay)
    return {"source": str(source), **found.to_json(), "id": name, "overlay": overlay.name}


def _part_by_part(
    within: Progress | None, predictor: Predictor, source: Path, folder: Path, name: str
) -> dict[str, Any]:
    overlay, labels = safe_join(folder, name + OVERLAY), safe_join(folder, name + RASTER)
    if getattr(predictor.recipe.task, "answers", None) is Detections:
        return {**find_in_raster(predictor, source, overlay, progress=within), "id": name, "overlay": overlay.name}
    return {
        **predict_raster(predictor, source, labels, overlay, progress=within),
        "id": name,
        "overlay": overlay.name,
        "mask": labels.name,
    }


def _write(result: Result, folder: Path, name: str, form: Form) -> dict[str, Any]:
    overlay = safe_join(folder, name + OVERLAY)
    result.save(overlay, overlay=True)
    entry = {**result.to_json(), "id": name, "overlay": overlay.name}
    if form.own:
        entry["mask"] = result.save(safe_join(folder, name + form.own)).name
    return entry
