"""What lies on disk after a prediction: which files each kind of answer has, and the tables over all inputs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture

from swinkit.files import ConfigError, DataError, replace_file
from swinkit.files.volumes import NIFTI, write_labels
from swinkit.ops.palette import colours
from swinkit.recipes.recipe import Recipe
from swinkit.types import (
    Answers,
    ClassScores,
    Detections,
    Filled,
    Keypoints,
    LabelMap,
    Prediction,
    Tags,
    Task,
    Transcript,
)

LIST = "predictions.json"
OVERLAY = "-overlay.png"
Entry = Mapping[str, Any]
"""What predictions.json says about one input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How one kind of answer is written."""

    own: str = ""
    """The ending of the file that holds one answer alone; empty: the entry in predictions.json says all."""
    tables: Mapping[str, Callable[[Sequence[Entry], tuple[str, ...]], bytes]] = field(default_factory=dict[str, Any])
    """Files over all inputs, beside predictions.json: name -> content of (entries, classes)."""

    def files(self, name: str) -> tuple[str, ...]:
        """The files of one input."""
        return (*([name + self.own] if self.own else []), name + OVERLAY)


def form_of(task: Task, modality: str = "image") -> Form:
    """How a task's answers are written."""
    kind = getattr(task, "answers", LabelMap)
    return Form(own=NIFTI[1]) if kind is LabelMap and modality == "volume" else FORMS[kind]


def classes_of(recipe: Recipe) -> tuple[str, ...]:
    """The names that tables give what is found: the classes, or the one category whose points are."""
    return tuple(getattr(recipe.task, "classes", ())) or (getattr(recipe.data, "category", "") or "thing",)


