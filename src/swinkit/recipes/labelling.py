"""Answers as a data set: pictures and labels as `swinkit train` reads them, to be corrected and learnt from."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from swinkit.files import ConfigError, DataError, replace_file, safe_join
from swinkit.files.pictures import picture_bytes
from swinkit.files.rasters import is_raster
from swinkit.recipes.inputs import find_inputs, names_of
from swinkit.recipes.plain import kind_name
from swinkit.recipes.predicting import Done
from swinkit.recipes.predictor import Predictor, Result
from swinkit.recipes.videos import is_film
from swinkit.recipes.writing import classes_of, coco, coco_points
from swinkit.types import ClassScores, Detections, Keypoints, LabelMap, Prediction

REVIEW = "review.csv"
PICTURES, MASKS, ANNOTATIONS, NAMES = "images", "labels", "train.json", "classes.txt"
TABLES: Mapping[type, Callable[[Sequence[Mapping[str, Any]], tuple[str, ...]], bytes]] = {
    Detections: coco,
    Keypoints: coco_points,
}
"""Kind of answer -> what writes those of all pictures into one file."""


def label_files(
    predictor: Predictor, inputs: Sequence[str], out: Path | str, *, progress: Callable[[int, int], None] | None = None
) -> Done:
    """Write the pictures and their answers into `out`, a new folder, in a layout that the same task learns from.

    segment: images/, labels/ (index masks) and classes.txt; detect and pose: images/ and train.json of COCO's form,
    with what the run is sure of; classify: a folder a class. review.csv lists the pictures, the most doubtful first.

    Raises:
        ConfigError: nothing was found, `out` holds something, or the answers are no labels (several tasks).
    """
    task = predictor.recipe.task
    kind = getattr(task, "answers", LabelMap)
    if kind not in (LabelMap, ClassScores, *TABLES):
        raise ConfigError(
            f"--as-data: a run of {kind_name('task', task)} does not label for one task: use one that does"
        )
    folder = Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder}: is there already: a data set is written into a new folder")
    if getattr(task, "scores", None) is False:
        recipe = replace(predictor.recipe, task=replace(task, scores=True))  # type: ignore[call-arg, type-var]
        predictor = Predictor(recipe, predictor.model, predictor.device, name=predictor.name)
    sources = [source for source, _ in find_inputs(inputs, predictor.kind)]
    entries: list[dict[str, Any]] = []
    problems: list[DataError] = []
    doubts: list[tuple[float, str, str]] = []
    for index, (source, name) in enumerate(zip(sources, names_of(sources), strict=True)):
        try:
            if is_film(source) or is_raster(source):
                raise DataError(source, "is no picture of moderate size, which is what is learnt from: it is left out")
            result = predictor(source)
            file = _write(result, folder, name + source.suffix.lower())
            entries.append({**_sure(result.prediction).to_json(), "source": file.name})
            doubts.append((*doubt(result.prediction), file.relative_to(folder).as_posix()))
        except DataError as error:
            problems.append(error)
        if progress is not None:
            progress(index + 1, len(sources))
    classes = classes_of(predictor.recipe)
    folder.mkdir(parents=True, exist_ok=True)
    if kind in TABLES:
        replace_file(folder / ANNOTATIONS, TABLES[kind](entries, classes))
    elif kind is LabelMap:
        replace_file(folder / NAMES, ("\n".join(classes) + "\n").encode())
    replace_file(folder / REVIEW, _review(doubts))
    return Done(predictions=tuple(entries), problems=tuple(problems))


def doubt(prediction: Prediction) -> tuple[float, str]:
    """How much an answer should be looked at, 0 to 1, and because of what.

    Of things it is that of the one whose score is nearest to being sure or not, of points that of the lowest score, of
    classes the probability of all others, of maps the mean of that over the cells.
    """
    if isinstance(prediction, Detections):
        sure = min(max(prediction.sure, 1e-6), 1 - 1e-6)
        each = [(s / sure if s < sure else (1 - s) / (1 - sure), s, label) for s, label in _scored(prediction)]
        value, score, label = max(each, default=(0.0, 0.0, -1))
        return value, f"{prediction.classes[label]} {score:.2f}" if each else "nothing found"
    if isinstance(prediction, Keypoints):
        each = [
            (1 - row[2], name)
            for rows in prediction.points.tolist()
            for row, name in zip(rows, prediction.names, strict=True)
        ]
        value, name = max(each, default=(0.0, ""))
        return value, f"{name} {1 - value:.2f}" if each else "nothing found"
    if isinstance(prediction, ClassScores):
        (name, score), *others = prediction.best(2)
        return 1 - score, ", ".join(f"{n} {s:.2f}" for n, s in [(name, score), *others])
    if not isinstance(prediction, LabelMap) or prediction.scores is None:
        return 0.0, "without scores"
    scores = prediction.scores.double()
    return 1 - float(scores.mean()), f"{float((scores < 0.5).double().mean()):.1%} of the cells below 0.5"


def _scored(found: Detections) -> list[tuple[float, int]]:
    return list(zip(found.scores.tolist(), found.labels.tolist(), strict=True))


def _sure(prediction: Prediction) -> Any:
    return prediction.certain() if isinstance(prediction, Detections) else prediction


def _write(result: Result, folder: Path, name: str) -> Path:
    """Put the picture, and a mask beside, where they belong; returns where the picture is."""
    prediction = result.prediction
    inside = prediction.best(1)[0][0] if isinstance(prediction, ClassScores) else PICTURES
    assert result.source is not None, "it was a file"
    picture = safe_join(folder, f"{inside}/{name}")
    picture.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(prediction, LabelMap):
        (folder / MASKS).mkdir(parents=True, exist_ok=True)
        result.save(safe_join(folder, f"{MASKS}/{name}").with_suffix(".png"))
    replace_file(picture, picture_bytes(result.source))
    return picture


def _review(doubts: Sequence[tuple[float, str, str]]) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "doubt", "about"])
    order = np.argsort([-value for value, _, _ in doubts], kind="stable")
    rows.writerows([doubts[index][2], f"{doubts[index][0]:.4f}", doubts[index][1]] for index in order)
    return text.getvalue().encode()
