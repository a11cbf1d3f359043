"""A run that is over in seconds: does everything fit together?"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from swinkit.recipes.folder import RunFolder
from swinkit.recipes.recipe import Recipe
from swinkit.recipes.training import Order, carry_out


def dry_run(recipe: Recipe, out: Path | str | None = None) -> dict[str, float]:
    """One batch through training, evaluation and saving; returns the step's losses.

    Works in a temporary folder beside `out` (where there is enough room, or not), which is removed in the end.
    """
    settings = {"steps": 1, "epochs": None, "evaluate_every": 1, "save_every": 1, "workers": 0, "processes": 1}
    small = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, **settings))
    beside = Path(out).resolve().parent if out is not None else None
    while beside is not None and not beside.is_dir():
        beside = beside.parent
    with tempfile.TemporaryDirectory(prefix=".swinkit-dry-run-", dir=beside) as place:
        folder = RunFolder(Path(place) / "run")
        folder.start(small, overwrite=False)
        carry_out(Order(recipe=small, folder=folder, quiet=True, few=recipe.training.batch))
        checkpoints = folder.checkpoints(small)
        saved = checkpoints.load(checkpoints.last() or folder.path)
        assert saved.step == 1, "the one step was saved"
        first = folder.rows()[0]
        return {name: float(first[name]) for name in first if name.split("/")[0] == "loss" and first[name]}
