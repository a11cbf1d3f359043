"""From what a user said, in part, to a whole recipe: what was left out is chosen by the task's own function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

from swinkit.files import ConfigError, did_you_mean
from swinkit.recipes import classification, detection, mixed, posing, segmentation, several_tasks, sounding, texts
from swinkit.recipes.kinds import find_modality
from swinkit.recipes.layouts import Say, find_layout
from swinkit.recipes.plain import KIND, KINDS, TABLES, check_names, from_plain, kind_of, part
from swinkit.recipes.recipe import Recipe
from swinkit.recipes.starting import with_start
from swinkit.recipes.text import merged, nested

RECIPES: dict[str, Callable[..., dict[str, Any]]] = {
    "segment": segmentation.defaults,
    "classify": classification.defaults,
    "detect": detection.defaults,
    "pose": posing.defaults,
    "several": several_tasks.defaults,
    "tag": texts.tags,
    "reconstruct": texts.hidden,
    "transcribe": sounding.transcripts,
}
"""Task -> function of (layout, what was said, modality, say) that chooses the whole recipe as plain values."""
OTHERS: dict[tuple[str, str], Callable[..., dict[str, Any]]] = {
    ("classify", "audio"): sounding.classes,
    ("classify", "mixed"): mixed.defaults,
}
"""(task, modality) -> the same, where other data wants other values."""


class Maker(Protocol):
    """Makes the recipe of one task."""

    def __call__(
        self,
        path: Path | str,
        *,
        model: str | None = None,
        epochs: float | None = None,
        seed: int = 0,
        changes: Mapping[str, Any] | None = None,
        say: Say | None = None,
    ) -> Recipe: ...


_TOLD = """

    Args:
        path: {path}.
        model: a name that `swinkit models` lists; None: one that suits the size of the pictures.
        epochs: passes over the training data; None: as many as suit their number.
        seed: of the weights, the order and the augmentation.
        changes: any other value, `{{"training.rate": 1e-3, "task.dice": 0.5}}`.
        say: is told what was found and chosen.

    Raises:
        ConfigError, DataError: one sentence that names the value or the file.
    """


def _maker(task: str, about: str, path: str) -> Maker:
    def make(
        path: Path | str,
        *,
        model: str | None = None,
        epochs: float | None = None,
        seed: int = 0,
        changes: Mapping[str, Any] | None = None,
        say: Say | None = None,
    ) -> Recipe:
        said: dict[str, Any] = {"task": {KIND: task}, "data": {"path": str(path)}, "training": {"seed": seed}}
        if model is not None:
            said["model"] = {"name": model}
        if epochs is not None:
            said["training"]["epochs"] = epochs
        return complete(merged(said, nested(changes or {})), say=say)

    make.__name__ = make.__qualname__ = task
    make.__doc__ = about + _TOLD.format(path=path)
    return make


segment = _maker(
    "segment",
    "A class for every cell of the grid.",
    "a folder with `<split>/images` and `<split>/labels`, or the name of a built-in data set",
)
classify = _maker(
    "classify",
    "One class for a whole picture or text; a published size gets its published training.",
    "folders of pictures or texts a class, tables of files, texts or several inputs, parquet tables, or MNIST's files",
)
detect = _maker(
    "detect",
    "The things in a picture, with their boxes.",
    "a folder with annotations in COCO's, VOC's or YOLO's form, or `digit_scenes`",
)
pose = _maker(
    "pose",
    "Named points of people or animals, each looked at by itself (top down).",
    "a folder with COCO keypoint annotations",
)
tag = _maker("tag", "A class for every word of a text.", "a folder with train.conll, or one such file")
reconstruct = _maker(
    "reconstruct",
    "Masked pre-training: what stands in hidden cells; its run starts others (`model.weights=RUN`).",
    "tables of texts",
)
transcribe = _maker(
    "transcribe",
    "What is said in sounds, with the times of words.",
    "a folder with a manifest of sounds and their texts, or with features and transcripts",
)
_several = _maker("several", "", "")


def several(path: Path | str, *, tasks: Mapping[str, Mapping[str, Any]] | None = None, **options: Any) -> Recipe:
    """Several tasks on one backbone.

    Args:
        path: digit_scenes, or a folder with a folder a task, each in a layout of that task.
        tasks: name -> values of the task, `{"segment": {}, "detect": {"channels": 64}}`; None: all that there are.
        options: model, epochs, seed, changes and say, as for `segment`.

    Raises:
        ConfigError, DataError: one sentence that names the value or the file.
    """
    inner = {} if tasks is None else {"task": {"tasks": {name: dict(values) for name, values in tasks.items()}}}
    return _several(path, **{**options, "changes": merged(nested(options.get("changes") or {}), inner)})


def complete(
    said: Mapping[str, Any], *, modality: str | None = None, say: Say | None = None, where: str = ""
) -> Recipe:
    """The recipe of nested values such as a recipe file, `--set` and options give; they win over every default.

    Args:
        said: at least `task.kind` and `data.path`.
        modality: the modality's name, where it shall not be found from the kinds of file.
        say: is told what was found and chosen.
        where: what the values were read from; errors begin with it.
    """
    _check(said, where)
    said, say = with_start(said), say or _silent
    layout = find_layout(said.get("data", {}), said["task"][KIND], say=say, where=where)
    found, sentence = find_modality(layout, modality or said.get("modality", {}).get(KIND))
    say(sentence)
    task = said["task"][KIND]
    if found == "mixed" and (task, found) not in OTHERS:
        raise ConfigError(
            f"task: {task} learns from one input a sample, {layout.path} has several: classify takes them"
        )
    defaults = OTHERS.get((task, found), RECIPES[task])(layout, said, found, say)
    rest = {name: values for name, values in _one_length(said).items() if name != "data"}  # that is in the layout
    return from_plain(_found(merged(defaults, rest)), where=where)


def _check(said: Mapping[str, Any], where: str) -> None:
    check_names(said, ["format", "task", "data", "model", "modality", "training"], where=where)
    begin = f"{where}: " if where else ""
    for name, values in said.items():
        if name != "format" and not isinstance(values, Mapping):
            raise ConfigError(f"{begin}{name}: wanted names with values, got {values!r}")
    task = said.get("task", {}).get(KIND)
    if task is None:
        raise ConfigError(f"{begin}task.{KIND}: is missing: there are {', '.join(RECIPES)}")
    if task not in RECIPES:
        raise ConfigError(f"{begin}task: no task {task!r}: {did_you_mean(str(task), RECIPES)}")
    kinds = {name: kind_of(name, said[name], where=where) for name in TABLES if KIND in said.get(name, {})} | KINDS
    for name, kind in kinds.items():  # before the data is read, which may take a while
        known = [field.name for field in fields(kind)] + ([KIND] if name in TABLES else [])
        check_names(said.get(name, {}), known, path=name, where=where)
    if "name" in said.get("model", {}):
        part("model", said["model"], where=where)


def _one_length(said: Mapping[str, Any]) -> dict[str, Any]:
    """A run's length is given in steps or in epochs: whichever was said takes the default's place."""
    training = dict(said.get("training", {}))
    for this, other in (("steps", "epochs"), ("epochs", "steps")):
        if training.get(this) is not None:
            training.setdefault(other, None)
    return {**said, "training": training}


def _found(plain: dict[str, Any]) -> dict[str, Any]:
    """The recipe must work from any folder, so weights are written with their whole path."""
    weights = plain["model"].get("weights")
    if weights is None:
        return plain
    if not Path(weights).is_file() and not Path(weights, "recipe.json").is_file():
        raise ConfigError(f"model.weights: {weights}: there is no such file or run folder")
    return merged(plain, {"model": {"weights": str(Path(weights).resolve())}})


def _silent(_: str) -> None:
    pass
