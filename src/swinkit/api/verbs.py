"""build, load, train, evaluate, predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from swinkit import models, weights
from swinkit.files import ConfigError
from swinkit.models import Joined, Model
from swinkit.recipes.evaluation import Evaluation
from swinkit.recipes.evaluation import evaluate as measure
from swinkit.recipes.folder import RunFolder
from swinkit.recipes.inputs import find_inputs
from swinkit.recipes.layouts import other_layout
from swinkit.recipes.plain import kind_name
from swinkit.recipes.predictor import Predictor, Result, load_run, open_run
from swinkit.recipes.runs import Run
from swinkit.recipes.training import train
from swinkit.weights import convert

Source = Path | str | np.ndarray | Mapping[str, Any]

__all__ = ["build", "convert", "evaluate", "load", "predict", "train"]


def build(name: str, **changes: Any) -> Model:
    """A model with fresh weights.

    Args:
        name: one that `swinkit models` lists.
        changes: `classes` of the linear head, or `outputs=(1, 3)`, the stages whose features the model returns instead;
            `channels` of the input, and any field of the backbone's configuration.

    Raises:
        ConfigError: no such model or field; names the nearest that exists.
    """
    return models.build(name, **changes)


def load(source: Path | str, **changes: Any) -> Model | Joined:
    """A model with trained weights, in evaluation mode.

    Args:
        source: a run folder (its best weights), a weight file in any layout that swinkit knows, or the name of a model
            on the Hugging Face hub, ORG/NAME or ORG/NAME@REVISION.
        changes: for a weight file: what is wanted (`outputs`, `classes`, `rows`, `changes={"window": 12}`), and what
            its tensors do not tell, say the `window` of its training; see `swinkit.models.load_reported`. For a name
            of the hub also `revision`, `file`, `cache`, `endpoint` and `refresh`; see `swinkit.weights.fetch`.

    Raises:
        CheckpointError: the file is damaged, of no known layout, or of another architecture than wanted, or the name
            cannot be fetched.
        ConfigError: what is wanted does not exist.
    """
    if RunFolder(Path(source)).holds_run:
        if changes:
            raise ConfigError(
                f"{source}: is a run, whose recipe says everything: {', '.join(changes)} cannot be changed"
            )
        return load_run(source)[1]
    if weights.hub_name(source) is None:
        if strange := sorted(weights.FETCHING & set(changes)):
            raise ConfigError(f"{source}: is a path, and {', '.join(strange)} is for names of the hub, say ORG/NAME")
        return models.load(Path(source), **changes)
    fetched = weights.fetch(str(source), **{name: changes.pop(name) for name in weights.FETCHING & set(changes)})
    return models.load(fetched.path, **(weights.told(fetched.config) | changes))


def evaluate(
    run: Run | Path | str,
    data: Path | str | None = None,
    *,
    split: str = "test",
    changes: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """The figures of a run on a split; those of its own data, asked as it was trained, are kept in its report.

    Args:
        data: another folder with the same classes; None: the run's own data.
        changes: settings that change predictions alone, say `{"task.flip": True}`.

    Raises:
        ConfigError, DataError, CheckpointError: one sentence that names the value or the file.
    """
    run = _run(run)
    layout = None if data is None else other_layout(run.recipe.data, data, kind_name("task", run.recipe.task))
    if changes:
        return measure(
            open_run(run.dir, task=run.recipe.task, changes=changes), split, layout=layout, progress=progress
        )
    return run.evaluate(split, layout=layout, progress=progress)


@overload
def predict(run: Run | Predictor | Path | str, source: Source) -> Result: ...
@overload
def predict(run: Run | Predictor | Path | str, source: Sequence[Source]) -> list[Result]: ...
def predict(run: Run | Predictor | Path | str, source: Source | Sequence[Source]) -> Result | list[Result]:
    """The answer of a run: one for one input, a list for several.

    Args:
        run: opened anew for a folder; keep a `Run` for many calls.
        source: a file, an array in the modality's raw form, inputs by name where the run is about several, or a
            sequence of them; a folder or a pattern gives a list as well.

    Raises:
        DataError: an input cannot be read; names the file.
    """
    predictor = run if isinstance(run, Predictor) else _run(run).predictor
    if isinstance(source, (np.ndarray, Mapping)):
        return predictor(source)
    if isinstance(source, (str, Path)):
        path = Path(source)
        if path.is_file():
            return predictor(path)
        found = find_inputs([str(source)], predictor.kind)
        return predictor(path) if found == [(path, True)] else [predictor(file) for file, _ in found]
    return [predictor(one) for one in source]


def _run(run: Run | Path | str) -> Run:
    return run if isinstance(run, Run) else Run.at(run)