def save(prediction: Prediction, path: Path, source: Path | None = None) -> None:
    """One answer alone: an index PNG in the classes' colours for a label map (of a volume NIfTI, in the geometry of the
    file `source`), JSON for every other kind.

    Raises:
        ConfigError: the ending of the path is another.
    """
    if isinstance(prediction, LabelMap) and prediction.labels.ndim == 3:
        if source is None or not path.name.lower().endswith(NIFTI):
            raise ConfigError(f"{path}: labels of a volume are saved as {NIFTI[1]}, beside the file they are for")
        write_labels(prediction.labels.numpy(), source, path)
        return
    wanted = ".png" if isinstance(prediction, LabelMap) else ".json"
    if path.suffix.lower() != wanted:
        kind = "mask" if isinstance(prediction, LabelMap) else "prediction"
        raise ConfigError(f"{path}: a {kind} is saved as {wanted}")
    if not isinstance(prediction, LabelMap):
        path.write_text(json.dumps(prediction.to_json(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        return
    image = Picture.fromarray(prediction.labels.numpy().astype(np.uint8))
    image.putpalette(colours(256).astype(np.uint8).tobytes())
    image.save(path)


def check_free(out: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """ConfigError where `out` is a file, or holds one of these that would be replaced unasked."""
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file: choose a folder for --out")
    for name in names:
        if not overwrite and (out / name).exists():
            raise ConfigError(f"{out / name}: is there already: choose another --out, or say --overwrite")


def write_lists(
    out: Path, form: Form, entries: Sequence[Entry], problems: Sequence[DataError], classes: tuple[str, ...]
) -> None:
    """The tables over all inputs, and predictions.json."""
    for name, content in form.tables.items():
        replace_file(out / name, content(entries, classes))
    told = [{"file": str(problem.path), "message": str(problem)} for problem in problems]
    text = json.dumps({"predictions": list(entries), "problems": told}, indent=2, allow_nan=False)
    replace_file(out / LIST, (text + "\n").encode())


def class_table(entries: Sequence[Entry], classes: tuple[str, ...]) -> bytes:
    """CSV with a line an input: its file, the class and its probability."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "class", "score"])
    rows.writerows([entry.get("source", entry["id"]), entry["class"], f"{entry['score']:.6f}"] for entry in entries)
    return text.getvalue().encode()


def conll(entries: Sequence[Entry], classes: tuple[str, ...]) -> bytes:
    """CoNLL: a line a word with its class after a tab, an empty line after every text."""
    return "".join(
        "".join(f"{word}\t{tag}\n" for word, tag in zip(entry["words"], entry["tags"], strict=True)) + "\n"
        for entry in entries
    ).encode()


def coco(entries: Sequence[Entry], classes: tuple[str, ...]) -> bytes:
    """COCO JSON: what was found as annotations with scores, which annotation tools read and change.

    Images are numbered from 1 in the order of the inputs, categories from 1 in the order of the classes.
    """
    images = [
        {"id": index, "file_name": Path(entry.get("source", entry["id"])).name,
         "width": entry["size"][1], "height": entry["size"][0]}
        for index, entry in enumerate(entries, start=1)
    ]  # fmt: skip
    found = [(index, thing) for index, entry in enumerate(entries, start=1) for thing in entry["objects"]]
    annotations = [
        {"id": number, "image_id": index, "category_id": classes.index(thing["class"]) + 1, "bbox": thing["bbox"],
         "area": thing.get("area", thing["bbox"][2] * thing["bbox"][3]), "iscrowd": 0, "score": thing["score"],
         **{key: thing[key] for key in ("segmentation", "keypoints", "num_keypoints") if key in thing}}
        for number, (index, thing) in enumerate(found, start=1)
    ]  # fmt: skip
    categories = [{"id": number, "name": name} for number, name in enumerate(classes, start=1)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    return (json.dumps(document, allow_nan=False) + "\n").encode()


def coco_points(entries: Sequence[Entry], classes: tuple[str, ...]) -> bytes:
    """The same for points: one category with their names and skeleton, which COCO counts from 1."""
    named = [{**entry, "objects": [{**thing, "class": classes[0]} for thing in entry["objects"]]} for entry in entries]
    document = json.loads(coco(named, classes[:1]))
    if entries:
        skeleton = [[one + 1, other + 1] for one, other in entries[0]["skeleton"]]
        document["categories"][0] |= {"keypoints": entries[0]["names"], "skeleton": skeleton}
    return (json.dumps(document, allow_nan=False) + "\n").encode()


def point_table(entries: Sequence[Entry], classes: tuple[str, ...]) -> bytes:
    """CSV with a line a point: file, number of the thing in it from 0, name, x, y (pixels, 0 is the middle of the first
    one) and score."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["file", "thing", "point", "x", "y", "score"])
    for entry in entries:
        for number, thing in enumerate(entry["objects"]):
            places = zip(thing["keypoints"][::3], thing["keypoints"][1::3], thing["scores"], strict=True)
            for name, (x, y, score) in zip(entry["names"], places, strict=True):
                file = entry.get("source", entry["id"])
                rows.writerow([file, number, name, f"{x:.3f}", f"{y:.3f}", f"{score:.6f}"])
    return text.getvalue().encode()


def text_table(entries: Sequence[Entry], classes: tuple[str, ...]) -> bytes:
    """CSV with a line an input: its file, what is said in it and how sure that is."""
    return _table(
        ["file", "text", "score"], [[_file(entry), entry["text"], f"{entry['score']:.6f}"] for entry in entries]
    )


def word_table(entries: Sequence[Entry], classes: tuple[str, ...]) -> bytes:
    """CSV with a line a word: its file, the word, and the seconds where it begins and ends."""
    rows = [[_file(entry), *(word[name] for name in ("word", "start", "end"))]
            for entry in entries for word in entry["words"]]  # fmt: skip
    return _table(["file", "word", "start", "end"], rows)


def json_lines(entries: Sequence[Entry], classes: tuple[str, ...]) -> bytes:
    """A JSON document a line, as manifests of speech have them."""
    names = ("text", "score", "words")
    rows = [{"audio_filepath": _file(entry), **{name: entry[name] for name in names}} for entry in entries]
    return "".join(json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n" for row in rows).encode()


def _file(entry: Entry) -> Any:
    return entry.get("source", entry["id"])


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


FORMS: dict[type, Form] = {
    LabelMap: Form(own=".png"),
    Answers: Form(),
    ClassScores: Form(tables={"predictions.csv": class_table}),
    Filled: Form(),
    Tags: Form(tables={"predictions.conll": conll}),
    Detections: Form(tables={"predictions-coco.json": coco}),
    Transcript: Form(tables={"predictions.csv": text_table, "words.csv": word_table, "predictions.jsonl": json_lines}),
    Keypoints: Form(tables={"predictions-coco.json": coco_points, "keypoints.csv": point_table}),
}
"""Kind of answer -> how it is written."""
