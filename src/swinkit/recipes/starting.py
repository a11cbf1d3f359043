"""Where a run's first weights come from: a file in any layout, or another run."""

from __future__ import annotations

from pathlib import Path

from swinkit.engine import read_weights
from swinkit.models import Model
from swinkit.recipes.folder import RunFolder
from swinkit.recipes.parts import make_model
from swinkit.recipes.recipe import Recipe
from swinkit.weights import KeyReport, Origin, Weights, fit, read_file

OPTIONAL = ("head.", "backbone.norms.", "mask_token")
"""A classifier has another head, norms only where it looks, and hides nothing."""


def start_from(model: Model, recipe: Recipe) -> KeyReport | None:
    """Put the trained weights that the recipe names into the model; returns what became of every tensor.

    Raises:
        CheckpointError: the file is damaged, of no known layout, or of another architecture.
        ConfigError: the run is of another task than swinkit knows.
    """
    if recipe.model.weights is None:
        return None
    path = Path(recipe.model.weights)
    weights = of_run(path) if path.is_dir() else read_file(path)
    state, report = fit(weights, model.config, model.state_dict(), optional=OPTIONAL)
    model.load_state_dict(state)
    return report


def of_run(path: Path) -> Weights:
    """The best weights of a run folder, their running average where there is one."""
    folder = RunFolder(path)
    recipe = folder.recipe()
    state = read_weights(folder.find(recipe, "best"))
    return Weights(config=make_model(recipe).config, state=state, leftovers={}, origin=Origin(layout="swinkit"))
