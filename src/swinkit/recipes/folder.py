"""What a run folder holds, and who may write there."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swinkit.engine import Checkpoints
from swinkit.files import CheckpointError, ConfigError, replace_file
from swinkit.recipes.learning import remembered
from swinkit.recipes.older import as_before, readable
from swinkit.recipes.plain import differences, from_plain, part, to_plain
from swinkit.recipes.recipe import Recipe
from swinkit.recipes.text import read_text
from swinkit.types import Task

PARTS = (
    "recipe.json",
    "environment.json",
    "metrics.csv",
    "checkpoints",
    "evaluations",
    "report.html",
    "pictures",
    "tokenizer.json",
)
"""Everything that is ever written into a run folder, and so all that may be removed from one."""


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    def file(self, name: str) -> Path:
        """The path of one of `PARTS`."""
        return self.path / name

    @property
    def holds_run(self) -> bool:
        """Whether there is a run in it."""
        return self.file("recipe.json").is_file()

    def plain(self) -> dict[str, Any]:
        """recipe.json as JSON values.

        Raises:
            ConfigError: there is no run here.
        """
        if not self.path.is_dir():
            raise ConfigError(f"{self.path}: there is no such run folder")
        if not self.holds_run:
            raise ConfigError(f"{self.path}: is no run folder: it has no recipe.json")
        return readable(read_text(self.file("recipe.json")))

    def recipe(self, task: Task | None = None) -> Recipe:
        """The recipe of the run; `task` takes the place of one that swinkit does not know."""
        return remembered(from_plain(self.plain(), where=str(self.file("recipe.json")), task=task), self.path)

    def checkpoints(self, recipe: Recipe) -> Checkpoints:
        """The checkpoints of the run; those of another recipe are refused."""
        return Checkpoints(self.file("checkpoints"), fingerprint=fingerprint(recipe), keep=recipe.training.keep)

    def start(self, recipe: Recipe, *, overwrite: bool) -> None:
        """Make the folder this run's: write recipe.json, remove an older run if that was asked for.

        Raises:
            ConfigError: something is there already.
        """
        data = Path(recipe.data.path)
        if data.is_dir() and self.path.resolve().is_relative_to(data.resolve()):
            raise ConfigError(f"{self.path}: lies in the data folder, which is never written to: choose another --out")
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{self.path}: is a file: choose another --out")
        if self.holds_run and not overwrite and self.checkpoints(recipe).candidates():
            raise ConfigError(
                f"{self.path}: holds a run already: continue it with --resume, replace it with --overwrite, "
                "or choose another --out"
            )
        if not self.holds_run and self.path.is_dir() and any(self.path.iterdir()):
            raise ConfigError(f"{self.path}: holds other files and no run: choose a new folder for --out")
        if self.holds_run:
            with self.checkpoints(recipe).lock():  # nobody may be writing
                pass
            self._clear()
        self.path.mkdir(parents=True, exist_ok=True)
        self.write("recipe.json", to_plain(recipe))

    def go_on(self, recipe: Recipe, resume: str) -> Path:
        """The checkpoint to continue from, named as in `find`.

        Raises:
            ConfigError: the run has another recipe; names what differs.
            CheckpointError: there is no such checkpoint, or no usable one at all.
        """
        saved = self.plain()
        training = part("training", saved.get("training", {}), where=str(self.file("recipe.json")))
        saved = {
            **{name: value for name, value in saved.items() if name != "format"},
            "training": training.fingerprint(),
        }
        if differing := differences(as_before(saved), fingerprint(recipe)):
            raise ConfigError(
                f"{self.path}: was trained with another recipe ({'; '.join(differing)}): "
                "resume with the same values, or train anew with another --out"
            )
        return self.find(recipe, resume)

    def find(self, recipe: Recipe, name: str) -> Path:
        """A checkpoint of the run: `last`, `best`, a step's number, `step-N` or a path.

        Raises:
            CheckpointError: there is no such checkpoint, or no usable one at all.
        """
        checkpoints = self.checkpoints(recipe)
        if name in ("last", "best"):
            found = checkpoints.last() if name == "last" else checkpoints.best()
            if found is None:
                raise CheckpointError(f"{self.path}: holds no checkpoint yet: train it first")
            return found
        name = f"step-{name}" if name.isdigit() else name
        path = Path(name) if len(Path(name).parts) > 1 else self.file("checkpoints") / name
        if not path.is_dir():
            there = ", ".join(f"step-{step}" for step in checkpoints.candidates()) or "none"
            raise CheckpointError(f"{path}: there is no such checkpoint; there are: {there}")
        return path

    def write(self, name: str, value: Any) -> None:
        """Put JSON at `name`, whole or not at all."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())

    def read(self, name: str) -> Any:
        """The JSON at `name`, None where there is none."""
        path = self.path / name
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    def rows(self) -> list[dict[str, str]]:
        """The rows of metrics.csv."""
        path = self.file("metrics.csv")
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def _clear(self) -> None:
        for name in PARTS:
            path = self.file(name)
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def fingerprint(recipe: Recipe) -> dict[str, Any]:
    """What of a recipe decides about the numbers: a run goes on only where all of this is the same."""
    plain = to_plain(recipe)
    del plain["format"]
    return as_before({**plain, "training": recipe.training.fingerprint()})


def free_folder(recipe: Recipe, under: Path = Path("runs")) -> Path:
    """A folder that is not there yet: runs/segment-camvid-swin_t, or the same with the next number."""
    plain = to_plain(recipe)
    task, model = plain["task"]["kind"].split(":")[-1].lower(), recipe.model.name.split("/")[-1]
    name = f"{task}-{Path(recipe.data.path).name}-{model}"
    number = 1
    while (path := under / (name if number == 1 else f"{name}-{number}")).exists():
        number += 1
    return path
