"""What a training starts from: trained weights of a file, or of another run with its heads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swinkit.files import ConfigError
from swinkit.models import Joined, Model
from swinkit.recipes.folder import RunFolder
from swinkit.recipes.plain import KIND, kind_name
from swinkit.recipes.predictor import load_run
from swinkit.recipes.recipe import SCRATCH, Recipe
from swinkit.recipes.text import merged
from swinkit.types import Task
from swinkit.weights import KeyReport, Origin, Weights, fit, read_file

OPTIONAL = ("head.", "backbone.norms.", "mask_token")
"""A classifier has another head, norms only where it looks, and hides nothing."""


def start_from(model: Model | Joined, recipe: Recipe) -> KeyReport | None:
    """Put the trained weights that the recipe names into the model; returns what became of every tensor.

    Of a run the heads come along: that of a task goes to the task of that name (of one task alone: of its kind).

    Raises:
        ConfigError: there is no such run.
        CheckpointError: the file is damaged, of no known layout, or of another architecture.
    """
    if recipe.model.weights is None:
        return None
    if isinstance(model, Joined):
        raise ConfigError(SCRATCH)
    run = _run(recipe.model.weights)
    weights = read_file(recipe.model.weights) if run is None else _weights_of(run, recipe.task)
    state, report = fit(weights, model.config, model.state_dict(), optional=OPTIONAL)
    model.load_state_dict(state)
    return report


def with_start(said: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, and where `model.weights` is a run, that run's model for what was not."""
    run = _run(said.get("model", {}).get("weights"))
    if run is None:
        return dict(said)
    own = run.plain().get("model", {})
    return merged({"model": {name: own[name] for name in ("name", "changes") if name in own}}, said)


def started_tasks(said: Mapping[str, Any]) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The tasks of the run that `model.weights` names, as plain values by name, and its modality; both empty where it
    names none."""
    run = _run(said.get("model", {}).get("weights"))
    if run is None:
        return {}, {}
    plain = run.plain()
    task: dict[str, Any] = plain.get("task", {})
    each = task["tasks"] if "tasks" in task else {str(task.get(KIND)): task}
    return each, plain.get("modality", {})


def _run(weights: Any) -> RunFolder | None:
    """The run folder of that name; None for a file or nothing."""
    if not isinstance(weights, str) or not Path(weights).is_dir():
        return None
    folder = RunFolder(Path(weights))
    if not folder.holds_run:
        raise ConfigError(f"model.weights: {weights}: is a folder without a run: give a run folder or a weight file")
    return folder


def _weights_of(run: RunFolder, task: Task) -> Weights:
    """The best weights of a run, its heads under the names that they have for this task."""
    recipe, model, _ = load_run(run.path)
    if isinstance(model, Joined):
        raise ConfigError(f"model.weights: {run.path} is a run on several inputs: give one of a single input")
    old, new = _heads(recipe.task), _heads(task)
    state = {}
    for key, value in model.state_dict().items():
        name = next((name for name, begin in old.items() if key.startswith(begin)), None)
        if name is not None:  # one that nobody takes keeps clear of the names of others
            key = new.get(name, f"head.unused.{name}.") + key.removeprefix(old[name])
        state[key] = value
    return Weights(config=model.config, state=state, origin=Origin(layout="swinkit"))


def _heads(task: Task) -> dict[str, str]:
    """Name of a task -> what the names of its head's parameters begin with."""
    several: Mapping[str, Task] | None = getattr(task, "tasks", None)
    if several is None:
        return {kind_name("task", task): "head."}
    return {name: f"head.heads.{name}." for name in several}
