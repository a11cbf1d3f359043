"""A run folder as something to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from swinkit.recipes.evaluation import Evaluation, evaluate
from swinkit.recipes.folder import RunFolder
from swinkit.recipes.predictor import Predictor, Result, open_run
from swinkit.recipes.recipe import Recipe
from swinkit.recipes.reporting import keep
from swinkit.types import Layout


@dataclass(frozen=True)
class Run:
    """A trained run."""

    dir: Path
    recipe: Recipe

    @classmethod
    def at(cls, path: Path | str) -> Run:
        """The run in that folder; ConfigError where there is none."""
        folder = RunFolder(Path(path))
        return cls(folder.path, folder.recipe())

    @property
    def report(self) -> Path:
        """The page about this run."""
        return self.dir / "report.html"

    @cached_property
    def predictor(self) -> Predictor:
        """The best weights, opened when they are first needed."""
        return open_run(self.dir, task=self.recipe.task)

    def evaluate(
        self,
        split: str = "test",
        *,
        layout: Layout | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Evaluation:
        """Measure the best weights on a split of the run's own data, kept in its report, or of another layout."""
        evaluation = evaluate(self.predictor, split, layout=layout, progress=progress)
        if layout is None:
            keep(self.dir, self.predictor, evaluation)
            if evaluation.details.get("chosen"):  # settings that predictions take from here on
                self.__dict__.pop("predictor", None)
        return evaluation

    def predict(self, source: Path | str | np.ndarray | Mapping[str, Any]) -> Result:
        """The answer for one file or array, or for several inputs by name."""
        return self.predictor(source)
