"""`swinkit train`: from a data set to a run folder."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import Positional, UseAppendAction

from swinkit.cli.options import parse, shown
from swinkit.cli.output import note
from swinkit.files import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Train a model on a data set.

    Everything about a run is in its recipe: task, data, model, modality and training. What is not said is chosen to
    suit the data; any value can be set with --set, and RUN/recipe.json shows them all.
    """

    task: Annotated[Positional[str | None], shown("TASK")] = None
    """what to learn: segment, classify, detect, pose, tag, reconstruct"""
    data: Annotated[Positional[str | None], shown("DATA")] = None
    """a folder, or the name of a built-in data set: digit_scenes, gaits"""
    model: Annotated[str | None, shown("NAME")] = None
    """a name that `swinkit models` lists; by default one that suits the data"""
    out: Annotated[str | None, shown("RUN")] = None
    """the run folder; by default a new one under runs/"""
    epochs: Annotated[float | None, shown("N")] = None
    """passes over the training data"""
    seed: Annotated[int | None, shown("S")] = None
    """of the weights, the order and the augmentation (default: 0)"""
    set: Annotated[UseAppendAction[tuple[str, ...]], shown("A.B=C")] = ()
    """change one value of the recipe, say training.rate=1e-3 or task.dice=0.5"""
    recipe: Annotated[str | None, shown("FILE")] = None
    """take values from a recipe file, whole or in part (.json, .yaml); the other options come on top"""
    modality: Annotated[str | None, shown("NAME")] = None
    """how to read the files; by default found from their kinds"""
    resume: Annotated[str | None, shown("[CHECKPOINT]")] = None
    """go on with the run in --out, from its last checkpoint or the one named here: best, a step or a path"""
    overwrite: bool = False
    """replace a run that --out holds already"""
    dry_run: bool = False
    """try one batch through training, evaluation and saving; leaves nothing behind"""


def run(arguments: Sequence[str]) -> int:
    """Train; prints where the run is."""
    options = parse(Options, "train", _with_resume(arguments))
    if options.resume is not None and options.out is None:
        raise ConfigError("--resume: say which run with --out RUN")
    from swinkit import recipes

    recipe = _recipe(options)
    if options.dry_run:
        losses = recipes.dry_run(recipe, options.out)
        print(
            "dry run: one batch was trained on, evaluated and saved: "
            + ", ".join(f"{k} {v:.4g}" for k, v in losses.items())
        )
        return 0
    trained = recipes.train(
        recipe,
        options.out,
        resume=options.resume,
        overwrite=options.overwrite,
        command=shlex.join(["swinkit", "train", *arguments]),
    )
    print(f"run: {trained.dir}\nreport: {trained.report}")
    return 0


def _recipe(options: Options) -> Any:
    from swinkit.recipes.completion import complete
    from swinkit.recipes.folder import RunFolder
    from swinkit.recipes.text import merged, parse_settings, read_text

    said: dict[str, Any] = {}
    if options.resume is not None and options.task is None and options.recipe is None:
        said = RunFolder(Path(options.out or "")).plain()
    if options.recipe is not None:
        said = read_text(Path(options.recipe))
    where = options.recipe or ""
    for path, value in (
        ("task.kind", options.task),
        ("data.path", options.data),
        ("model.name", options.model),
        ("training.epochs", options.epochs),
        ("training.seed", options.seed),
    ):
        if value is not None:
            said = _put(said, *path.split("."), value)
    said = merged(said, parse_settings(options.set))
    if not said.get("task"):
        raise ConfigError("swinkit train needs TASK and DATA, or a --recipe; see swinkit train --help")
    return complete(said, modality=options.modality, say=note, where=where)


def _put(said: dict[str, Any], part: str, name: str, value: Any) -> dict[str, Any]:
    """Set one value. Another kind or path makes the values that belong to the old one meaningless."""
    old = said.get(part, {})
    if name in ("kind", "path") and old.get(name) not in (None, value):
        old = {}
    if name == "epochs":
        old = {**old, "steps": None}
    return {**said, part: {**old, name: value}}


def _with_resume(arguments: Sequence[str]) -> list[str]:
    """`--resume` alone means the last checkpoint."""
    words = list(arguments)
    for index, word in enumerate(words):
        if word == "--resume" and (index + 1 == len(words) or words[index + 1].startswith("--")):
            words[index] = "--resume=last"
    return words
