"""From what a run folder holds to its report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from swinkit.models import Joined, count, macs
from swinkit.ops.palette import colours
from swinkit.recipes.evaluation import Evaluation
from swinkit.recipes.folder import RunFolder
from swinkit.recipes.parts import make_model
from swinkit.recipes.plain import to_plain
from swinkit.recipes.predictor import Predictor
from swinkit.recipes.progress import duration
from swinkit.recipes.recipe import Recipe
from swinkit.report import ClassRow, Example, ModelFacts, RunFacts, write_report
from swinkit.types import (
    Answers,
    ClassScores,
    Dataset,
    Detections,
    LabelMap,
    Objects,
    Prediction,
    Record,
    Sample,
    Transcript,
)

SHOWN = 3
"""Best and worst samples that the report shows, of each."""
ORDER = ("train", "val", "test")


def keep(path: Path, predictor: Predictor, evaluation: Evaluation) -> Path:
    """Keep an evaluation of the run's own data in its folder and write the report anew, with examples of that split."""
    folder = RunFolder(path)
    folder.write(f"evaluations/{evaluation.split}.json", evaluation.to_json())
    recipe = predictor.recipe
    data = evaluation.dataset
    examples = {
        name: [_example(predictor, data, evaluation, index) for index in indices]
        for name, indices in _chosen(evaluation.scores).items()
    }
    about = folder.read("environment.json") or {}
    return write_report(
        path,
        RunFacts(
            title=f"{to_plain(recipe)['task']['kind']}: {Path(recipe.data.path).name}",
            main=evaluation.main,
            figures=_figures(folder),
            history=folder.rows(),
            **_classes(evaluation, things=getattr(recipe.task, "answers", None) is Detections),
            split=evaluation.split,
            **examples,
            model=_model(recipe, data),
            speed=_speed(folder.rows(), recipe, evaluation),
            environment=about.get("environment", {}),
            recipe=to_plain(recipe),
            command=about.get("command", ""),
            notes=_notes(evaluation),
        ),
    )


def _figures(folder: RunFolder) -> dict[str, Mapping[str, float]]:
    """Split -> figures, of all evaluations that were kept."""
    kept = {name: folder.read(f"evaluations/{name}.json") for name in ORDER}
    return {name: content["figures"] for name, content in kept.items() if content}


def _classes(evaluation: Evaluation, *, things: bool) -> dict[str, Any]:
    """The per-class table and the confusion matrix, where the task's metrics have them."""
    rows = evaluation.details.get("per_class")
    if not rows:
        return {}
    first = int(things)  # boxes leave out the first colour, which is muted
    table = colours(len(rows) + first)[first:].tolist()
    classes = [
        ClassRow(
            name=row["name"],
            figures={name: value for name, value in row.items() if name not in ("name", "count")},
            count=row["count"],
            color=tuple(color),
        )
        for row, color in zip(rows, table, strict=True)
    ]
    confusion = evaluation.details.get("confusion")
    return {"classes": classes, "confusion": None if confusion is None else np.array(confusion)}


