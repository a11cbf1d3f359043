"""Many files at once: found, predicted and written one by one, so that a bad one stops none of the others."""

from __future__ import annotations

import glob
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swinkit.files import ConfigError, DataError, MissingExtra, replace_file, safe_join
from swinkit.files.packed import is_packed, open_pack
from swinkit.files.rasters import is_raster
from swinkit.files.series import addresses
from swinkit.files.volumes import is_volume, stem
from swinkit.recipes.kinds import ENDINGS, OF_LAYOUTS
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

RASTER = ".tif"
SERIES = "series"
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
    progress: Callable[[int, int], None] | None = None,
) -> Done:
    """Write the answer for every input into `out`.

    predictions.json lists them all; every input has NAME-overlay.png to look at. Label maps are NAME.png beside that
    (class indices), classes predictions.csv, and things predictions-coco.json. A TIFF of more pixels than a picture may
    have is labelled part by part into NAME.tif, or its things are found part by part. A film or a camera (`camera:0`)
    becomes NAME-overlay.mp4 and NAME.jsonl, an answer a frame, and with `tracking` NAME-tracks.csv. A
    table of several series has an answer for each. Transcripts are
    predictions.csv, words.csv with their times and predictions.jsonl; a long sound is heard in pieces and has no
    picture.

    Args:
        inputs: files, folders (their files of a known kind, at any depth) and patterns; where the run is about texts
            also tables of them and texts themselves, and nothing is drawn; where it is about several inputs, tables
            as it learnt from, whose every line has an answer.

    Raises:
        ConfigError: there is no run, nothing was found, or `out` holds a file that would be replaced.
    """
    predictor = run if isinstance(run, Predictor) else open_run(run)
    if (write := OF_LINES.get(predictor.kind)) is not None:
        return Done(*write(predictor, inputs, Path(out), overwrite=overwrite, progress=progress))
    sources = find_inputs(inputs, predictor.kind)
    folder = Path(out)
    names = names_of([source for source, _ in sources])
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file: choose a folder for --out")
    form = form_of(predictor.recipe.task, predictor.kind)
    tables = form.tables if any(not is_film(source) for source, _ in sources) else {}
    each = zip(sources, names, strict=True)
    files = [LIST, *tables, *(file for (source, _), name in each for file in _files(source, name, form, tracking))]
    _refuse_inputs(folder, [source for source, _ in sources], files)
    if not overwrite:
        for file in files:
            if (folder / file).exists():
                raise ConfigError(f"{folder / file}: is there already: choose another --out, or say --overwrite")
    folder.mkdir(parents=True, exist_ok=True)
    predictions: list[dict[str, Any]] = []
    problems: list[DataError] = []
    for index, ((source, _), name) in enumerate(zip(sources, names, strict=True)):
        try:
            predictions.append(_answer(predictor, source, folder, name, form, tracking))
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


def find_inputs(inputs: Sequence[str], modality: str) -> list[tuple[Path, bool]]:
    """Every file once, in order, and whether it was named itself; of a packed folder, the pictures in its archives.

    Raises:
        ConfigError: an input matches nothing.
    """
    found: dict[Path, bool] = {}
    for word in inputs:
        path = Path(word)
        if word.startswith(CAMERA):
            found[path] = True
            continue
        if is_packed(path):
            files = list(open_pack(path).images())
        elif modality == "volume" and path.is_dir() and is_volume(path):
            files = [path]  # a DICOM series
        elif path.is_dir():
            files = [file for file in sorted(path.rglob("*")) if _is_kind(file, modality)]
            if not files:
                raise ConfigError(f"{path}: holds no {modality} file ({', '.join(_endings(modality))})")
        elif path.exists() or path.is_symlink() or not glob.has_magic(word):
            found[path] = True  # one that is missing is a problem of its own, not of the others
            continue
        else:
            files = [file for file in map(Path, sorted(glob.glob(word, recursive=True))) if not file.is_dir()]
            if not files:
                raise ConfigError(f"{word}: matches no file")
        for file in files:
            found.setdefault(file, False)
    return [(each, named) for path, named in found.items() for each in _tracks(path, modality)]


def _tracks(path: Path, modality: str) -> list[Path]:
    """Every series of a file; one that cannot be read is a problem of its own."""
    try:
        return addresses(path) if modality == SERIES and path.is_file() else [path]
    except DataError:
        return [path]


def _endings(modality: str) -> tuple[str, ...]:
    known = ENDINGS | OF_LAYOUTS
    if modality not in known:
        raise ConfigError(f"a run on {modality} data has no files of its own kind in folders: give files or tables")
    return known[modality]


def _is_kind(file: Path, modality: str) -> bool:
    return file.name.lower().endswith(_endings(modality)) and not file.name.startswith(".") and file.is_file()


def names_of(sources: Sequence[Path]) -> list[str]:
    """A name for every input: its stem, with as many of its folders in front as it takes to tell it from the others."""
    stems = [re.sub(r"\.csv#", "-", source.name) if "#" in source.suffix else stem(source) for source in sources]
    parts = [
        [part.strip("/\\:.") or "root" for part in (*source.parts[:-1], name)]
        for source, name in zip(sources, stems, strict=True)
    ]
    depth = [1] * len(sources)
    while True:
        names = ["-".join(row[-deep:]) for row, deep in zip(parts, depth, strict=True)]
        counts = Counter(names)
        grown = [index for index, name in enumerate(names) if counts[name] > 1 and depth[index] < len(parts[index])]
        if not grown:
            break
        for index in grown:
            depth[index] += 1
    taken: set[str] = set()
    for index, source in enumerate(sources):  # street.jpg beside street.png
        name, number = names[index], 1
        while names[index] in taken:
            number += 1
            names[index] = f"{name}-{source.suffix.lstrip('.')}" if number == 2 else f"{name}-{number}"
        taken.add(names[index])
    return names


def _refuse_inputs(folder: Path, sources: Sequence[Path], files: Sequence[str]) -> None:
    """An input is never replaced, whatever was allowed."""
    written = {(folder / file).resolve() for file in files}
    for source in sources:
        if source.resolve() in written:
            raise ConfigError(f"{source}: would be replaced by its own prediction: choose another --out")


def _files(source: Path, name: str, form: Form, tracking: Tracking | None) -> tuple[str, ...]:
    if is_film(source):
        return files_of(name, track=tracking is not None)
    if is_raster(source):
        return (name + OVERLAY,) if form.tables else (name + RASTER, name + OVERLAY)
    return form.files(name)


def _answer(
    predictor: Predictor, source: Path, folder: Path, name: str, form: Form, tracking: Tracking | None
) -> dict[str, Any]:
    if not is_film(source) and not is_raster(source):
        if is_long(predictor, source):
            return {"source": str(source), **listen(predictor, source).to_json(), "id": name}
        return _write(predictor(source), folder, name, form)
    try:
        if is_film(source):
            return {**predict_film(predictor, str(source), folder, name, tracking=tracking), "id": name}
        return _part_by_part(predictor, source, folder, name)
    except (ConfigError, MissingExtra) as error:  # the run cannot do this with it; the other inputs go on
        raise DataError(source, str(error)) from error


def _part_by_part(predictor: Predictor, source: Path, folder: Path, name: str) -> dict[str, Any]:
    overlay, labels = safe_join(folder, name + OVERLAY), safe_join(folder, name + RASTER)
    if getattr(predictor.recipe.task, "answers", None) is Detections:
        return {**find_in_raster(predictor, source, overlay), "id": name, "overlay": overlay.name}
    return {
        **predict_raster(predictor, source, labels, overlay),
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