def _chosen(scores: Sequence[float | None]) -> dict[str, list[int]]:
    """Indices of the samples to show."""
    ranked = sorted((score, index) for index, score in enumerate(scores) if score is not None)
    worst = ranked[: min(SHOWN, (len(ranked) + 1) // 2)]
    best = [pair for pair in ranked[::-1][:SHOWN] if pair not in worst]
    return {"best": [index for _, index in best], "worst": [index for _, index in worst]}


def _example(predictor: Predictor, data: Dataset, evaluation: Evaluation, index: int) -> Example:
    modality = predictor.recipe.modality
    sample = _sample(predictor.recipe, data, index)
    (prediction,) = predictor.predict([sample])
    bare = dataclasses.replace(sample, target=None)
    shown = {} if sample.text else {"input": modality.draw_target(bare, data.classes)}
    if not isinstance(prediction, ClassScores):  # a picture has one class: the words below say which
        shown["truth"] = modality.draw_target(sample, data.classes)
        shown["prediction"] = modality.draw(bare, prediction)
    return Example(
        id=sample.id,
        score=evaluation.scores[index],
        pictures=shown,
        classes=_seen(sample, prediction, data.classes),
        note=_words(sample.target, prediction),
        text=sample.text,
    )


def _seen(sample: Sample, prediction: Prediction, classes: Sequence[str]) -> list[str]:
    """Names of the classes in truth or prediction, where the pictures show them in colours."""
    if not isinstance(prediction, (LabelMap, Detections)):
        return []
    truth = sample.target.labels if isinstance(sample.target, Objects) else sample.target
    seen = np.union1d(np.unique(np.asarray(truth)), np.unique(prediction.labels.numpy()))
    return [classes[label] for label in seen.tolist() if label < len(classes)]


def _words(target: Any, prediction: Prediction) -> str:
    """What the pictures do not say."""
    if isinstance(prediction, Answers):
        each = [_words(target.get(name), answer) for name, answer in prediction.answers.items()]
        return "; ".join(words for words in each if words)
    if isinstance(prediction, Transcript):
        said = "" if target is None else f"truth: {prediction.spelled(target.tolist())}; "
        return f"{said}prediction: {prediction.text}"
    if not isinstance(prediction, ClassScores):
        return ""
    best = ", ".join(f"{name} {score:.2f}" for name, score in prediction.best(3))
    truth = "" if target is None else f"truth: {prediction.classes[int(target)]}; "
    return f"{truth}prediction: {best}"


def _sample(recipe: Recipe, data: Dataset, index: int) -> Sample:
    record: Record = data[index]
    return recipe.modality.standard(recipe.modality.read(record))


def _model(recipe: Recipe, data: Dataset) -> ModelFacts:
    model = make_model(recipe)
    if isinstance(model, Joined):
        return _joined(model, recipe, data)
    config, space = model.config, tuple(_sample(recipe, data, 0).grid.shape[1:])
    details = {
        "backbone": f"{config.version}, width {config.width}, depths {config.depths}, heads {config.heads}",
        "windows": ", ".join("x".join(map(str, window)) for window in config.windows),
        "decoder": str(getattr(recipe.task, "decoder", "")),
        "weights": recipe.model.weights or "from scratch",
    }
    return ModelFacts(
        name=recipe.model.name,
        parameters=count(model),
        gmacs=macs(model, space) / 1e9,
        size=space,
        details={name: value for name, value in details.items() if value},
    )


def _joined(model: Joined, recipe: Recipe, data: Dataset) -> ModelFacts:
    """Of a model of several inputs; its cost at the sizes that they have first."""
    spaces: dict[str, tuple[int, ...]] = {}
    for index in range(len(data)):
        if not data[index].parts.keys() <= spaces.keys():
            parts = _sample(recipe, data, index).parts
            spaces = {name: tuple(part.grid.shape[1:]) for name, part in parts.items()} | spaces
        if len(spaces) == len(model.parts):
            break
    details = {f"input {name}": f"{recipe.model.of(name).name}, {'x'.join(map(str, s))}" for name, s in spaces.items()}
    joining = recipe.model.joined()
    return ModelFacts(
        name=recipe.model.name,
        parameters=count(model),
        gmacs=macs(model, spaces) / 1e9,
        details={**details, "joined by": f"{joining.depth} layers of attention, width {joining.width}"},
    )


def _speed(rows: Sequence[Mapping[str, str]], recipe: Recipe, evaluation: Evaluation) -> dict[str, str | float]:
    speed: dict[str, str | float] = {}
    steps = [row for row in rows if row.get("loss")]
    if steps and rows:
        seconds = float(rows[-1]["seconds"])
        speed["training took"] = duration(seconds)
        speed["training"] = (
            f"{int(steps[-1]['step']) * recipe.training.batch / max(seconds, 1e-9):.0f} samples/s, with evaluations"
        )
    if evaluation.seconds:
        speed["prediction"] = f"{evaluation.samples / evaluation.seconds:.0f} samples/s, with reading"
    return speed


def _notes(evaluation: Evaluation) -> list[str]:
    notes = [f"Weights: checkpoint {evaluation.weights}, the best on the validation split."]
    if evaluation.split == "val":
        notes.append("The best weights were chosen on this split: measure on unseen data with `swinkit evaluate`.")
    if evaluation.split == "test":
        notes.append("Figures of the test split are worth something only as long as nothing is chosen by them.")
    return notes
